internal import Synchronization

/// What all paths of an engine share: where data is, how it is named, what is visible. `Engine` is the way in for
/// callers; the pipeline, the jobs and the readers work on this.
///
/// Locks, in the order in which they may be taken: the manifest's own, then `structure`, then anything else. Under
/// `structure` nothing waits and nothing touches a file.
final class Store: @unchecked Sendable {
    let directory: String
    let options: EngineOptions
    let environment: EngineEnvironment
    let events: EventHub
    let poison = Poison()
    let clock: HybridClock
    let manifest: ManifestStore
    let cache: BlockCache
    let garbage: Garbage
    let snapshots = Snapshots()
    let counters = StoreCounters()
    /// Room for the next memtables, out of the same budget.
    let arenas: ArenaPool
    let hashSeed: UInt64

    /// The last sequence number that readers see. Written by the commit leader alone, after a group is applied.
    let visible = Atomic<SequenceNumber>(0)

    /// Makes the log durable up to a sequence number: what the manifest is about to rely on must not be lost with the power. Set by
    /// whoever has the log: recovery first, then the running engine.
    /// Returns how far it is durable.
    var syncLog: (SequenceNumber) throws(EngineError) -> HistoryPoint = { (_) in .start }

    /// Flushes all memtables of a keyspace that hold anything, before the caller's thread goes on. Set like `syncLog`.
    var drainMemtables: (Tree) throws(EngineError) -> Void = { (_) in }

    let rewind: RewindPoints

    private let structure = Lock()
    private var trees: [KeyspaceID: Tree] = [:]
    /// Dropped trees: handles of their keyspaces may still be used, and find them dropped.
    private var dropped: [Tree] = []

    init(
        directory: String, options: EngineOptions, environment: EngineEnvironment, events: EventHub,
        manifest: ManifestStore
    ) {
        self.directory = directory
        self.options = options
        self.environment = environment
        self.events = events
        self.manifest = manifest
        let state = manifest.state
        hashSeed = state.hashSeed
        clock = HybridClock(clock: environment.clock, after: state.lastStamp, events: events)
        cache = BlockCache(capacity: options.cacheCapacity(trees: 1, waiting: 0))
        arenas = ArenaPool(limit: options.effectiveMemtableSize)
        garbage = Garbage(environment, directory: directory, manifest: manifest, events: events)
        rewind = RewindPoints(
            state.rewindPoints, interval: options.rewindInterval, clock: environment.clock)
        for keyspace in state.keyspaces { addTree(keyspace.meta, keyspace.version) }
    }

    // MARK: Trees

    /// The tree of a keyspace, nil when there is none.
    func tree(_ id: KeyspaceID) -> Tree? { structure.withLock { trees[id] } }

    /// The tree of a keyspace, also of one that was dropped since the store was opened.
    func treeEver(_ id: KeyspaceID) -> Tree? {
        structure.withLock { trees[id] ?? dropped.last { $0.id == id } }
    }

    /// All trees in the order of their ids.
    var allTrees: [Tree] { structure.withLock { Array(trees.values) }.sorted { $0.id < $1.id } }

    /// Adds the tree of a keyspace, with the tables of `version`.
    @discardableResult
    func addTree(_ meta: KeyspaceMeta, _ version: Version = Version()) -> Tree {
        let view = TreeView(memtables: [newMemtable()], levels: levels(of: version, reusing: nil))
        let tree = Tree(id: meta.id, name: meta.name, settings: meta.settings, view: view)
        structure.withLock { trees[meta.id] = tree }
        return tree
    }

    /// Forgets a dropped keyspace's tree; its tables become garbage when its readers are gone.
    func removeTree(_ id: KeyspaceID) {
        let found = structure.withLock { () -> Tree? in
            guard let tree = trees.removeValue(forKey: id) else { return nil }
            dropped.append(tree)
            return tree
        }
        guard let tree = found else { return }
        changeView(of: tree) { view in
            tree.markDropped()
            for level in view.levels { for table in level.tables { table.markObsolete() } }
            return TreeView(memtables: [newMemtable()], levels: levels(of: Version(), reusing: nil))
        }
    }

    /// An empty memtable, ready for as many keys as the one before it had.
    func newMemtable(after last: Memtable? = nil) -> Memtable {
        Memtable(
            capacity: options.effectiveMemtableSize, hashSeed: hashSeed, pool: arenas, expecting: last?.keyCount ?? 0)
    }

    // MARK: The end

