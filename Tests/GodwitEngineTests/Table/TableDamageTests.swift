import GodwitSimulation
import Testing

@testable import GodwitEngine

private let entries: [TestEntry] = (0..<60).map { (index: Int) -> TestEntry in
    var entry = TestEntry(Array("key\(1000 + index)".utf8), SequenceNumber(100 + index))
    if index % 9 == 0 { entry.kind = .delete } else { entry.value = Array("value of \(index)".utf8) }
    if index % 7 == 0 { entry.deadline = 1_700_000_000_000 + UInt64(index) }
    return entry
}
private let tombstones = [RangeTombstone(start: [1], end: [2], sequence: 7)]
private let options = TableOptions(blockSize: 512)

/// Asks everything of a table: each answer must be right or a clear error. Returns how many were errors.
@discardableResult
private func askEverything(_ reader: TableReader, _ note: Comment) throws -> Int {
    var errors = 0
    func expect<T: Equatable>(_ wanted: T, _ body: () throws -> T) throws {
        do {
            let answer = try body()
            #expect(answer == wanted, note)
        } catch let error as EngineError {
            #expect(error.code == .corruption || error.code == .unsupportedFormat, note)
            #expect(error.file == TableFixture.path && error.offset != nil, note)
            errors += 1
        }
    }
    for entry in entries { try expect(entry) { try reader.get(entry.key) } }
    try expect(nil) { try reader.get(Array("key1000x".utf8)) }
    try expect(entries) { try reader.all(fillCache: false) }
    try expect(tombstones) { try reader.rangeTombstones().items }
    return errors
}

@Test("any flipped bit gives right answers or an error, never another answer, and verify finds it")
func bitFlipInEveryBlockKind() throws {
    let fixture = try TableFixture()
    let summary = try fixture.write(entries, tombstones: tombstones, options: options)
    let undamaged = try fixture.reader()
    #expect(try askEverything(undamaged, "undamaged") == 0)
    #expect(try undamaged.readFooter().dataUnits > 3)
    for offset in 0..<summary.size {
        try fixture.files.flipBits(TableFixture.path, at: offset, mask: 1 << UInt8(offset & 7))
        #expect(try !fixture.reader().damages().isEmpty, "verify misses byte \(offset)")
        if offset % 5 == 0 || offset > summary.dataBytes { try askEverything(fixture.reader(), "byte \(offset)") }
        try fixture.files.flipBits(TableFixture.path, at: offset, mask: 1 << UInt8(offset & 7))
    }
    #expect(try fixture.reader().damages().isEmpty)
}

@Test("a table that was cut at any byte, or emptied, is an error")
func truncatedOrEmptyTable() throws {
    let fixture = try TableFixture()
    let summary = try fixture.write(entries, tombstones: tombstones, options: options)
    let whole = try #require(fixture.files.contents(TableFixture.path))
    for length in Array(stride(from: 0, to: whole.count, by: 13)) + [whole.count - 1] {
        try fixture.files.setContents(TableFixture.path, Array(whole[..<length]))
        let reader = try fixture.reader(size: summary.size)
        #expect(throws: EngineError.self) { try reader.get(entries[0].key) }
        #expect(throws: EngineError.self) { try reader.all() }
        #expect(try !reader.damages().isEmpty)
        // The manifest may say the shorter size too.
        let other = try fixture.reader()
        #expect(throws: EngineError.self) { try other.get(entries[0].key) }
        #expect(try !other.damages().isEmpty)
    }
}

