import GodwitSimulation
import Testing

@testable import GodwitEngine

@Suite("Records")
struct RecordTests {
    /// The batch that `docs/formats/log.md` works through.
    static func documented() throws -> [UInt8] {
        let batch = WriteBatch()
        try batch.put("godwit", "lapponica", in: 1)
        try batch.add(PlainOperation(keyspace: 1, kind: .delete, key: Array("curlew".utf8)))
        try batch.put("alaska", "nz", deadline: 1_700_000_000_000, in: 2)
        let buffer = ByteWriter()
        batch.encode(into: buffer)
        RecordEncoder.finish(
            buffer, at: 0, epoch: Epoch(number: 3, tag: 0x5F00_AA12), firstSequence: 1040,
            stamp: 1_699_999_000_000 << 16 | 7, origin: 2, previousChain: 0x1122_3344_5566_7788)
        return buffer.array
    }

    @Test("the worked example of the document is what the encoder writes")
    func documentedExample() throws {
        let bytes = try Self.documented()
        #expect(bytes.hexRows == [
                "8e 00 00 00 8e 00 00 00 01 01 02 00 03 00 00 00",
                "03 00 00 00 12 aa 00 5f 10 04 00 00 00 00 00 00",
                "07 00 c0 25 d6 cf 8b 01 02 00 00 00 00 00 00 00",
                "01 00 00 00 1b 00 00 00 02 00 00 00 09 4f 67 51",
                "cf 8c a9 91 02 00 00 00 13 00 00 00 01 00 00 00",
                "1f 16 7f 9f d6 5a 33 7e 46 3a bc 67 08 9d 7d ac",
                "01 06 09 67 6f 64 77 69 74 6c 61 70 70 6f 6e 69",
                "63 61 02 06 00 63 75 72 6c 65 77 81 00 68 e5 cf",
                "8b 01 00 00 06 02 61 6c 61 73 6b 61 6e 7a",
            ])
    }

    static let epoch = Epoch(number: 1, tag: 7)

    /// Finishes the record at the start of `buffer`.
    private func finish(_ buffer: ByteWriter, first: SequenceNumber = 1, chain: UInt64 = 5) {
        RecordEncoder.finish(
            buffer, at: 0, epoch: Self.epoch, firstSequence: first, stamp: 9, origin: 3, previousChain: chain)
    }

    private func randomOperation(_ random: SeededRandom) -> PlainOperation {
        let keyspace = KeyspaceID(random.below(random.chance(1, in: 4) ? 20 : 3))
        let key = random.bytes(random.below(40))
        switch random.below(5) {
        case 0: return PlainOperation(keyspace: keyspace, kind: .delete, key: key)
        case 1: return PlainOperation(keyspace: keyspace, kind: .rangeDelete, key: key, value: key + [1])
        case 2:
            return PlainOperation(
                keyspace: keyspace, kind: .put, key: key, value: random.bytes(random.below(300)),
                deadline: random.next() | 1)
        default:
            return PlainOperation(keyspace: keyspace, kind: .put, key: key, value: random.bytes(random.below(20)))
        }
    }

    @Test("what goes into a batch comes out of its record, keyspaces ascending, operations in order")
    func batchRoundTrip() throws {
        let seed = UInt64.random(in: 0..<1 << 32)
        print("batchRoundTrip seed \(seed)")
        let random = SeededRandom(seed: seed)
        let batch = WriteBatch()
        let buffer = ByteWriter()
        for _ in 0..<200 {
            batch.clear()
            buffer.reset()
            var expected: [PlainOperation] = []
            for _ in 0...random.below(30) {
                let operation = randomOperation(random)
                try batch.add(operation)
                expected.append(operation)
            }
            expected = expected.enumerated()
                .sorted { ($0.element.keyspace, $0.offset) < ($1.element.keyspace, $1.offset) }.map(\.element)
            for index in expected.indices { expected[index].sequence = 100 + UInt64(index) }
            batch.encode(into: buffer)
            finish(buffer, first: 100)
            #expect(buffer.count == batch.byteCount)
            let record = try RecordView(validating: buffer.view)
            #expect(try record.operations() == expected)
            #expect(record.operationCount == batch.count && record.lastSequence == 99 + UInt64(batch.count))
            #expect(record.continues(5) && !record.continues(6))
            #expect(record.epoch == Self.epoch && record.stamp == 9 && record.origin == 3 && !record.isPartial)
            try record.verifyPayloads()
        }
    }

    @Test("the short way to write one put or delete makes the bytes of a batch with it")
    func fastPathEqualsBatch() throws {
        let key = "key".utf8Array, value = [UInt8](repeating: 9, count: 300)
        for deadline in [0, 77] as [UInt64] {
            let batch = WriteBatch()
            try batch.add(PlainOperation(keyspace: 4, kind: .put, key: key, value: value, deadline: deadline))
            let long = ByteWriter(), short = ByteWriter()
            batch.encode(into: long)
            _ = try key.withView { (key) throws(EngineError) in
                try value.withView { (value) throws(EngineError) in
                    try RecordEncoder.put(key, value, deadline: deadline, keyspace: 4, into: short)
                }
            }
            #expect(long.array == short.array)
        }
        let batch = WriteBatch()
        try batch.add(PlainOperation(keyspace: 4, kind: .delete, key: key))
        let long = ByteWriter(), short = ByteWriter()
        batch.encode(into: long)
        _ = try key.withView { (key) throws(EngineError) in
            try RecordEncoder.delete(key, keyspace: 4, into: short)
        }
        #expect(long.array == short.array)
    }

    @Test("a batch refuses what is past a limit, and stays as it was")
    func limits() throws {
        let batch = WriteBatch()
        let longKey = [UInt8](repeating: 1, count: BatchFormat.maximumKeyLength + 1)
        let longValue = [UInt8](repeating: 1, count: BatchFormat.maximumValueLength + 1)
        let refused = [
            PlainOperation(keyspace: 1, kind: .put, key: longKey),
            PlainOperation(keyspace: 1, kind: .delete, key: longKey),
            PlainOperation(keyspace: 1, kind: .put, key: [1], value: longValue),
            PlainOperation(keyspace: 1, kind: .rangeDelete, key: [2], value: [2]),
            PlainOperation(keyspace: 1, kind: .rangeDelete, key: [1], value: longKey),
            PlainOperation(keyspace: .max, kind: .put, key: [1]),
        ]
        for operation in refused {
            #expect(failureCode { () throws(EngineError) in try batch.add(operation) } == .invalidArgument)
        }
        #expect(batch.isEmpty && batch.byteCount == 0)
        let largest = [UInt8](repeating: 1, count: BatchFormat.maximumValueLength)
        try batch.add(
            PlainOperation(
                keyspace: 1, kind: .put, key: [UInt8](repeating: 1, count: BatchFormat.maximumKeyLength),
                value: largest))
        for _ in 0..<2 { try batch.add(PlainOperation(keyspace: 1, kind: .put, key: [1], value: largest)) }
        let code = failureCode { () throws(EngineError) in
            try batch.add(PlainOperation(keyspace: 2, kind: .put, key: [1], value: largest))
        }
        #expect(code == .invalidArgument && batch.count == 3)
        for keyspace in 2...BatchFormat.maximumSections {
            try batch.put("", "", in: KeyspaceID(keyspace))
        }
        #expect(failureCode { () throws(EngineError) in try batch.put("", "", in: 5000) } == .invalidArgument)
        let buffer = ByteWriter()
        batch.encode(into: buffer)
        finish(buffer)
        #expect(try RecordView(validating: buffer.view).sectionCount == BatchFormat.maximumSections)
    }

    @Test("a record without some of its sections verifies, and keeps its sequence numbers")
    func partialRecords() throws {
        for sections in [2, 8, 9, 30] {
            let batch = WriteBatch()
            for keyspace in 0..<sections {
                for _ in 0...keyspace % 3 { try batch.put("k\(keyspace)", "v", in: KeyspaceID(keyspace)) }
            }
            let buffer = ByteWriter()
            batch.encode(into: buffer)
            finish(buffer, first: 50)
            let whole = try RecordView(validating: buffer.view)
            let all = try whole.operations()
            for divisor in [2, 3, 7] as [KeyspaceID] {
                let part = ByteWriter()
                let wanted: (KeyspaceID) -> Bool = { $0 % divisor == 1 }
                #expect(RecordEncoder.appendPartial(of: whole, to: part, keeping: wanted))
                let record = try RecordView(validating: part.view)
                #expect(record.isPartial && record.continues(5) && record.position == whole.position)
                try record.verifyPayloads()
                #expect(try record.operations() == all.filter { wanted($0.keyspace) })
                // A part of a part.
                let less = ByteWriter()
                #expect(RecordEncoder.appendPartial(of: record, to: less, keeping: { $0 == 1 }))
                #expect(try RecordView(validating: less.view).operations() == all.filter { $0.keyspace == 1 })
                // A spare bit, or one for a section that is not here, is refused.
                var bytes = part.array
                let bitmap = BatchFormat.prefixLength(sections: sections)
                bytes[bitmap] ^= 1
                #expect(failureCode { () throws(EngineError) in try Self.read(bytes) } == .corruption)
                if sections % 8 != 0 {
                    bytes[bitmap] ^= 1
                    bytes[bitmap + sections / 8] |= 0x80
                    #expect(failureCode { () throws(EngineError) in try Self.read(bytes) } == .corruption)
                }
            }
            let none = ByteWriter()
            #expect(!RecordEncoder.appendPartial(of: whole, to: none, keeping: { _ in false }) && none.count == 0)
            #expect(RecordEncoder.appendPartial(of: whole, to: none, keeping: { _ in true }))
            #expect(none.array == buffer.array)
            let empty = ByteWriter()
            #expect(RecordEncoder.appendPartial(of: whole, to: empty, isKeptEmpty: true, keeping: { _ in false }))
            let bare = try RecordView(validating: empty.view)
            #expect(bare.isPartial && bare.continues(5) && bare.point == whole.point)
            #expect(bare.sections.allSatisfy { $0.payload == nil })
        }
    }

    @Test("records that make or change keyspaces are found among others, and what is no run of records is refused")
    func keyspaceChanges() throws {
        let buffer = ByteWriter()
        let key = Array("key".utf8)
        func put() throws {
            _ = try key.withView { (key) throws(EngineError) in
                try RecordEncoder.put(key, key, keyspace: 1, into: buffer)
            }
        }
        try put()
        _ = RecordEncoder.control(.keyspaceCreate, into: buffer) {
            KeyspaceCreate(id: 3, name: "three", settings: []).encode(into: $0)
        }
        _ = RecordEncoder.control(.keyspaceDrop, into: buffer) { KeyspaceDrop(id: 2).encode(into: $0) }
        _ = RecordEncoder.control(.keyspaceAlter, into: buffer) {
            KeyspaceAlter(id: 3, settings: [9]).encode(into: $0)
        }
        try put()
        var run = RecordRun(buffer.view)
        guard case .create(let create) = try run.nextKeyspaceChange() else { throw NotFound() }
        #expect(create.id == 3 && create.name == "three")
        guard case .alter(let alter) = try run.nextKeyspaceChange() else { throw NotFound() }
        #expect(alter == KeyspaceAlter(id: 3, settings: [9]))
        #expect(try run.nextKeyspaceChange() == nil)
        for length in [buffer.count - 1, buffer.count - 60] {
            #expect(
                failureCode { () throws(EngineError) in
                    var cut = RecordRun(buffer.view.slice(0, length))
                    while try cut.nextKeyspaceChange() != nil {}
                } == .corruption)
        }
    }

    private struct NotFound: Error {}

    @Test("a skip stands for a run of records in its place only")
    func skipKeepsTheChain() throws {
        let buffer = ByteWriter()
        let last = HistoryPoint(position: Position(epoch: Self.epoch, sequence: 80), chain: 1234)
        RecordEncoder.appendSkip(from: 51, after: 99, to: last, stamp: 0, origin: 0, into: buffer)
        let record = try RecordView(validating: buffer.view)
        #expect(record.firstSequence == 51 && record.point == last)
        #expect(record.continues(99) && !record.continues(98))
        var bytes = buffer.array
        bytes[BatchFormat.chainOffset(sections: 1)] ^= 1
        #expect(failureCode { () throws(EngineError) in try Self.read(bytes) } == .corruption)
    }

    @Test("control payloads come out as they went in, and cut ones are refused")
    func controlRecords() throws {
        let buffer = ByteWriter()
        func payload(_ type: RecordType, _ write: (ByteWriter) -> Void) throws -> [UInt8] {
            buffer.reset()
            #expect(RecordEncoder.control(type, into: buffer, write) == 0)
            finish(buffer)
            let record = try RecordView(validating: buffer.view)
            try record.verifyPayloads()
            #expect(record.type == type && record.operationCount == 1)
            return record.controlPayload.array
        }
        func check<T: Equatable>(
            _ type: RecordType, _ value: T, _ encode: (T) -> (ByteWriter) -> Void,
            _ decode: (ByteView) throws(EngineError) -> T, refusesCut: Bool = true
        ) throws {
            let bytes = try payload(type, encode(value))
            #expect(try bytes.withView { (view) throws(EngineError) in try decode(view) } == value)
            for length in 0..<bytes.count where refusesCut {
                let code = failureCode { () throws(EngineError) in
                    _ = try Array(bytes[..<length]).withView { (view) throws(EngineError) in try decode(view) }
                }
                #expect(code == .corruption)
            }
        }
        let parent = HistoryPoint(position: Position(epoch: Self.epoch, sequence: 9), chain: 8)
        try check(
            .epochBegin, EpochBegin(nodeID: Array(0..<16), parent: parent), EpochBegin.encode, EpochBegin.decode)
        try check(
            .keyspaceCreate, KeyspaceCreate(id: 3, name: "naïve", settings: [1, 2]), KeyspaceCreate.encode,
            KeyspaceCreate.decode)
        try check(.keyspaceDrop, KeyspaceDrop(id: 3), KeyspaceDrop.encode, KeyspaceDrop.decode)
        try check(.keyspaceAlter, KeyspaceAlter(id: 3, settings: [7]), KeyspaceAlter.encode, KeyspaceAlter.decode)
        try check(
            .ingestCommit, IngestCommit(ingest: 6, details: [1, 2, 3]), IngestCommit.encode, IngestCommit.decode,
            refusesCut: false)
        try check(.marker, Marker(label: [5, 5]), Marker.encode, Marker.decode, refusesCut: false)
        let chunk = try payload(.ingestChunk) { writer in
            [UInt8]([1, 2, 3]).withView { IngestChunk(ingest: 6, number: 2, bytes: $0).encode(into: writer) }
        }
        try chunk.withView { (view) throws(EngineError) in
            let decoded = try IngestChunk.decode(view)
            #expect(decoded.ingest == 6 && decoded.number == 2 && decoded.bytes.array == [1, 2, 3])
        }
    }

    /// Reads a record as a receiver does: structure, chain, payloads, operations.
    static func read(_ bytes: [UInt8], after chain: UInt64? = nil) throws(EngineError) {
        try bytes.withView { (view) throws(EngineError) in
            let record = try RecordView(validating: view)
            if let chain, !record.continues(chain) { throw EngineError(.history, "another chain") }
            try record.verifyPayloads()
            if record.type == .batch { _ = try record.operations() }
        }
    }

    @Test("a flipped bit anywhere in a record is found")
    func bitFlipInEveryByteOfARecord() throws {
        let bytes = try Self.documented()
        try Self.read(bytes, after: 0x1122_3344_5566_7788)
        for offset in bytes.indices {
            for bit in 0..<8 {
                var damaged = bytes
                damaged[offset] ^= 1 << UInt8(bit)
                let code = failureCode { () throws(EngineError) in
                    try Self.read(damaged, after: 0x1122_3344_5566_7788)
                }
                #expect(code != nil, "byte \(offset) bit \(bit)")
            }
        }
        for length in bytes.indices {
            let code = failureCode { () throws(EngineError) in try Self.read(Array(bytes[..<length])) }
            #expect(code == .corruption)
        }
    }

    @Test("a newer version's record is said to be that")
    func unknownFormat() throws {
        for (offset, value) in [(8, 200), (9, 2), (44, 1)] as [(Int, UInt8)] {
            var bytes = try Self.documented()
            bytes[offset] = value
            #expect(failureCode { () throws(EngineError) in try Self.read(bytes) } == .unsupportedFormat)
        }
    }

    @Test("decoders of records and operations survive any bytes")
    func mutationFuzz() throws {
        let seed = UInt64.random(in: 0..<1 << 32)
        print("mutationFuzz seed \(seed)")
        let random = SeededRandom(seed: seed)
        let original = try Self.documented()
        let section = Array(original[BatchFormat.prefixLength(sections: 2)...])
        for _ in 0..<20_000 {
            var bytes = original
            for _ in 0...random.below(4) {
                switch random.below(4) {
                case 0: bytes[random.below(bytes.count)] = UInt8(random.below(256))
                case 1: bytes.insert(UInt8(random.below(256)), at: random.below(bytes.count))
                case 2 where bytes.count > 1: bytes.remove(at: random.below(bytes.count))
                default:
                    let at = random.below(bytes.count)
                    for index in at..<min(at + 4, bytes.count) { bytes[index] = random.chance(1, in: 2) ? 0xFF : 0 }
                }
            }
            _ = failureCode { () throws(EngineError) in
                try bytes.withView { (view) throws(EngineError) in
                    let record = try RecordView(validating: view)
                    _ = record.continues(1)
                    if record.type == .batch { _ = try record.operations() }
                }
            }
            var operations = section
            operations[random.below(operations.count)] = UInt8(random.below(256))
            operations[random.below(operations.count)] ^= 1 << UInt8(random.below(8))
            _ = failureCode { () throws(EngineError) in
                try operations.withView { (view) throws(EngineError) in
                    var reader = OperationReader(view, operations: random.below(5), firstSequence: 1)
                    while try reader.next() != nil {}
                }
            }
        }
    }
}
