/// Writes that happen together or not at all, across keyspaces. Later operations win over earlier ones on the same key.
///
/// A batch is filled by one thread, committed, and may then be cleared and filled again: it keeps its memory.
public final class WriteBatch {
    /// The operations of one keyspace, encoded as they will stand in the record.
    private struct Section {
        var keyspace: KeyspaceID
        let payload: ByteWriter
        var operations = 0
    }

    /// The sections in use, then cleared ones whose memory waits for use.
    private let stored = Owned<[Section]>([])
    private var sections: [Section] {
        @inline(__always) _read { yield stored.value }
        @inline(__always) _modify { yield &stored.value }
    }
    private var used = 0
    /// The section of the last operation: the next is most often of the same keyspace.
    private var last = 0
    private var payloadBytes = 0

    /// How many operations the batch holds; each takes one sequence number.
    public private(set) var count = 0

    /// Whose clock and default TTLs count; nil for a batch that is filled by encoded deadlines alone.
    private(set) weak var engine: Engine?

    /// Makes an empty batch; `Engine.makeBatch` is the way in.
    init(for engine: Engine? = nil) { self.engine = engine }

    /// Whether the batch holds no operation.
    public var isEmpty: Bool { count == 0 }

    /// How many bytes the batch's record has: what it takes in the log.
    public var byteCount: Int { used == 0 ? 0 : BatchFormat.prefixLength(sections: used) + payloadBytes }

    /// The keyspaces that it writes to, by id.
    var keyspaces: [KeyspaceID] { sections[..<used].map(\.keyspace) }

    /// Forgets all operations and keeps up to 1 MiB of memory for each of as many keyspaces.
    public func clear() {
        for section in sections[..<used] { section.payload.reset(keeping: 1 << 20) }
        used = 0
        last = 0
        payloadBytes = 0
        count = 0
    }

    /// Sets `key` to `value`; from `deadline` on (wall-clock milliseconds, 0 for never) it counts as absent.
    package func put(_ key: ByteView, _ value: ByteView, deadline: UInt64 = 0, in keyspace: KeyspaceID) throws(EngineError) {
        try RecordEncoder.checkKey(key)
        try RecordEncoder.checkValue(value)
        try add(.put, key, value, deadline: deadline, keyspace: keyspace)
    }

    /// Removes `key`; one that is not there is no error.
    package func delete(_ key: ByteView, in keyspace: KeyspaceID) throws(EngineError) {
        try RecordEncoder.checkKey(key)
        try add(.delete, key, .empty, deadline: 0, keyspace: keyspace)
    }

    /// Removes all keys from `start` (included) to `end` (excluded); `end` must be above `start`.
    package func deleteRange(from start: ByteView, to end: ByteView, in keyspace: KeyspaceID) throws(EngineError) {
        try RecordEncoder.checkKey(start)
        try RecordEncoder.checkKey(end)
        guard start.compare(end) < 0 else {
            throw EngineError(.invalidArgument, "a range delete whose end is not above its start")
        }
        try add(.rangeDelete, start, end, deadline: 0, keyspace: keyspace)
    }

    @inline(__always)
    private func add(
        _ kind: OperationKind, _ key: ByteView, _ value: ByteView, deadline: UInt64, keyspace: KeyspaceID
    ) throws(EngineError) {
        let length = RecordEncoder.operationLength(key: key.count, value: value.count, deadline: deadline)
        guard payloadBytes + length <= BatchFormat.maximumPayloadLength else {
            throw EngineError(.invalidArgument, "the batch would pass 64 MiB: commit it in parts")
        }
        if last >= used || sections[last].keyspace != keyspace { last = try section(for: keyspace) }
        RecordEncoder.appendOperation(kind, key, value, deadline: deadline, to: sections[last].payload)
        sections[last].operations += 1
        payloadBytes += length
        count += 1
    }

    /// The place of the keyspace's section, which is made when the batch has none yet.
    private func section(for keyspace: KeyspaceID) throws(EngineError) -> Int {
        guard keyspace != BatchFormat.controlKeyspace else {
            throw EngineError(.invalidArgument, "no keyspace has the id \(keyspace)")
        }
        if let found = sections[..<used].firstIndex(where: { $0.keyspace == keyspace }) { return found }
        guard used < BatchFormat.maximumSections else {
            throw EngineError(.invalidArgument, "a batch writes to at most 1,024 keyspaces")
        }
        if used < sections.count {
            sections[used].keyspace = keyspace
            sections[used].operations = 0
        } else {
            sections.append(Section(keyspace: keyspace, payload: ByteWriter()))
        }
        used += 1
        return used - 1
    }

    /// Appends the batch's record, its place in the history left zero (`RecordEncoder.finish` fills it in); returns
    /// where it begins. The batch must not be empty.
    @discardableResult
    func encode(into buffer: ByteWriter) -> Int {
        precondition(count > 0, "write batch: an empty batch has no record")
        let start = RecordEncoder.begin(
            .batch, sections: used, operations: count, payloadLength: payloadBytes, into: buffer)
        let order = used == 1 ? [0] : (0..<used).sorted { sections[$0].keyspace < sections[$1].keyspace }
        for (row, index) in order.enumerated() {
            let section = sections[index]
            RecordEncoder.setRow(
                row, of: start, keyspace: section.keyspace, operations: section.operations,
                payload: section.payload.view, in: buffer)
            buffer.append(section.payload.view)
        }
        return start
    }
}
