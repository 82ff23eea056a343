import GodwitSimulation
import Testing

@testable import GodwitEngine

/// A key of a kind that a seed chose: short and dense, with a long common prefix, or of very unequal length.
private func randomKey(_ random: SeededRandom, style: Int) -> [UInt8] {
    switch style {
    case 0: (0..<random.below(4)).map { _ in UInt8(random.pick([0, 1, 0x61, 0xFE, 0xFF])) }
    case 1: Array("tenant/00000000/".utf8) + random.bytes(random.below(3))
    case 2: random.bytes(16)
    default: Array(repeating: 0x61, count: random.below(300)) + random.bytes(random.below(2))
    }
}

private func randomEntries(_ random: SeededRandom, style: Int, count: Int) -> [TestEntry] {
    var seen: Set<[UInt8]> = []
    var entries: [TestEntry] = []
    for _ in 0..<count {
        let key = randomKey(random, style: style)
        guard seen.insert(key).inserted else { continue }
        let versions = random.chance(1, in: 4) ? random.below(random.chance(1, in: 20) ? 120 : 6) + 1 : 1
        var sequence = UInt64(random.below(1 << random.within(1...40)))
        for _ in 0..<versions {
            sequence += UInt64(1 + random.below(3))
            let isDelete = random.chance(1, in: 5)
            let size = random.chance(1, in: 50) ? random.below(70_000) : random.below(120)
            entries.append(
                TestEntry(
                    key, sequence, isDelete ? [] : random.bytes(size), kind: isDelete ? .delete : .put,
                    deadline: random.chance(1, in: 8) ? 1_700_000_000_000 + UInt64(random.below(100_000)) : 0))
        }
    }
    return entries.sorted(by: TestEntry.precedes)
}

@Test("a table answers as a sorted array does: random entries, options, snapshots, cache sizes", arguments: 0..<24)
func tableAnswersAsTheModel(round: Int) throws {
    let seed = testSeed() &+ UInt64(round)
    let random = SeededRandom(seed: seed)
    let entries = randomEntries(random, style: round % 4, count: random.pick([0, 1, 5, 300, 1500]))
    var options = TableOptions()
    options.blockSize = random.pick([512, 1024, 4096, 60 << 10])
    options.compression = random.pick([Compression.none, Compression.lz4])
    options.filterBitsPerKey = random.pick([0, 1, 10, 20])
    let fixture = try TableFixture()
    let summary = try fixture.write(entries, options: options)
    let visible: SequenceNumber =
        random.chance(1, in: 2) ? .max : entries.isEmpty ? 3 : random.pick(entries).sequence
    let cache = BlockCache(capacity: random.pick([0, 64 << 10, 300 << 10, 16 << 20]))
    let reader = try fixture.reader(cache: cache, visibleThrough: visible)
    let seen = entries.filter { $0.sequence <= visible }

    #expect(summary.entries == UInt64(entries.count), "seed \(seed)")
    #expect(summary.smallestKey == entries.first?.key ?? [], "seed \(seed)")
    #expect(summary.largestKey == entries.last?.key ?? [], "seed \(seed)")
    #expect(try fixture.reader().damages() == [], "seed \(seed)")
    for _ in 0..<400 {
        let known = entries.isEmpty ? nil : random.pick(entries)
        let key = known != nil && random.chance(3, in: 4) ? known!.key : randomKey(random, style: round % 4)
        let snapshot = random.chance(1, in: 2) ? .max : known?.sequence ?? 5
        #expect(try reader.get(key, at: snapshot) == expected(seen, key, at: snapshot), "seed \(seed) key \(key)")
    }
    #expect(try reader.all(fillCache: random.chance(1, in: 2)) == seen, "seed \(seed)")
    try walk(reader, seen, random, style: round % 4, seed: seed)
}

