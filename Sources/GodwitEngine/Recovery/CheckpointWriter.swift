/// Whether a checkpoint is to have the data of a keyspace: asked for each that it shows, again where it has to be cut anew.
package typealias CheckpointChoice = (_ id: KeyspaceID, _ name: String, _ settings: KeyspaceSettings) -> Bool

/// Makes a checkpoint of a running store.
///
/// 1. *Cut*: between two commit groups, note the end of the history, rotate every memtable that holds anything, and set
///    the flush barrier there, so that no newer memtable becomes a table. Compaction keeps what the cut sees.
/// 2. Wait until what was rotated is in tables.
/// 3. Under one state of the manifest, with deletions held, link the tables. What came in above the cut all the same (an
///    ingest) is left out, or hidden where a compaction has mixed it in.
/// 4. Lift the barrier: writers were never held, and the rest touches only the checkpoint.
/// 5. Write a manifest that ends at the cut, and has no log.
/// 6. Read every byte and list size and hash of each file in `CHECKPOINT`, which is written last.
///
/// A crash before 6 leaves a directory without `CHECKPOINT`, which `restore` refuses. An error removes what was made.
///
/// Which keyspaces have data in it is asked in 3, of those that the cut shows and with the settings that they have there.
struct CheckpointWriter {
    private let store: Store
    private let side: WriteSide
    private let target: String
    /// The keyspaces whose data it is to have.
    private let choice: CheckpointChoice?
    private let progress: ((WorkProgress) -> Void)?
    private var fileSystem: any FileSystem { store.environment.fileSystem }

    init(
        _ store: Store, _ side: WriteSide, to target: String, keeping choice: CheckpointChoice? = nil,
        _ progress: ((WorkProgress) -> Void)?
    ) {
        self.store = store
        self.side = side
        self.target = target
        self.choice = choice
        self.progress = progress
    }

    /// What was noted between two commit groups.
    struct Cut {
        let point: HistoryPoint
        let state: ManifestState
        let stamp: UInt64
        let hold: Snapshots.Hold
    }

    func run() throws(EngineError) -> Checkpoint {
        try DirectoryClaim.claim(target, fileSystem, for: "a checkpoint")
        do throws(EngineError) {
            return try write()
        } catch {
            DirectoryClaim.empty(target, fileSystem)
            throw error
        }
    }

    private func write() throws(EngineError) -> Checkpoint {
        // A keyspace dropped between the cut and the links takes its tables along: then the next cut is without it. An
        // ingest is waited for.
        for _ in 0..<16 {
            guard let (cut, state) = try link() else {
                DirectoryClaim.empty(target, fileSystem)
                continue
            }
            _ = try ManifestStore.create(fileSystem, target, state: state)
            return try describe(cut)
        }
        throw EngineError(
            .unavailable,
            "keyspaces are dropped, or ingests begun, faster than a checkpoint can be cut; try again when that is over")
    }

    /// Steps 1 to 4. Returns nil when a keyspace was dropped or the history rewound meanwhile, or an ingest was under way.
    private func link() throws(EngineError) -> (Cut, ManifestState)? {
        guard let cut = try cut() else {
            try side.wait { !side.retention.hasIngest }
            return nil
        }
        defer {
            side.barrier.set(nil)
            store.snapshots.release(cut.hold)
            side.wakeFlush()
        }
        try side.waitForFlush(through: cut.point.position.sequence)
        return try link(cut).map { (cut, $0) }
    }

    /// Links the tables that hold the data of a cut; returns what the checkpoint's manifest is to say.
    func link(_ cut: Cut) throws(EngineError) -> ManifestState? {
        try store.garbage.holding { () throws(EngineError) in
            guard let state = try state(of: cut, now: store.manifest.state) else { return nil }
            for number in state.tableNumbers {
                let name = FileName.table(number)
                try FileCopy.linkOrCopy(fileSystem, store.path(name), to: name.path(in: target))
            }
            return cut.hold.isLost ? nil : state
        }
    }

