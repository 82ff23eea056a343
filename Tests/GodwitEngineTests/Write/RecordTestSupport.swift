@testable import GodwitEngine

/// An operation with bytes of its own, for comparisons.
struct PlainOperation: Equatable {
    var keyspace: KeyspaceID
    var kind: OperationKind
    var key: [UInt8]
    var value: [UInt8] = []
    var deadline: UInt64 = 0
    var sequence: SequenceNumber = 0
}

extension WriteBatch {
    func add(_ operation: PlainOperation) throws(EngineError) {
        try operation.key.withView { (key) throws(EngineError) in
            try operation.value.withView { (value) throws(EngineError) in
                switch operation.kind {
                case .put: try put(key, value, deadline: operation.deadline, in: operation.keyspace)
                case .delete: try delete(key, in: operation.keyspace)
                case .rangeDelete: try deleteRange(from: key, to: value, in: operation.keyspace)
                }
            }
        }
    }

    func put(_ key: String, _ value: String, deadline: UInt64 = 0, in keyspace: KeyspaceID) throws(EngineError) {
        try add(
            PlainOperation(
                keyspace: keyspace, kind: .put, key: Array(key.utf8), value: Array(value.utf8), deadline: deadline))
    }
}

extension RecordView {
    /// All operations that are here, in order.
    func operations() throws(EngineError) -> [PlainOperation] {
        var all: [PlainOperation] = []
        for section in sections where section.payload != nil {
            var reader = OperationReader(section)
            while let operation = try reader.next() {
                all.append(
                    PlainOperation(
                        keyspace: section.keyspace, kind: operation.kind, key: operation.key.array,
                        value: operation.value.array, deadline: operation.deadline, sequence: operation.sequence))
            }
        }
        return all
    }
}

extension Array where Element == UInt8 {
    /// Rows of sixteen bytes as the documents print them.
    var hexRows: [String] {
        stride(from: 0, to: count, by: 16).map { start in
            self[start..<Swift.min(start + 16, count)].map { byte in
                (byte < 16 ? "0" : "") + String(byte, radix: 16)
            }.joined(separator: " ")
        }
    }
}

/// The code with which `body` fails, or nil when it does not.
func failureCode(_ body: () throws(EngineError) -> Void) -> EngineError.Code? {
    do throws(EngineError) {
        try body()
        return nil
    } catch {
        return error.code
    }
}

extension String {
    var utf8Array: [UInt8] { Array(utf8) }
}