/// Random seeks and moves, compared with an index into the array.
private func walk(
    _ reader: TableReader, _ entries: [TestEntry], _ random: SeededRandom, style: Int, seed: UInt64
) throws {
    let iterator = reader.iterator(fillCache: random.chance(1, in: 2))
    var place = -1
    for step in 0..<600 {
        let isKnown = !entries.isEmpty && random.chance(2, in: 3)
        let key = isKnown ? random.pick(entries).key : randomKey(random, style: style)
        switch random.below(12) {
        case 0:
            try iterator.seekToFirst()
            place = entries.isEmpty ? -1 : 0
        case 1:
            try iterator.seekToLast()
            place = entries.count - 1
        case 2:
            try key.withView { (view) throws(EngineError) in try iterator.seek(view) }
            place = entries.firstIndex { !$0.key.lexicographicallyPrecedes(key) } ?? -1
        case 3:
            try key.withView { (view) throws(EngineError) in try iterator.seekBefore(view) }
            place = entries.lastIndex { $0.key.lexicographicallyPrecedes(key) } ?? -1
        case 4...7:
            try iterator.next()
            if place >= 0 { place = place + 1 < entries.count ? place + 1 : -1 }
        default:
            try iterator.previous()
            if place >= 0 { place -= 1 }
        }
        let current = iterator.current.map { TestEntry($0) }
        #expect(current == (place < 0 ? nil : entries[place]), "seed \(seed) step \(step)")
    }
}

