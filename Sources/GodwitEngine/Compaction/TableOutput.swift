/// Writes the tables that a flush or a compaction makes, one after another: makes the file, and on success turns what
/// the writer counted into metadata for the manifest. A table that is not finished is removed.
final class TableOutput {
    private let store: Store
    private let settings: KeyspaceSettings
    private let keyspace: KeyspaceID
    private var current: (number: UInt64, id: TableID, writer: TableWriter)?
    /// The tables that are complete and synced.
    private(set) var finished: [TableMeta] = []
    /// Blocks for the cache, by the number of their table.
    private(set) var fresh: [UInt64: FreshBlocks] = [:]
    private let keepsBlocks: Bool

    /// Where the tables' blocks will be wanted in memory, `keepingBlocks` puts them into the cache while they are written.
    init(_ store: Store, _ settings: KeyspaceSettings, keyspace: KeyspaceID, keepingBlocks: Bool = false) {
        keepsBlocks = keepingBlocks
        self.store = store
        self.keyspace = keyspace
        self.settings = settings
    }

    /// Whether a table is being written.
    var isOpen: Bool { current != nil }

    /// Bytes of the table being written, so far.
    var bytes: UInt64 { current?.writer.bytesWritten ?? 0 }

    /// Appends an entry, beginning a table where none is open.
    func add(_ entry: Entry) throws(EngineError) { try open().add(entry) }

    /// Adds a range delete to the table being written, beginning one where none is open.
    func add(_ tombstone: RangeTombstone) throws(EngineError) { try open().add(tombstone) }

    /// Completes the table being written; syncs it.
    func finish() throws(EngineError) {
        guard let (number, id, writer) = current else { return }
        let summary = try writer.finish()
        current = nil
        finished.append(
            TableMeta(
                number: number, id: id, size: summary.size, smallestKey: summary.smallestKey,
                largestKey: summary.largestKey, minSequence: summary.minSequence, maxSequence: summary.maxSequence,
                entries: summary.entries, tombstones: summary.tombstones, rangeTombstones: summary.rangeTombstones,
                expiring: summary.expiring, minDeadline: summary.minDeadline, maxDeadline: summary.maxDeadline,
                rawBytes: summary.rawBytes, createdAt: store.clock.now()))
    }

    /// Makes the names of the finished tables durable: before the manifest names them.
    func settle() throws(EngineError) {
        if !finished.isEmpty { try store.environment.fileSystem.syncDirectory(store.directory) }
    }

    /// Gives up: removes everything that was written.
    func abandon() {
        if let current { store.garbage.add(table: current.number, nil) }
        current = nil
        for table in finished { store.garbage.add(table: table.number, nil) }
        finished = []
        fresh = [:]
    }

    private func open() throws(EngineError) -> TableWriter {
        if let current { return current.writer }
        let number = store.manifest.allocateFileNumber()
        let id = TableID(high: store.environment.random.next(), low: store.environment.random.next())
        let file = try store.environment.fileSystem.open(store.path(.table(number)), .create)
        let options = TableOptions(
            blockSize: Int(settings.blockSize), compression: settings.compression,
            filterBitsPerKey: Int(settings.filterBitsPerKey), keyspace: keyspace)
        if keepsBlocks { fresh[number] = FreshBlocks(store.cache) }
        let writer = TableWriter(
            file: file, uniqueID: id, options: options, hashSeed: store.hashSeed, keeping: fresh[number])
        current = (number, id, writer)
        return writer
    }
}