@Test("a block that was written to another block's place does not verify there")
func misdirectedBlock() throws {
    let fixture = try TableFixture()
    try fixture.write(
        entries.map { TestEntry($0.key, 1, [UInt8](repeating: 1, count: 20)) },
        options: TableOptions(blockSize: 512, compression: .none))
    let reader = try fixture.reader()
    let root = try reader.root().root
    let partition = try reader.readOwned(.index, root.top.handle(0))
    defer { partition.deallocate() }
    let index = IndexBlock(partition.content)
    let same = (1..<index.count - 1).first { index.handle($0).length == index.handle(0).length }
    let handle = index.handle(try #require(same))
    var bytes = try #require(fixture.files.contents(TableFixture.path))
    for byte in 0..<handle.length { bytes[Int(handle.offset) + byte] = bytes[byte] }
    try fixture.files.setContents(TableFixture.path, bytes)
    let found = try fixture.reader().damages()
    #expect(found.count == 1 && found[0].offset == handle.offset)
    let fresh = try fixture.reader()
    var errors = 0
    for entry in entries {
        do { #expect(try fresh.get(entry.key)?.key == entry.key) } catch { errors += 1 }
    }
    #expect(errors > 0 && errors < 20)
}

@Test("a write that was lost leaves the block of an older table, which does not verify")
func lostWriteStaleBlock() throws {
    var fixture = try TableFixture()
    try fixture.write(entries, options: options)
    let old = try #require(fixture.files.contents(TableFixture.path))
    try fixture.files.remove(TableFixture.path)
    fixture.id = TableID(high: 9, low: 9)
    try fixture.write(entries, options: options)
    var bytes = try #require(fixture.files.contents(TableFixture.path))
    #expect(bytes.count == old.count)
    bytes.replaceSubrange(0..<512, with: old[0..<512])
    try fixture.files.setContents(TableFixture.path, bytes)
    #expect(try fixture.reader().damages().first?.offset == 0)
    #expect(throws: EngineError.self) { try fixture.reader().get(entries[0].key) }
}

@Test("keys in undamaged blocks stay readable when one block is damaged")
func corruptBlockIsolated() throws {
    let fixture = try TableFixture()
    try fixture.write(entries, options: options)
    try fixture.files.flipBits(TableFixture.path, at: 100)
    let reader = try fixture.reader()
    let errors = entries.filter { entry in
        do throws(EngineError) {
            let found = try reader.get(entry.key)
            #expect(found == entry)
            return false
        } catch {
            #expect(error.code == .corruption && error.offset == 0)
            return true
        }
    }
    #expect(errors.count > 0 && errors.count < 30 && errors == Array(entries.prefix(errors.count)))
    #expect(try reader.damages().count == 1)
}

/// Makes a unit with a good checksum.
private func seal(
    _ content: [UInt8], kind: UnitKind, rawLength: Int, compression: Compression, id: TableID, offset: UInt64
) -> [UInt8] {
    let out = ByteWriter()
    out.appendZeros(8)
    out.append(UInt32(rawLength) | UInt32(kind.rawValue) << 28)
    out.append(UInt32(content.count) | UInt32(compression.rawValue) << 28)
    out.append(content)
    out.patch(out.view.dropFirst(8).longHash(seed: TableFormat.seed(id, offset)), at: 0)
    return out.array
}

@Test("a block that says it is huge is refused before memory is taken")
func decompressionBomb() throws {
    let id = TableID(high: 1, low: 2)
    func check(_ unit: [UInt8], _ kind: UnitKind) throws(FormatProblem) {
        try unit.withView { (view) throws(FormatProblem) in
            _ = try UnitHeader(checking: view, kind: kind, id: id, offset: 0)
        }
    }
    let small = [UInt8](repeating: 0, count: 40)
    let kinds: [UnitKind] = [.data, .filter, .index, .top, .rangeTombstones, .properties]
    for kind in kinds {
        for length in [min(kind.maxContent + 1, 0x0FFF_FFFF), 40 * 255 + 65, 0x0FFF_FFFF] {
            let bomb = seal(small, kind: kind, rawLength: length, compression: .lz4, id: id, offset: 0)
            #expect(throws: FormatProblem.self) { try check(bomb, kind) }
        }
        let lie = seal(small, kind: kind, rawLength: 41, compression: .none, id: id, offset: 0)
        #expect(throws: FormatProblem.self) { try check(lie, kind) }
        let fine = seal(small, kind: kind, rawLength: 40, compression: .none, id: id, offset: 0)
        #expect(throws: Never.self) { try check(fine, kind) }
    }
}

@Test("a table of another store, or of another number of this one, is named as such")
func tableOfAnotherStore() throws {
    let fixture = try TableFixture()
    try fixture.write(entries, options: options)
    let wrongID = try fixture.reader(id: TableID(high: 5, low: 5))
    let error = #expect(throws: EngineError.self) { try wrongID.get(entries[0].key) }
    #expect(error?.code == .corruption && error?.message.contains("another table or store") == true)
    #expect(try !wrongID.damages().isEmpty)
    let wrongSeed = try fixture.reader(hashSeed: 1)
    let other = #expect(throws: EngineError.self) { try wrongSeed.get(entries[0].key) }
    #expect(other?.message.contains("another hash seed") == true)
}

@Test("a read that fails is an error for the caller, and the next one works")
func failedReadsAreErrors() throws {
    let fixture = try TableFixture()
    try fixture.write(entries, options: options)
    for call in 1...8 {
        let reader = try fixture.reader()
        fixture.files.inject(Fault(.error(5), on: .read, atCall: call))
        var failed = 0
        for entry in entries {
            do { #expect(try reader.get(entry.key) == entry) } catch { failed += 1 }
        }
        #expect(failed == 1, "call \(call)")
        for entry in entries { #expect(try reader.get(entry.key) == entry) }
        fixture.files.clearFaults()
        fixture.files.inject(Fault(.short(7), on: .read, atCall: call, times: 50))
        #expect(try fixture.reader().all() == entries)
        fixture.files.clearFaults()
    }
}

@Test("a disk that fills up or fails fails the writer")
func failedWritesAreErrors() throws {
    let fixture = try TableFixture()
    for kind in [CallKind.write, .sync] {
        fixture.files.inject(Fault(.error(28), on: kind, path: "x.sst"))
        #expect(throws: EngineError.self) { try fixture.write(entries, path: "/store/x.sst") }
        fixture.files.clearFaults()
        try fixture.files.remove("/store/x.sst")
    }
}

@Test("mutated content of data and index blocks is refused or read within its bounds, never a crash")
func mutatedBlocks() throws {
    let seed = testSeed()
    let random = SeededRandom(seed: seed)
    let builder = DataBlockBuilder()
    for entry in entries { entry.lend { builder.add($0, tag: UInt8($0.key.count)) } }
    let data = ByteWriter()
    builder.finish(into: data, continues: false)
    let rows = IndexBlockBuilder(firstUnit: 0, baseOffset: 10)
    for entry in entries { entry.key.withView { rows.add($0, length: 40) } }
    let index = rows.finish()
    for _ in 0..<20_000 {
        try mutate(data.array, random) { (view) throws(FormatProblem) in
            try DataBlock.validate(view)
        } use: { bytes in
            let block = DataBlock(bytes)
            for entry in 0..<block.count {
                _ = (block.suffix(entry).array, block.value(entry).array, block.sequence(entry), block.deadline(entry))
                _ = block.kind(entry)
            }
            entries[3].key.withView { _ = (block.find($0, hash: 7, at: 9), block.lowerBound($0)) }
        }
        try mutate(index.array, random) { (view) throws(FormatProblem) in
            try IndexBlock.validate(view, units: 1000, end: 1 << 30)
        } use: { bytes in
            let block = IndexBlock(bytes)
            for row in 0..<block.count { _ = (block.separator(row), block.handle(row)) }
            entries[3].key.withView { _ = block.lowerBound($0) }
        }
    }
    withExtendedLifetime((data, index)) {}
}

/// Changes, cuts or extends bytes, and reads them where they are accepted: in memory of their exact length and slack,
/// so that the address sanitizer sees a step outside.
private func mutate(
    _ original: [UInt8], _ random: SeededRandom, check: (ByteView) throws(FormatProblem) -> Void,
    use: (TrustedBytes) -> Void
) throws {
    var bytes = original
    for _ in 0...random.below(4) {
        let value = UInt8(random.pick([0, 1, 0x7F, 0xFF, random.below(256)]))
        // Heads decide most.
        bytes[random.chance(1, in: 2) ? random.below(40) : random.below(bytes.count)] = value
    }
    if random.chance(1, in: 8) { bytes.removeLast(random.below(bytes.count)) }
    if random.chance(1, in: 8) { bytes += random.bytes(random.below(40)) }
    let block = CachedBlock.allocate(length: bytes.count, kind: .data)
    defer { block.deallocate() }
    for (offset, byte) in bytes.enumerated() {
        unsafe block.target.storeBytes(of: byte, toByteOffset: offset, as: UInt8.self)
    }
    do throws(FormatProblem) { try check(block.view) } catch { return }
    use(block.content)
}

@Test("an unknown column, layout bit or index flag is an unsupported format, not damage")
func unknownBits() throws {
    let builder = DataBlockBuilder()
    for entry in entries { entry.lend { builder.add($0, tag: 1) } }
    let data = ByteWriter()
    builder.finish(into: data, continues: false)
    for (offset, bit) in [(2, 8), (2, 128), (3, 64), (3, 128)] {
        var bytes = data.array
        bytes[offset] |= UInt8(bit)
        let problem = #expect(throws: FormatProblem.self) {
            try bytes.withView { (view) throws(FormatProblem) in try DataBlock.validate(view) }
        }
        guard case .unsupported = problem else {
            Issue.record("\(offset) \(bit)")
            continue
        }
    }
}
