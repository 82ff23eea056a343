import GodwitSimulation
import Testing

@testable import GodwitEngine

@Suite struct VersionEditTests {
    @Test("an edit with every kind of change reads back as it was")
    func roundTrip() throws {
        #expect(try Sample.decode(Sample.bytes(Sample.everyKind)) == Sample.everyKind)
        #expect(try Sample.decode([]) == VersionEdit())
    }

    @Test("a state's snapshot makes the same state again")
    func snapshotRoundTrip() throws {
        var state = Sample.emptyState
        try state.apply(Sample.everything)
        #expect(state.isClean)
        var again = Sample.emptyState
        try again.apply(try Sample.decode(Sample.bytes(state.snapshotEdit())))
        #expect(again == state)
        #expect(try ManifestState(state, storeID: StoreID(high: 1, low: 2)).keyspaces == state.keyspaces)
    }

    @Test("an edit cut at any byte is an error or a shorter edit, never a trap")
    func cutAnywhere() throws {
        let bytes = Sample.bytes(Sample.everyKind)
        let whole = Sample.everyKind.changes
        for length in 0..<bytes.count {
            do throws(EngineError) {
                let edit = try Sample.decode(Array(bytes[..<length]))
                #expect(edit.changes.count < whole.count && Array(whole[..<edit.changes.count]) == edit.changes)
            } catch {
                #expect(error.code == .corruption && error.file == "MANIFEST" && error.offset! >= 100)
            }
        }
    }

    @Test("a tag that is not known is refused, unless it says that it may be skipped")
    func unknownTags() throws {
        let edit = VersionEdit([.nextFileNumber(5)])
        #expect(try Sample.decode(Sample.bytes(edit) + [0xC0, 2, 9, 9]) == edit)
        let error = #expect(throws: EngineError.self) { try Sample.decode(Sample.bytes(edit) + [0x40, 2, 9, 9]) }
        #expect(error?.code == .unsupportedFormat)
    }

    @Test("a table's description takes optional fields of a newer format")
    func newerTable() throws {
        let table = Sample.table(3, "a", "b")
        let writer = ByteWriter()
        writer.append([0, 1])  // keyspace, level
        table.encode(into: writer)
        writer.append([0x81, 1, 42])
        let optional = [1, UInt8(writer.count)] + writer.array
        #expect(try Sample.decode(optional) == VersionEdit([.addTable(keyspace: 0, level: 1, table)]))
        writer.patch(UInt8(0x01), at: writer.count - 3)
        let required = [1, UInt8(writer.count)] + writer.array
        let error = #expect(throws: EngineError.self) { try Sample.decode(required) }
        #expect(error?.code == .unsupportedFormat)
    }

    @Test("a huge count or length is refused before memory is taken for it")
    func hugeCounts() {
        let huge: [UInt8] = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F]
        for tag in 1...19 as ClosedRange<UInt8> {
            // Tags 14 and 15 are segment numbers, which any number may be.
            if tag != 14, tag != 15 { #expect(throws: EngineError.self) { try Sample.decode([tag, 9] + huge) } }
            #expect(throws: EngineError.self) { try Sample.decode([tag] + huge) }
        }
    }

    @Test("settings have defaults for what is missing, and refuse what makes no sense")
    func settings() throws {
        let missing: [UInt8] = [1, 3, 2, 0x80, 0x40]
        let read = try missing.withView { (view) throws(EngineError) in
            try KeyspaceSettings(decoding: view, source: "record")
        }
        var expected = KeyspaceSettings()
        expected.blockSize = 8192
        #expect(read == expected)
        for (bytes, code): ([UInt8], EngineError.Code) in [
            ([2], .unsupportedFormat), ([1, 2, 1, 9], .unsupportedFormat), ([1, 5, 1, 2], .corruption),
            ([1, 3, 1, 0], .corruption), ([1, 0x30, 0], .unsupportedFormat), ([], .corruption),
            ([1, 6, 4, 1, 0, 1, 0], .corruption),
        ] {
            let error = #expect(throws: EngineError.self) {
                try bytes.withView { (view) throws(EngineError) in
                    try KeyspaceSettings(decoding: view, source: "record")
                }
            }
            #expect(error?.code == code, "\(bytes)")
        }
        expected.filterBitsPerKey = 65
        #expect(throws: EngineError.self) { try expected.validate() }
    }

    @Test("mutated edits give an edit or an error, and a state takes them or refuses")
    func mutationFuzz() {
        let random = SeededRandom(seed: testSeed("edit mutation"))
        let original = Sample.bytes(Sample.everything)
        var taken = 0
        for _ in 0..<20_000 {
            var bytes = original
            for _ in 0...random.below(4) {
                switch random.below(4) {
                case 0: bytes[random.below(bytes.count)] = UInt8(random.below(256))
                case 1: bytes[random.below(bytes.count)] ^= 1 << UInt8(random.below(8))
                case 2: bytes.remove(at: random.below(bytes.count))
                default: bytes.insert(UInt8(random.below(256)), at: random.below(bytes.count))
                }
            }
            do throws(EngineError) {
                var state = Sample.emptyState
                try state.apply(try Sample.decode(bytes))
                taken += 1
            } catch {
                #expect(error.code == .corruption || error.code == .unsupportedFormat)
            }
        }
        #expect(taken > 0)
    }
}