    /// Lets go of what refers back to the store, so that it is freed with its engine. Nothing may be written afterwards.
    func detach() {
        let closed = EngineError(.unavailable, "the engine is closed; open the store again")
        syncLog = { (_) throws(EngineError) in throw closed }
        drainMemtables = { (_) throws(EngineError) in throw closed }
        garbage.detach()
    }

    // MARK: Views

    /// Puts a fresh memtable in front. Called by the commit leader alone.
    func rotate(_ tree: Tree) {
        changeView(of: tree) { view in
            TreeView(memtables: [newMemtable(after: view.active)] + view.memtables, levels: view.levels)
        }
    }

    /// Shows readers what the manifest says of a keyspace by now, without the memtables in `flushed`. Called by jobs after
    /// their edit was committed. The manifest is asked under the lock: of two jobs that commit at the same time neither
    /// takes back what the other showed.
    func install(_ tree: Tree, flushed: [Memtable] = []) { show(tree, nil, without: flushed) }

    private func show(_ tree: Tree, _ only: Memtable?, without flushed: [Memtable]) {
        changeView(of: tree) { view in
            guard let keyspace = manifest.state.keyspace(tree.id), !tree.isDropped else { return view }
            let memtables = view.memtables.filter { memtable in !flushed.contains { $0 === memtable } }
            let next = levels(of: keyspace.version, reusing: view)
            // By number: a rewind reads the same file through another handle.
            let kept = Set(next.flatMap { $0.tables.map(\.meta.number) })
            for level in view.levels {
                for table in level.tables where !kept.contains(table.meta.number) { table.markObsolete() }
            }
            return TreeView(memtables: only.map { [$0] } ?? memtables, levels: next)
        }
    }

    /// Brings what every read of new tables begins with into the cache, and the blocks that were kept for it.
    func warm(_ output: TableOutput, of tree: Tree) {
        let numbers = Set(output.finished.map(\.number))
        for level in tree.view.levels {
            for table in level.tables where numbers.contains(table.meta.number) {
                table.reader.warm(output.fresh[table.meta.number])
            }
        }
    }

    /// Replaces all memtables by one, and the tables by what the manifest says: after a rewind.
    func reset(_ tree: Tree, to memtable: Memtable) { show(tree, memtable, without: []) }

    private func changeView(of tree: Tree, _ change: (TreeView) -> TreeView) {
        let replaced = structure.withLock { () -> (view: TreeView, bytes: Int)? in
            let (old, next) = (tree.view, change(tree.view))
            if next === old { return nil }
            let gone = old.memtables.filter { memtable in !next.memtables.contains { $0 === memtable } }
            return (tree.replace(with: next), gone.reduce(0) { $0 + $1.bytesUsed })
        }
        if let replaced { garbage.add(replaced.view, bytes: replaced.bytes) }
    }

    /// The levels of a version, with the tables and whole levels of `view` that have not changed.
    private func levels(of version: Version, reusing view: TreeView?) -> [LevelView] {
        var open: [UInt64: TableHandle] = [:]
        for level in view?.levels ?? [] { for table in level.tables { open[table.meta.number] = table } }
        return version.levels.map { state in
            let handles = state.tables.map { meta in
                if let table = open[meta.number], table.meta.visibleThrough == meta.visibleThrough { return table }
                return openTable(meta)
            }
            if let old = view?.levels[state.level], old.tables.elementsEqual(handles, by: ===) { return old }
            return LevelView(handles, level: state.level)
        }
    }

    private func openTable(_ meta: TableMeta) -> TableHandle {
        TableHandle(meta, reader: tableReader(meta), garbage: garbage)
    }

    /// A reader of a table; opens and reads nothing yet.
    func tableReader(_ meta: TableMeta) -> TableReader {
        TableReader(
            open: FileName.table(meta.number).path(in: directory), fileSystem: environment.fileSystem,
            number: meta.number, uniqueID: meta.id, size: meta.size, cache: cache, hashSeed: hashSeed,
            visibleThrough: meta.visibleThrough, globalSequence: meta.globalSequence, direct: options.directReads)
    }

    // MARK: What must be kept

    /// The sequence numbers at which somebody may still read, ascending: snapshots and rewind points. Of the versions of a
    /// key between two of them only the newest is kept.
    func protectedSequences() -> [SequenceNumber] {
        let points = rewind.all.map(\.position.sequence)
        return Array(Set(snapshots.sequences + points)).sorted()
    }

    /// A path in the store's directory.
    func path(_ name: FileName) -> String { name.path(in: directory) }
}
