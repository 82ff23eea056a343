import GodwitSimulation
import Synchronization
import Testing

@testable import GodwitEngine

private func makeEntries(_ count: Int, valueSize: Int = 60) -> [TestEntry] {
    (0..<count).map { index in
        TestEntry(
            Array("key\(1_000_000 + index)".utf8), SequenceNumber(index + 1),
            SeededRandom(seed: UInt64(index)).bytes(valueSize))
    }
}

@Test("size classes hold what they are chosen for, and lose little")
func sizeClasses() {
    for size in 1...CacheSpans.spanSize {
        guard let found = CacheSpans.sizeClass(size) else {
            Issue.record("\(size)")
            return
        }
        let object = CacheSpans.objectSize(found)
        #expect(object >= size && object * CacheSpans.counts[found] <= CacheSpans.spanSize && object % 64 == 0)
        if found + 1 < CacheSpans.counts.count { #expect(CacheSpans.objectSize(found + 1) < size) }
    }
    #expect(CacheSpans.sizeClass(CacheSpans.spanSize + 1) == nil)
    #expect(CacheSpans.sizeClass(4096).map { CacheSpans.counts[$0] } == 16)
}

@Test("a cache far smaller than the table stays within its budget and answers rightly")
func tinyCapacity() throws {
    let entries = makeEntries(6000)
    let fixture = try TableFixture()
    try fixture.write(entries)
    let seed = testSeed()
    for capacity in [0, 100_000, 200_000, 400_000] {
        let random = SeededRandom(seed: seed)
        let cache = BlockCache(capacity: capacity)
        let reader = try fixture.reader(cache: cache)
        for _ in 0..<6000 {
            let entry = random.pick(entries)
            #expect(try reader.get(entry.key) == entry)
            let now = cache.statistics
            let used = now.dataBytes + now.filterBytes + now.indexBytes
            #expect(used <= max(0, capacity - now.chargedBytes), "seed \(seed)")
        }
        let statistics = cache.statistics
        if capacity >= 200_000 { #expect(statistics.evictions > 100 && statistics.inserts > statistics.evictions) }
    }
}

@Test("filters and indexes stay while data blocks come and go")
func dataGoesFirst() throws {
    let entries = makeEntries(12_000)
    let fixture = try TableFixture()
    try fixture.write(entries)
    let cache = BlockCache(capacity: 600_000)
    let reader = try fixture.reader(cache: cache)
    let random = SeededRandom(seed: 3)
    for _ in 0..<20_000 { _ = try reader.get(random.pick(entries).key) }
    let statistics = cache.statistics
    #expect(statistics.filterBytes > 0 && statistics.indexBytes > 0 && statistics.evictions > 1000)
    #expect(statistics.filterHits + statistics.indexHits > statistics.dataHits)
}

@Test("what is read often survives a scan's worth of other blocks")
func hotBlocksSurvive() throws {
    let entries = makeEntries(12_000)
    let fixture = try TableFixture()
    try fixture.write(entries)
    let reader = try fixture.reader(cache: BlockCache(capacity: 600_000))
    let random = SeededRandom(seed: 3)
    let hot = Array(entries[100..<140])
    var misses = 0
    for _ in 0..<10_000 {
        for _ in 0..<2 {
            let entry = random.pick(hot)
            do { _ = try reader.get(entry.key, residentOnly: true) } catch { misses += 1 }
            #expect(try reader.get(entry.key) == entry)
        }
        _ = try reader.get(random.pick(entries).key)
    }
    #expect(misses < 400)
}

@Test("lowering the budget lets blocks go, raising it lets them come back")
func capacityChanges() throws {
    let entries = makeEntries(12_000)
    let fixture = try TableFixture()
    try fixture.write(entries)
    let cache = BlockCache(capacity: 4 << 20)
    let reader = try fixture.reader(cache: cache)
    for entry in entries { _ = try reader.get(entry.key) }
    #expect(cache.statistics.dataBytes > 800_000)
    cache.setCapacity(300_000)
    #expect(cache.statistics.dataBytes < 300_000)
    for entry in entries { #expect(try reader.get(entry.key) == entry) }
    cache.setCapacity(0)
    #expect(cache.statistics.dataBytes == 0 && cache.statistics.filterBytes == 0)
    for entry in entries.prefix(100) { #expect(try reader.get(entry.key) == entry) }
    cache.setCapacity(4 << 20)
    for entry in entries { #expect(try reader.get(entry.key) == entry) }
    #expect(cache.statistics.dataBytes > 800_000)
}

@Test("blocks larger than a span are cached and counted, and refused where they would fill the cache")
func largeBlocks() throws {
    let entries = makeEntries(6, valueSize: 300_000)
    let fixture = try TableFixture()
    try fixture.write(entries)
    let cache = BlockCache(capacity: 4 << 20)
    let reader = try fixture.reader(cache: cache)
    for _ in 0..<2 { for entry in entries { #expect(try reader.get(entry.key) == entry) } }
    #expect(cache.statistics.dataBytes >= 6 * 300_000)
    for entry in entries { #expect(try reader.get(entry.key, residentOnly: true) == entry) }
    let small = BlockCache(capacity: 1 << 20)
    let other = try fixture.reader(cache: small)
    for entry in entries { #expect(try other.get(entry.key) == entry) }
    #expect(small.statistics.refusals > 0 && small.statistics.dataBytes == 0)
    let middle = BlockCache(capacity: 1_300_000)
    let third = try fixture.reader(cache: middle)
    for _ in 0..<3 { for entry in entries { #expect(try third.get(entry.key) == entry) } }
    #expect(middle.statistics.evictions > 0 && middle.statistics.dataBytes <= 1_300_000)
}

@Test("a held read keeps its value while the cache turns over, and fills are refused past a tenth of the budget")
func heldReadKeepsItsValue() throws {
    let entries = makeEntries(12_000)
    let fixture = try TableFixture()
    try fixture.write(entries)
    let cache = BlockCache(capacity: 400_000)
    let reader = try fixture.reader(cache: cache)
    for entry in entries.prefix(500) { _ = try reader.get(entry.key) }
    try EpochDomain.read { () throws(EngineError) in
        try entries[499].key.withView { (key) throws(EngineError) in
            var lent = LentBlock()
            let lookup = try reader.find(
                key, hash: key.hash(seed: reader.hashSeed), at: .max, residentOnly: false, lent: &lent)
            guard case .found(let entry) = lookup else {
                Issue.record("absent")
                return
            }
            for other in entries { _ = try reader.get(other.key) }
            #expect(cache.statistics.refusals > 0)
            #expect(cache.statistics.deferredBytes <= 400_000 / 10 + (160 << 10))
            #expect(entry.value.array == entries[499].value)
        }
    }
    #expect(collectRetired { cache.statistics.deferredBytes == 0 })
}

@Test("a table that goes with more than a megabyte of blocks leaves room for others, though no background work follows")
func retiredTableMakesRoom() throws {
    let entries = makeEntries(20_000, valueSize: 100)
    let fixture = try TableFixture()
    try fixture.write(entries)
    let cache = BlockCache(capacity: 3_400_000)
    let first = try fixture.reader(cache: cache)
    for entry in entries { _ = try first.get(entry.key) }
    #expect(cache.statistics.dataBytes > 2 * EpochDomain.largeBytes)
    first.retire()
    let second = try fixture.reader(cache: cache)
    for entry in entries { _ = try second.get(entry.key) }
    for entry in entries { #expect(try second.get(entry.key, residentOnly: true) == entry) }
    #expect(cache.statistics.refusals == 0)
}

@Test("an iterator keeps the block it stands in through eviction and the end of its table's life")
func iteratorPinsItsBlock() throws {
    let entries = makeEntries(3000)
    let fixture = try TableFixture()
    try fixture.write(entries)
    let cache = BlockCache(capacity: 2 << 20)
    var reader: TableReader? = try fixture.reader(cache: cache)
    let iterator = try #require(reader).iterator(fillCache: true)
    try iterator.seekToFirst()
    for _ in 0..<1000 { try iterator.next() }
    let value = iterator.current!.value
    cache.setCapacity(0)
    EpochDomain.collect()
    reader?.retire()
    reader = nil
    #expect(value.array == entries[1000].value)
    for entry in entries[1000...] {
        #expect(iterator.current.map { TestEntry($0) } == entry)
        try iterator.next()
    }
    #expect(iterator.current == nil)
}

@Test("readers of many threads get right answers while blocks are evicted, the budget changes and tables retire")
func concurrentReaders() throws {
    let entries = makeEntries(4000)
    let fixture = try TableFixture()
    try fixture.write(entries)
    let cache = BlockCache(capacity: 250_000)
    let readers = try (0..<3).map { _ in try fixture.reader(cache: cache) }
    let wrong = Atomic<Int>(0)
    let seed = testSeed()
    onThreads(4) { thread in
        let random = SeededRandom(seed: seed &+ UInt64(thread))
        for step in 0..<3000 {
            let entry = random.pick(entries)
            let reader = random.pick(readers)
            if thread == 0, step % 500 == 0 { cache.setCapacity(random.pick([100_000, 250_000, 500_000])) }
            if thread == 1, step == 2500 { readers[2].retire() }
            if step % 300 == 7 {
                let iterator = reader.iterator(fillCache: random.chance(1, in: 2))
                try! entry.key.withView { (key) throws(EngineError) in try iterator.seek(key) }
                for _ in 0..<200 { try! iterator.next() }
            }
            if (try? reader.get(entry.key)) != entry { wrong.add(1, ordering: .relaxed) }
        }
    }
    #expect(wrong.load(ordering: .relaxed) == 0, "seed \(seed)")
    #expect(collectRetired { cache.statistics.deferredBytes == 0 })
}
