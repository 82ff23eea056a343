/// One operation of a batch, lent from the section it stands in.
package struct Operation {
    package let kind: OperationKind
    /// The operation's place in the history.
    package let sequence: SequenceNumber
    /// The wall-clock millisecond from which a put value is gone; 0 stands for never.
    package let deadline: UInt64
    /// The key; the first key of the range for a range delete.
    package let key: ByteView
    /// The value; the first key past the range for a range delete; empty for a delete.
    package let value: ByteView
}

/// Reads the operations of one section in order. Damaged bytes are an error, never a trap: a section may come from
/// another node.
package struct OperationReader {
    private var reader: ByteReader
    private var nextSequence: SequenceNumber
    private var left: Int

    /// Reads `section`, which must be here.
    package init(_ section: RecordSection) {
        precondition(section.payload != nil, "operation reader: the section is not in this record")
        self.init(
            section.payload ?? .empty, operations: section.operationCount, firstSequence: section.firstSequence)
    }

    package init(_ payload: ByteView, operations: Int, firstSequence: SequenceNumber) {
        reader = ByteReader(payload)
        nextSequence = firstSequence
        left = operations
    }

    /// The next operation, or nil after the last. Throws `.corruption` where the bytes are none, and when the section
    /// holds another number of operations than its table row says.
    @inline(__always)
    package mutating func next() throws(EngineError) -> Operation? {
        guard left > 0 else {
            if reader.remaining != 0 { throw malformed("bytes follow the last operation") }
            return nil
        }
        guard let first = reader.read(UInt8.self),
            let kind = OperationKind(rawValue: first & ~OperationKind.deadlineBit)
        else { throw malformed("no known kind of operation") }
        var deadline: UInt64 = 0
        if first & OperationKind.deadlineBit != 0 {
            guard kind == .put, let stored = reader.read(UInt64.self), stored != 0 else {
                throw malformed("a deadline where none can be")
            }
            deadline = stored
        }
        guard let keyLength = reader.readVarint(), let valueLength = reader.readVarint() else {
            throw malformed("the lengths are cut off")
        }
        let limit = kind == .put ? BatchFormat.maximumValueLength : BatchFormat.maximumKeyLength
        guard keyLength <= UInt64(BatchFormat.maximumKeyLength), valueLength <= UInt64(limit),
            kind != .delete || valueLength == 0
        else { throw malformed("a length is past its limit") }
        guard let key = reader.readBytes(Int(keyLength)), let value = reader.readBytes(Int(valueLength)) else {
            throw malformed("key or value is cut off")
        }
        if kind == .rangeDelete, key.compare(value) >= 0 { throw malformed("a range ends before it begins") }
        let sequence = nextSequence
        nextSequence &+= 1
        left -= 1
        return Operation(kind: kind, sequence: sequence, deadline: deadline, key: key, value: value)
    }

    @inline(never)
    private func malformed(_ what: String) -> EngineError {
        EngineError(.corruption, "batch: \(what) (byte \(reader.offset) of the section)")
    }
}
