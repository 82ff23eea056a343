/// What an ingest's commit record says: the tables that become visible at its position.
struct IngestDetails {
    let keyspace: KeyspaceID
    /// Each table's id in the chunk records, and its metadata; the file number is each node's own.
    let tables: [(ingest: UInt64, meta: TableMeta)]

    func encode() -> [UInt8] {
        let writer = ByteWriter()
        writer.append(keyspace)
        writer.append(UInt32(tables.count))
        for (ingest, meta) in tables {
            writer.append(ingest)
            let bytes = ByteWriter()
            meta.encode(into: bytes)
            writer.appendPrefixed(bytes.view)
        }
        return writer.array
    }

    init(keyspace: KeyspaceID, tables: [(ingest: UInt64, meta: TableMeta)]) {
        self.keyspace = keyspace
        self.tables = tables
    }

    init(decoding bytes: ByteView) throws(EngineError) {
        var reader = ByteReader(bytes)
        let malformed = EngineError(.corruption, "the details of an ingest's commit record are malformed")
        guard let keyspace = reader.read(KeyspaceID.self), let count = reader.read(UInt32.self), count <= 1 << 20
        else { throw malformed }
        var tables: [(ingest: UInt64, meta: TableMeta)] = []
        for _ in 0..<count {
            guard let ingest = reader.read(UInt64.self), let bytes = reader.readPrefixed() else { throw malformed }
            var fields = FieldReader(bytes, file: "ingest record", start: 0)
            tables.append((ingest, try TableMeta(decoding: &fields)))
        }
        guard reader.remaining == 0 else { throw malformed }
        self.init(keyspace: keyspace, tables: tables)
    }
}

/// Rebuilds the tables of bulk ingests from their chunk records, and makes them visible at their commit record. The node
/// that ingests has the tables already and only keeps count. What is never committed leaves nothing.
///
/// A restart finds the chunks in the log and begins anew with them, so the log is kept from the first chunk on, until the
/// commit is in the manifest, a record says that the ingest was abandoned, or an epoch begins: no ingest outlives its epoch.
final class IngestReceiver: @unchecked Sendable {
    private final class Pending {
        let number: UInt64
        let file: any File
        /// The end of the history before the first chunk, and after the latest.
        let start: SequenceNumber
        var latest: SequenceNumber
        var length: UInt64 = 0
        /// Up to where the file holds what its chunks say; past `length` by one that is about to be appended.
        var written: UInt64 = 0
        var nextChunk: UInt32 = 0

        init(number: UInt64, file: any File, start: SequenceNumber) {
            self.number = number
            self.file = file
            self.start = start
            latest = start
        }
    }

    private let store: Store
    private let lock = Lock()
    /// Tables being rebuilt, by ingest id; changed by the thread that applies records, and by retention.
    private var pending: [UInt64: Pending] = [:]
    /// Tables that this node made itself, by ingest id.
    private var local: [UInt64: UInt64] = [:]

    init(store: Store) { self.store = store }

    /// Says that the table of an ingest is on this node's disk already, complete and synced.
    func register(_ ingest: UInt64, table number: UInt64) { lock.withLock { local[ingest] = number } }

    /// Forgets an ingest that failed before its commit.
    func forget(_ ingest: UInt64) { lock.withLock { _ = local.removeValue(forKey: ingest) } }

    // MARK: What the log is kept for

    /// After which sequence number the log has chunks whose commit may yet come; nil without any.
    var keepsAfter: SequenceNumber? { lock.withLock { pending.values.map(\.start).min() } }

    /// The ids of the tables that wait for their commit, ascending.
    var waiting: [UInt64] { lock.withLock { pending.keys.sorted() } }

    /// The numbers of their files, which no manifest names.
    var waitingFiles: Set<UInt64> { lock.withLock { Set(pending.values.map(\.number)) } }

    /// Gives up what got its latest chunk before `sequence`: nobody goes on with it. Returns the ids.
    func giveUp(before sequence: SequenceNumber) -> [UInt64] {
        let stale = lock.withLock { pending.filter { $0.value.latest < sequence }.map(\.key) }
        for ingest in stale { discard(ingest) }
        return stale
    }

    /// How many bytes of a table are here; nil when its first chunk is not, or when the node has the table anyway.
    func length(of ingest: UInt64) -> UInt64? { lock.withLock { pending[ingest]?.length } }

    /// Whether this node made the table itself.
    func isLocal(_ ingest: UInt64) -> Bool { lock.withLock { local[ingest] != nil } }

    // MARK: Records

