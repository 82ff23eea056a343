/// Makes records. A record is made in two steps: whoever writes a batch encodes it (`begin`, `put`, `delete`,
/// `control`: everything but its place in the history, payload hashes included), and the leader of a commit group
/// gives it its place (`finish`), which touches the header only.
package enum RecordEncoder {
    /// Appends the header and the section table of a record whose sections follow, with epoch, sequence number, stamp,
    /// origin and chain value zero. Returns where the record begins. The rows are filled in by `setRow`.
    static func begin(
        _ type: RecordType, sections: Int, operations: Int, payloadLength: Int, into buffer: ByteWriter
    ) -> Int {
        let start = buffer.count
        let prefix = BatchFormat.prefixLength(sections: sections)
        let length = UInt32(prefix + payloadLength)
        buffer.reserve(prefix + payloadLength)
        buffer.append(UInt64(length) << 32 | UInt64(length))
        buffer.append(UInt64(operations) << 32 | UInt64(BatchFormat.format) << 8 | UInt64(type.rawValue))
        buffer.append(UInt64(0))
        buffer.append(UInt64(0))
        buffer.append(UInt64(0))
        buffer.append(UInt64(sections))
        buffer.appendZeros(prefix - BatchFormat.headerLength)
        return start
    }

    /// Fills in row `index` of the section table of the record at `start`, and the hash of `payload`.
    static func setRow(
        _ index: Int, of start: Int, keyspace: KeyspaceID, operations: Int, payload: ByteView, in buffer: ByteWriter
    ) {
        let row = start + BatchFormat.headerLength + BatchFormat.sectionRowLength * index
        buffer.patch(keyspace, at: row)
        buffer.patch(UInt32(payload.count), at: row + 4)
        buffer.patch(UInt32(operations), at: row + 8)
        buffer.patch(BatchFormat.payloadHash(payload, keyspace: keyspace), at: row + 12)
    }

    /// Appends a batch of one put; returns where its record begins. The everyday write needs no `WriteBatch`.
    static func put(
        _ key: ByteView, _ value: ByteView, deadline: UInt64 = 0, keyspace: KeyspaceID, into buffer: ByteWriter
    ) throws(EngineError) -> Int {
        try checkKey(key)
        try checkValue(value)
        return single(.put, key, value, deadline: deadline, keyspace: keyspace, into: buffer)
    }

    /// Appends a batch of one delete; returns where its record begins.
    static func delete(_ key: ByteView, keyspace: KeyspaceID, into buffer: ByteWriter) throws(EngineError) -> Int {
        try checkKey(key)
        return single(.delete, key, .empty, deadline: 0, keyspace: keyspace, into: buffer)
    }

    @inline(__always)
    private static func single(
        _ kind: OperationKind, _ key: ByteView, _ value: ByteView, deadline: UInt64, keyspace: KeyspaceID,
        into buffer: ByteWriter
    ) -> Int {
        let payloadLength = operationLength(key: key.count, value: value.count, deadline: deadline)
        let start = begin(.batch, sections: 1, operations: 1, payloadLength: payloadLength, into: buffer)
        let payloadStart = buffer.count
        appendOperation(kind, key, value, deadline: deadline, to: buffer)
        setRow(
            0, of: start, keyspace: keyspace, operations: 1, payload: buffer.view.dropFirst(payloadStart), in: buffer)
        return start
    }

    /// Appends a control record with the payload that `write` appends; returns where the record begins.
    static func control(_ type: RecordType, into buffer: ByteWriter, _ write: (ByteWriter) -> Void) -> Int {
        precondition(type != .batch)
        let start = begin(type, sections: 1, operations: 1, payloadLength: 0, into: buffer)
        let payloadStart = buffer.count
        write(buffer)
        let length = UInt32(buffer.count - start)
        precondition(length <= UInt32(BatchFormat.maximumRecordLength), "record: a control payload past 64 MiB")
        buffer.patch(UInt64(length) << 32 | UInt64(length), at: start)
        setRow(
            0, of: start, keyspace: BatchFormat.controlKeyspace, operations: 1,
            payload: buffer.view.dropFirst(payloadStart), in: buffer)
        return start
    }

    /// Gives the record at `start` its place in the history: returns its chain value.
    @inline(__always)
    @discardableResult
    static func finish(
        _ buffer: ByteWriter, at start: Int, epoch: Epoch, firstSequence: SequenceNumber, stamp: UInt64,
        origin: UInt16, previousChain: UInt64
    ) -> UInt64 {
        let sections = sectionCount(buffer, at: start)
        buffer.patch(origin, at: start + BatchFormat.originOffset)
        buffer.patch(UInt64(epoch.tag) << 32 | UInt64(epoch.number), at: start + BatchFormat.epochNumberOffset)
        buffer.patch(firstSequence, at: start + BatchFormat.firstSequenceOffset)
        buffer.patch(stamp, at: start + BatchFormat.stampOffset)
        let chainOffset = BatchFormat.chainOffset(sections: sections)
        let chain = buffer.view.slice(start + 4, chainOffset - 4).hash(seed: previousChain)
        buffer.patch(chain, at: start + chainOffset)
        return chain
    }

    /// How many sections the record at `start` has.
    @inline(__always)
    static func sectionCount(_ buffer: ByteWriter, at start: Int) -> Int {
        Int(buffer.view.load(start + BatchFormat.sectionCountOffset, as: UInt32.self))
    }

    /// How many operations, and so sequence numbers, the record at `start` has.
    @inline(__always)
    static func operationCount(_ buffer: ByteWriter, at start: Int) -> Int {
        Int(buffer.view.load(start + BatchFormat.operationCountOffset, as: UInt32.self))
    }

    /// How many bytes the record at `start` has.
    @inline(__always)
    static func length(_ buffer: ByteWriter, at start: Int) -> Int {
        Int(buffer.view.load(start + BatchFormat.lengthOffset, as: UInt32.self))
    }

    /// Appends what a follower is sent that wants only the keyspaces for which `wanted` says so: the record without
    /// the other sections. Control records are always whole. Returns false, and appends nothing, when no section is
    /// wanted, unless `isKeptEmpty`: the record becomes part of a skip.
    package static func appendPartial(
        of record: RecordView, to buffer: ByteWriter, isKeptEmpty: Bool = false, keeping wanted: (KeyspaceID) -> Bool
    ) -> Bool {
        guard record.type == .batch else {
            buffer.append(record.bytes)
            return true
        }
        let start = buffer.count
        let count = record.sectionCount
        let prefix = BatchFormat.prefixLength(sections: count)
        buffer.append(record.bytes.slice(0, prefix))
        var bitmap = [UInt8](repeating: 0, count: BatchFormat.bitmapLength(sections: count))
        var present = 0
        for (index, section) in record.sections.enumerated()
        where section.payload != nil && wanted(section.keyspace) {
            bitmap[index / 8] |= 1 << UInt8(index % 8)
            present += 1
        }
        guard present > 0 || isKeptEmpty else {
            buffer.truncate(to: start)
            return false
        }
        if present < count { buffer.append(bitmap) }
        for (index, section) in record.sections.enumerated() where bitmap[index / 8] & (1 << UInt8(index % 8)) != 0 {
            if let payload = section.payload { buffer.append(payload) }
        }
        let stored = UInt32(buffer.count - start)
        buffer.patch(present < count ? stored | BatchFormat.partialBit : stored, at: start)
        return true
    }

    /// Appends the commit of a bulk ingest without what it says of the table.
    package static func appendBareCommit(
        of record: RecordView, ingest: UInt64, to buffer: ByteWriter
    ) {
        let start = control(.ingestCommit, into: buffer) { IngestCommit(ingest: ingest, details: [0]).encode(into: $0) }
        finish(
            buffer, at: start, epoch: record.epoch, firstSequence: record.firstSequence, stamp: record.stamp,
            origin: record.origin, previousChain: 0)
        buffer.patch(record.chain, at: start + BatchFormat.chainOffset(sections: 1))
    }

    /// Appends a skip: it stands for the records from `firstSequence` to `last`, none of which the receiver wants.
    package static func appendSkip(
        from firstSequence: SequenceNumber, after chainBefore: UInt64, to last: HistoryPoint, stamp: UInt64,
        origin: UInt16, into buffer: ByteWriter
    ) {
        let skip = Skip(through: last.position.sequence, chainBefore: chainBefore, chainAfter: last.chain)
        let start = control(.skip, into: buffer) { skip.encode(into: $0) }
        finish(
            buffer, at: start, epoch: last.position.epoch, firstSequence: firstSequence, stamp: stamp,
            origin: origin, previousChain: chainBefore)
        buffer.patch(last.chain, at: start + BatchFormat.chainOffset(sections: 1))
    }

    // MARK: Operations

    /// The encoded length of an operation.
    @inline(__always)
    static func operationLength(key: Int, value: Int, deadline: UInt64) -> Int {
        1 + (deadline != 0 ? 8 : 0) + varintLength(key) + varintLength(value) + key + value
    }

    @inline(__always)
    private static func varintLength(_ value: Int) -> Int {
        value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : 4
    }

    /// Appends one operation; the caller has checked the limits.
    @inline(__always)
    static func appendOperation(
        _ kind: OperationKind, _ key: ByteView, _ value: ByteView, deadline: UInt64, to buffer: ByteWriter
    ) {
        if deadline != 0 {
            buffer.append(kind.rawValue | OperationKind.deadlineBit)
            buffer.append(deadline)
        } else {
            buffer.append(kind.rawValue)
        }
        buffer.appendVarint(UInt64(key.count))
        buffer.appendVarint(UInt64(value.count))
        buffer.append(key)
        buffer.append(value)
    }

    /// Throws `.invalidArgument` when a key is too long.
    @inline(__always)
    static func checkKey(_ key: ByteView) throws(EngineError) {
        if key.count > BatchFormat.maximumKeyLength { throw tooLong("key", key.count, limit: "16 KiB") }
    }

    /// Throws `.invalidArgument` when a value is too long.
    @inline(__always)
    static func checkValue(_ value: ByteView) throws(EngineError) {
        if value.count > BatchFormat.maximumValueLength { throw tooLong("value", value.count, limit: "16 MiB") }
    }

    @inline(never)
    private static func tooLong(_ what: String, _ count: Int, limit: String) -> EngineError {
        EngineError(.invalidArgument, "a \(what) of \(count) bytes: the limit is \(limit)")
    }
}
