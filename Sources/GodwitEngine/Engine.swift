internal import Synchronization

// The map of an engine. A write goes down the folders in order, a read asks them from the newest data to the oldest.
//
//     put ── Write/  1 CommitPipeline   sequence numbers, one frame for a group
//              Log/      2 LogWriter    append; LogSync makes it durable
//         Memtable/      3 Memtable     applied, then visible
//            Flush/      4 FlushJob     a full memtable becomes a table of L0
//            Table/      5 TableWriter
//       Compaction/      6 CompactionJob   tables move down, level by level
//         Manifest/      7 ManifestStore   what the store consists of, in atomic edits
//
//     get ── Store/  TreeView.find: memtables, L0, one table a level; nothing locked, nothing counted

/// An embedded, ordered key-value store that loses nothing it acknowledged.
///
///     let engine = try Engine.open(at: "data")
///     try engine.put("plane/N14228", "{\"flights\":111}")
///     let size = try engine.get("plane/N14228") { value in value.byteCount }
///     try engine.close()
///
/// All methods may be called from any thread at any time. Reads of cached data take no lock, count no reference and
/// allocate nothing. Methods that may wait for the disk say so; `async` forms hold no thread while they wait.
public final class Engine: Sendable {
    let store: Store
    let writeSide: WriteSide?
    let coldReads: ColdReads
    let updates = KeyLocks()
    let node: NodeIdentity?
    private let lock: any DirectoryLock
    let closed = Atomic<Bool>(false)

    /// The keyspace that every store has: `default`, id 0.
    public let defaultKeyspace: Keyspace

    /// Opens the store in a directory, making it where `options.mode` allows.
    ///
    /// Recovery reads the log back into memory; after a clean close there is little to read. Blocks.
    ///
    /// - Parameters:
    ///   - directory: Where the store's files are, all of them and nothing else.
    ///   - options: How it is opened and what it may use.
    ///   - environment: The components it is built from.
    /// - Throws: `.locked` when the directory is open elsewhere (the message names the process), `.notFound` when there is
    ///   no store and none may be made, `.corruption` naming file and offset when stored bytes are damaged,
    ///   `.unsupportedFormat` for a store of a newer Godwit, `.invalidArgument` for options that cannot work.
    public static func open(
        at directory: String, options: EngineOptions = EngineOptions(), environment: EngineEnvironment = .system
    ) throws(EngineError) -> Engine {
        try OpenSequence(directory, options, environment).run()
    }

    init(
        store: Store, writeSide: WriteSide?, node: NodeIdentity?, lock: any DirectoryLock
    ) throws(EngineError) {
        self.store = store
        self.writeSide = writeSide
        self.node = node
        self.lock = lock
        guard let tree = store.tree(0) else {
            throw EngineError(.corruption, "the manifest lacks the keyspace `default`", file: store.directory)
        }
        defaultKeyspace = Keyspace(tree)
        coldReads = ColdReads(store.environment, workers: store.options.readWorkers)
    }

    deinit {
        coldReads.stop()
        writeSide?.stop()
        store.detach()
        lock.release()
    }

    /// The directory the store is in.
    public var directory: String { store.directory }

    /// Which store it is: all nodes that replicate one history have the same.
    public var storeID: StoreID { store.manifest.state.storeID }

    /// Which node it is; nil when the directory is a checkpoint, opened read-only.
    public var nodeID: NodeID? { node?.id }

    /// The region that the node is in, once one was given.
    public var region: String? { node?.region }

    /// Milliseconds since 1970 by the hybrid clock, which never goes back: what expiry is judged by.
    public var now: UInt64 { store.clock.now() }

    /// Closes the store: waits for the log to be durable, records where it ends, gives the directory's lock back. Later
    /// calls throw `.unavailable`; a second close does nothing. Blocks.
    ///
    /// - Throws: What keeps the close from being clean; the store is closed all the same, and the next open recovers.
    public func close() throws(EngineError) {
        guard !closed.exchange(true, ordering: .acquiringAndReleasing) else { return }
        defer { lock.release() }
        coldReads.stop()
        try writeSide?.close()
    }

    /// Calls `listener` for every event from now on; nil for nobody. There is one listener.
    public func listen(_ listener: (@Sendable (EngineEvent) -> Void)?) { store.events.listen(listener) }

    @inline(__always)
    func checkOpen() throws(EngineError) {
        if closed.load(ordering: .relaxed) { throw Engine.closedError() }
    }

    @inline(never)
    private static func closedError() -> EngineError {
        EngineError(.unavailable, "the engine is closed; open the store again")
    }

    /// The write side, or an error saying why there is none.
    func writable() throws(EngineError) -> WriteSide {
        try checkOpen()
        guard let writeSide else {
            throw EngineError(.unavailable, "the store is open read-only; open it for writing", file: directory)
        }
        return writeSide
    }
}
