@testable import GodwitEngine

/// One record and its operations.
enum RecordTarget: FuzzTarget {
    static var seeds: [[UInt8]] {
        do { return [try sample()] } catch { fatalError("\(error)") }
    }

    /// A batch of two keyspaces with every kind of operation.
    private static func sample() throws(EngineError) -> [UInt8] {
        let batch = WriteBatch()
        try put("godwit", "lapponica", 0, batch)
        try put("alaska", "nz", 1_700_000_000_000, batch)
        try Array("curlew".utf8).withView { (key) throws(EngineError) in try batch.delete(key, in: 1) }
        try Array("a".utf8).withView { (start) throws(EngineError) in
            try Array("b".utf8).withView { (end) throws(EngineError) in try batch.deleteRange(from: start, to: end, in: 2) }
        }
        let buffer = ByteWriter()
        batch.encode(into: buffer)
        RecordEncoder.finish(
            buffer, at: 0, epoch: Epoch(number: 3, tag: 0x5F00_AA12), firstSequence: 1040,
            stamp: 1_699_999_000_000 << 16 | 7, origin: 2, previousChain: 0x1122_3344_5566_7788)
        return buffer.array
    }

    private static func put(
        _ key: String, _ value: String, _ deadline: UInt64, _ batch: WriteBatch
    ) throws(EngineError) {
        try Array(key.utf8).withView { (key) throws(EngineError) in
            try Array(value.utf8).withView { (value) throws(EngineError) in
                try batch.put(key, value, deadline: deadline, in: 1)
            }
        }
    }

    static func run(_ bytes: [UInt8]) {
        try? bytes.withView { (view) throws(EngineError) in
            let record = try RecordView(validating: view)
            _ = record.continues(1)
            for section in record.sections where record.type == .batch && section.payload != nil {
                var reader = OperationReader(section)
                while try reader.next() != nil {}
            }
        }
        guard let count = bytes.first else { return }
        // The same bytes as a section's operations: the record's hash would keep most inputs from getting there.
        try? bytes.withView { (view) throws(EngineError) in
            var reader = OperationReader(view, operations: Int(count), firstSequence: 1)
            while try reader.next() != nil {}
        }
    }
}