    /// Notes the end of the history and rotates, with no commit in between; sets the flush barrier. Nil when the log has
    /// chunks of an ingest that is not committed: a copy that goes on from here would lack them.
    func cut() throws(EngineError) -> Cut? {
        let (store, side) = (store, side)
        var cut: Cut?
        _ = try side.pipeline.exclusively { () throws(EngineError) in
            let point = side.pipeline.currentPoint
            guard !side.retention.hasIngest else { return point.position }
            let now = store.environment.clock.monotonicNanoseconds()
            let hold = store.snapshots.take(at: { point.position.sequence }, now: now)
            cut = Cut(point: point, state: store.manifest.state, stamp: store.clock.stamp(), hold: hold)
            side.barrier.set(point.position.sequence)
            side.applier.rotateAll(at: point)
            return point.position
        }
        return cut
    }

    /// What the checkpoint's manifest says: the keyspaces of the cut, with the tables that hold their data now.
    private func state(of cut: Cut, now: ManifestState) throws(EngineError) -> ManifestState? {
        let limit = cut.point.position.sequence
        var edit = VersionEdit([
            .formatLevel(now.formatLevel), .region(now.region), .nextFileNumber(now.nextFileNumber), .end(cut.point),
            .lastStamp(cut.stamp), .lastKeyspace(cut.state.lastKeyspace), .epochHistory(cut.state.epochHistory),
        ])
        for gone in cut.state.dropped { edit.append(.droppedKeyspace(gone)) }
        for keyspace in cut.state.keyspaces {
            guard let current = now.keyspace(keyspace.meta.id),
                current.meta.createdSequence == keyspace.meta.createdSequence
            else { return nil }
            var meta = keyspace.meta
            meta.flushedThrough = limit
            edit.append(.createKeyspace(meta))
            guard choice?(meta.id, meta.name, meta.settings) ?? true else { continue }
            for level in current.version.levels {
                let tables = level.tables.filter { $0.oldestSequence <= limit }.map { table in
                    var table = table
                    if table.newestSequence > limit { table.visibleThrough = limit }
                    return table
                }
                edit.add(tables, keyspace: meta.id, level: level.level)
            }
        }
        var state = ManifestState(storeID: now.storeID, hashSeed: now.hashSeed)
        try state.apply(edit)
        return state
    }

    private func describe(_ cut: Cut) throws(EngineError) -> Checkpoint {
        let names = try fileSystem.list(target)
        var total: UInt64 = 0
        for name in names { total += try fileSystem.open(target + "/" + name, .read).size() }
        var counter = ProgressCounter(total: total, progress)
        var files: [Checkpoint.File] = []
        for name in names {
            counter.begin("hashing \(name)")
            let (size, hash) = try FileCopy.digest(fileSystem, target + "/" + name) { counter.pass(UInt64($0)) }
            files.append(Checkpoint.File(name: name, size: size, hash: hash))
        }
        let checkpoint = Checkpoint(
            storeID: cut.state.storeID, point: cut.point, madeAt: store.environment.clock.wallMilliseconds(),
            files: files)
        let path = FileName.checkpoint.path(in: target)
        let temporary = FileName.temporary(1).path(in: target)
        let file = try fileSystem.open(temporary, .create)
        try checkpoint.encode().withView { (bytes) throws(EngineError) in try file.writeFully(bytes, at: 0) }
        try file.sync()
        try fileSystem.rename(temporary, to: path)
        try fileSystem.syncDirectory(target)
        return checkpoint
    }
}

/// A directory that is to become a checkpoint or a store: it must be missing or empty, and is emptied again on failure.
enum DirectoryClaim {
    /// Makes the directory where it is missing. Throws `.invalidArgument` unless it is empty, but for a lock file.
    static func claim(_ directory: String, _ fileSystem: any FileSystem, for what: String) throws(EngineError) {
        try fileSystem.createDirectory(directory)
        let names = try fileSystem.list(directory).filter { $0 != FileName.lock.description }
        guard let first = names.first else { return }
        throw EngineError(
            .invalidArgument,
            "\(what) needs an empty directory, and this one holds `\(first)`: choose another, or empty "
                + "it if an interrupted attempt left it", file: directory)
    }

    /// Removes the files that an attempt has made.
    static func empty(_ directory: String, _ fileSystem: any FileSystem) {
        for name in (try? fileSystem.list(directory)) ?? [] where name != FileName.lock.description {
            try? fileSystem.remove(directory + "/" + name)
        }
    }
}