@Test("keys and values at their limits come back whole")
func limits() throws {
    let long = [UInt8](repeating: 0xFF, count: 16 << 10)
    let big = SeededRandom(seed: 9).bytes(16 << 20)
    var entries = [
        TestEntry([], 9, []), TestEntry([], 4, [1]), TestEntry([0], 3, big), TestEntry([0, 0], 8, [2]),
        TestEntry(long, 7, [3]),
    ]
    entries.append(TestEntry(Array(long.dropLast()) + [0xFE], 6, [4]))
    entries.sort(by: TestEntry.precedes)
    for compression in [Compression.none, .lz4] {
        let fixture = try TableFixture()
        try fixture.write(entries, options: TableOptions(compression: compression))
        let reader = try fixture.reader()
        for entry in entries { #expect(try reader.get(entry.key, at: entry.sequence) == entry) }
        #expect(try reader.all() == entries)
        #expect(try reader.damages() == [])
    }
    let fixture = try TableFixture()
    #expect(throws: EngineError.self) { try fixture.write([TestEntry(long + [0], 1)]) }
}

@Test("versions of one key that span blocks and partitions are all found")
func versionsSpanBlocks() throws {
    let key = Array("the one key".utf8)
    var entries = (1...8000).reversed().map {
        TestEntry(key, SequenceNumber($0), [UInt8](repeating: UInt8($0 & 255), count: 100))
    }
    entries.insert(TestEntry(Array("the".utf8), 5), at: 0)
    entries.append(TestEntry(Array("then".utf8), 6))
    let fixture = try TableFixture()
    try fixture.write(entries, options: TableOptions(blockSize: 512, compression: .none))
    for capacity in [0, 8 << 20] {
        let reader = try fixture.reader(cache: BlockCache(capacity: capacity))
        #expect(try reader.root().root.partitions > 1)
        for snapshot: SequenceNumber in [1, 2, 17, 4000, 7999, 8000, .max] {
            #expect(try reader.get(key, at: snapshot)?.sequence == min(snapshot, 8000))
        }
        #expect(try reader.get(key, at: 0) == nil)
    }
    #expect(try fixture.reader().damages() == [])
}

@Test("an ingested table's entries all read as having its sequence number")
func globalSequence() throws {
    let fixture = try TableFixture()
    try fixture.write(
        [TestEntry([1], 0, [7]), TestEntry([2], 0, [], kind: .delete)],
        tombstones: [RangeTombstone(start: [5], end: [6], sequence: 1)])
    let reader = try fixture.reader(globalSequence: 50)
    #expect(try reader.get([1]) == TestEntry([1], 50, [7]))
    #expect(try reader.get([1], at: 49) == nil)
    #expect(try reader.all().map(\.sequence) == [50, 50])
    #expect(try reader.rangeTombstones().items == [RangeTombstone(start: [5], end: [6], sequence: 50)])
    #expect(try fixture.reader(visibleThrough: 49, globalSequence: 50).all() == [])
}

@Test("range tombstones come back, widen the key range, and obey visibleThrough")
func rangeTombstonesInTables() throws {
    let fixture = try TableFixture()
    let items = [
        RangeTombstone(start: [1], end: [4], sequence: 9), RangeTombstone(start: [3], end: [8], sequence: 20),
    ]
    let summary = try fixture.write([TestEntry([5], 12, [1])], tombstones: items)
    #expect(summary.smallestKey == [1] && summary.largestKey == [8] && summary.rangeTombstones == 2)
    #expect(summary.minSequence == 9 && summary.maxSequence == 20)
    let reader = try fixture.reader()
    let set = try reader.rangeTombstones()
    #expect([3].withView { set.covering($0, at: .max) } == 20)
    #expect([3].withView { set.covering($0, at: 19) } == 9)
    #expect(try reader.rangeTombstones() === set)
    #expect(try fixture.reader(visibleThrough: 10).rangeTombstones().maxSequence == 9)
    #expect(try reader.damages() == [])
    let only = try TableFixture()
    try only.write([], tombstones: items)
    #expect(try only.reader().get([5]) == nil)
    #expect(try only.reader().all() == [])
    #expect(try only.reader().damages() == [])
}

@Test("opening reads nothing; a resident read needs no file; residentOnly says so where one is needed")
func residentReads() throws {
    let fixture = try TableFixture()
    let entries = (0..<2000).map { TestEntry(Array("key\(10_000 + $0)".utf8), 1, Array("value \($0)".utf8)) }
    try fixture.write(entries)
    let reader = try fixture.reader()
    let before = fixture.files.callCount(of: .read)
    #expect(throws: EngineError.self) { try reader.get(entries[7].key, residentOnly: true) }
    #expect(fixture.files.callCount(of: .read) == before)
    for entry in entries { #expect(try reader.get(entry.key) == entry) }
    let after = fixture.files.callCount(of: .read)
    for entry in entries { #expect(try reader.get(entry.key, residentOnly: true) == entry) }
    #expect(fixture.files.callCount(of: .read) == after)
    let statistics = reader.cache.statistics
    #expect(statistics.dataHits >= 3900 && statistics.dataBytes > 0 && statistics.filterBytes > 0)
    reader.retire()
    #expect(throws: EngineError.self) { try reader.get(entries[7].key, residentOnly: true) }
    #expect(try reader.get(entries[7].key) == entries[7])
}

@Test("approximate offsets grow with the keys, and properties repeat the summary")
func offsetsAndProperties() throws {
    let fixture = try TableFixture()
    let entries = (0..<5000).map { TestEntry(Array("key\(10_000 + $0)".utf8), 1, Array("value \($0)".utf8)) }
    let summary = try fixture.write(entries)
    let reader = try fixture.reader()
    _ = try reader.all()
    let offsets = stride(from: 0, to: 5000, by: 50).map { index in
        entries[index].key.withView { reader.approximateOffset(of: $0) }
    }
    #expect(offsets == offsets.sorted() && offsets[0] == 0 && offsets[99] > summary.dataBytes * 9 / 10)
    var said = try reader.properties().summary
    (said.size, said.dataBytes, said.filterBytes, said.indexBytes) =
        (summary.size, summary.dataBytes, summary.filterBytes, summary.indexBytes)
    #expect(said == summary)
}

@Test("a false positive rate near one in a hundred at ten bits a key")
func filterRate() throws {
    var builder = FilterBuilder(bitsPerKey: 10)
    let random = SeededRandom(seed: 4)
    for _ in 0..<200_000 { builder.add(random.next()) }
    let (units, lines) = builder.finish()
    #expect(units.count == 4)
    var passed = 0
    for _ in 0..<100_000 {
        let hash = random.next()
        let place = FilterUnit.place(hash, units: UInt64(units.count), lines: UInt64(lines))
        let filter = unsafe FilterUnit(TrustedBytes(units[place.unit].view.base))
        if filter.mayContain(hash, line: place.line) { passed += 1 }
    }
    #expect(passed < 1400)
}

@Test("a separator is at least the last key and below the next one, and short")
func separators() {
    let random = SeededRandom(seed: testSeed())
    for _ in 0..<20_000 {
        let pair = [randomKey(random, style: random.below(4)), randomKey(random, style: random.below(4))]
            .sorted { $0.lexicographicallyPrecedes($1) }
        if pair[0] == pair[1] { continue }
        let separator = pair[0].withView { last in
            pair[1].withView { IndexBlockBuilder.separator(last, $0) }
        }
        #expect(!separator.lexicographicallyPrecedes(pair[0]) && separator.lexicographicallyPrecedes(pair[1]))
        #expect(separator.count <= max(pair[0].count, pair[1].count))
    }
}