    /// Writes a chunk's bytes to their place before its record is appended: where there is no room for them, it is not in
    /// the log yet.
    func prepare(_ chunk: IngestChunk, _ record: RecordView) throws(EngineError) {
        if let table = try table(of: chunk, record) { try write(chunk, to: table) }
    }

    /// Takes a chunk. Returns false: no view changes.
    func receive(_ chunk: IngestChunk, _ record: RecordView) throws(EngineError) -> Bool {
        guard let table = try table(of: chunk, record) else { return false }
        guard chunk.number == table.nextChunk else {
            throw EngineError(.corruption, "chunk \(chunk.number) of an ingest follows \(table.nextChunk)")
        }
        let end = table.length + UInt64(chunk.bytes.count)
        if table.written < end { try write(chunk, to: table) }
        lock.withLock {
            table.length = end
            table.nextChunk += 1
            table.latest = record.lastSequence
        }
        return false
    }

    /// The table that a chunk is part of; nil when there is none to be rebuilt.
    private func table(of chunk: IngestChunk, _ record: RecordView) throws(EngineError) -> Pending? {
        if store.options.mode.isReadOnly || isLocal(chunk.ingest) { return nil }
        if let known = lock.withLock({ pending[chunk.ingest] }) { return known }
        // An ingest that begins below the log's floor is in tables: its commit, further on, says so or that chunks lack.
        return chunk.number > 0 ? nil : try begin(chunk.ingest, after: record.firstSequence - 1)
    }

    private func write(_ chunk: IngestChunk, to table: Pending) throws(EngineError) {
        try table.file.writeFully(chunk.bytes, at: table.length)
        table.written = table.length + UInt64(chunk.bytes.count)
    }

    /// Makes the tables visible. Returns whether views changed.
    func commit(_ payload: IngestCommit, _ record: RecordView) throws(EngineError) -> Bool {
        if payload.isAbandonment {
            discard(payload.ingest)
            return false
        }
        let details = try payload.details.withView { (bytes) throws(EngineError) in
            try IngestDetails(decoding: bytes)
        }
        defer { discard(details) }
        guard let keyspace = store.manifest.state.keyspace(details.keyspace),
            keyspace.meta.flushedThrough < record.lastSequence, let tree = store.tree(details.keyspace)
        else { return false }
        if store.options.mode.isReadOnly {
            throw EngineError(
                .unavailable, "an ingest was not completed; open the store for writing once", file: store.directory)
        }
        var tables: [TableMeta] = []
        for (ingest, meta) in details.tables {
            var meta = meta
            meta.number = try complete(ingest, size: meta.size)
            meta.globalSequence = record.lastSequence
            tables.append(meta)
        }
        // Older data in memtables would hide the newer tables below it.
        try store.drainMemtables(tree)
        _ = try store.syncLog(record.lastSequence)
        try store.environment.fileSystem.syncDirectory(store.directory)
        var edit = VersionEdit()
        edit.add(tables, keyspace: tree.id, level: 0)
        edit.append(.flushedThrough(keyspace: tree.id, record.lastSequence))
        // A rewind to a point among the chunks would replay the commit without them.
        store.rewind.clear()
        edit.append(.rewindPoints([]))
        try store.manifest.commit(edit)
        for (ingest, _) in details.tables { forgetFile(ingest) }
        store.install(tree)
        return true
    }

    /// Gives up tables whose commit never comes: an epoch begins, or the records are read anew.
    func discardAll() {
        for ingest in waiting { discard(ingest) }
    }

    private func begin(_ ingest: UInt64, after start: SequenceNumber) throws(EngineError) -> Pending {
        let number = store.manifest.allocateFileNumber()
        let file = try store.environment.fileSystem.open(store.path(.table(number)), .create)
        let table = Pending(number: number, file: file, start: start)
        lock.withLock { pending[ingest] = table }
        return table
    }

    private func complete(_ ingest: UInt64, size: UInt64) throws(EngineError) -> UInt64 {
        if let number = lock.withLock({ local[ingest] }) { return number }
        guard let table = lock.withLock({ pending[ingest] }), table.length == size else {
            throw EngineError(.corruption, "the chunks of an ingest are not all in the log")
        }
        try table.file.sync()
        return table.number
    }

    private func forgetFile(_ ingest: UInt64) {
        lock.withLock {
            pending[ingest] = nil
            local[ingest] = nil
        }
    }

    private func discard(_ details: IngestDetails) {
        for (ingest, _) in details.tables {
            discard(ingest)
            forget(ingest)
        }
    }

    private func discard(_ ingest: UInt64) {
        let table = lock.withLock { pending.removeValue(forKey: ingest) }
        if let table { store.garbage.add(table: table.number, nil) }
    }
}
