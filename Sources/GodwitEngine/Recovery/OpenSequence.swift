internal import Synchronization

/// What recovery makes and the write side goes on with.
struct RecoveredParts {
    let store: Store
    let throttle: WriteThrottle
    let applier: Applier
    let flush: FlushJob
    let barrier: FlushBarrier
    let ingests: IngestReceiver
    let progress: Gate
    let logDirectory: LogDirectory
}

/// Opens a store.
///
/// 1. Take the directory's lock.
/// 2. Read `CURRENT` and the manifest, or make a store: no table is opened.
/// 3. Replay the log from the manifest's floor into memtables, flushing those that fill up.
/// 4. Sync what was read, begin a new segment, and record a cut: what lies behind the log's end stays out for good.
/// 5. Start the background jobs; hand over files that nothing names.
/// 6. After an unclean stop, begin a new epoch: what was lost behind the end may have been seen by others, and its
///    positions must not stand for something else.
///
/// A crash anywhere in it is followed by the same sequence.
struct OpenSequence {
    private let directory: String
    private let options: EngineOptions
    private let environment: EngineEnvironment

    init(_ directory: String, _ options: EngineOptions, _ environment: EngineEnvironment) {
        self.directory = directory
        self.options = options
        self.environment = environment
    }

    func run() throws(EngineError) -> Engine {
        try options.validate()
        let lock = try takeLock()
        do throws(EngineError) {
            return try open(lock)
        } catch {
            lock.release()
            throw error
        }
    }

    private var fileSystem: any FileSystem { environment.fileSystem }
    private var isReadOnly: Bool { options.mode == .readOnly }

    private func takeLock() throws(EngineError) -> any DirectoryLock {
        let current = FileName.current.path(in: directory)
        if options.mode == .openOrCreate || options.mode == .create {
            try fileSystem.createDirectory(directory)
        } else if try !fileSystem.exists(current) {
            throw EngineError(
                .notFound, "there is no store in this directory; check the path, or create one", file: directory)
        }
        return try fileSystem.lock(FileName.lock.path(in: directory))
    }

    private func open(_ lock: any DirectoryLock) throws(EngineError) -> Engine {
        let manifest = try openManifest()
        let events = EventHub()
        let store = Store(
            directory: directory, options: options, environment: environment, events: events, manifest: manifest)
        do throws(EngineError) {
            return try open(store, lock)
        } catch {
            store.detach()
            throw error
        }
    }

    private func open(_ store: Store, _ lock: any DirectoryLock) throws(EngineError) -> Engine {
        let manifest = store.manifest
        let parts = Self.parts(store)
        let replay = try LogReplay(parts).run()
        store.visible.store(replay.point.position.sequence, ordering: .releasing)
        if isReadOnly { store.detach() }
        if isReadOnly { return try Engine(store: store, writeSide: nil, node: storedNode(), lock: lock) }
        let node = try NodeIdentity.ensure(in: directory, region: options.region, environment)
        let writeSide = try beginLog(parts, node, replay)
        // Before anything runs that makes tables: a new one is not in the manifest yet either.
        collectOrphans(store, sparing: parts.ingests.waitingFiles)
        writeSide.start()
        let engine = try Engine(store: store, writeSide: writeSide, node: node, lock: lock)
        if options.beginsEpochs, !manifest.recoveredClean || manifest.state.epochHistory.isEmpty {
            _ = try engine.beginEpoch()
        }
        if options.beginsEpochs { try engine.abandonIngests() }
        return engine
    }

    /// Whose node a store is that is opened for reading only; a checkpoint is nobody's.
    private func storedNode() throws(EngineError) -> NodeIdentity? {
        guard try fileSystem.exists(FileName.node.path(in: directory)) else { return nil }
        return try NodeIdentity.read(in: directory, fileSystem)
    }

    private func openManifest() throws(EngineError) -> ManifestStore {
        let exists = try fileSystem.exists(FileName.current.path(in: directory))
        if exists, options.mode == .create {
            throw EngineError(
                .invalidArgument, "this directory holds a store already; open it, or choose another", file: directory)
        }
        if exists { return try ManifestStore.recover(fileSystem, directory, readOnly: isReadOnly) }
        let random = environment.random
        var state = ManifestState(
            storeID: StoreID(high: random.next(), low: random.next()), hashSeed: random.next())
        try state.apply(
            VersionEdit([
                .createKeyspace(
                    KeyspaceMeta(
                        id: 0, name: "default", createdSequence: 0, settings: KeyspaceSettings(), flushedThrough: 0))
            ]))
        return try ManifestStore.create(fileSystem, directory, state: state)
    }

    /// What works on a store before its log is open.
    static func parts(_ store: Store) -> RecoveredParts {
        let throttle = WriteThrottle(store)
        let ingests = IngestReceiver(store: store)
        let shape = KeyspaceChanges(store: store, ingests: ingests)
        let applier = Applier(store: store, shape: shape, throttle: throttle)
        let progress = Gate()
        let barrier = FlushBarrier()
        let flush = FlushJob(store: store, throttle: throttle, gate: progress, barrier: barrier)
        let identity = LogIdentity(storeID: store.manifest.state.storeID.bytes, seed: store.hashSeed)
        return RecoveredParts(
            store: store, throttle: throttle, applier: applier, flush: flush, barrier: barrier, ingests: ingests,
            progress: progress,
            logDirectory: LogDirectory(
                fileSystem: store.environment.fileSystem, path: store.directory, identity: identity))
    }

    /// Begins the segment that the log goes on in, and records where it ended until now.
    private func beginLog(
        _ parts: RecoveredParts, _ node: NodeIdentity, _ replay: LogReplay.Outcome
    ) throws(EngineError) -> WriteSide {
        let manifest = parts.store.manifest
        let found = try parts.logDirectory.segments()
        let link = JobLink()
        var sizes = LogSegmentOptions()
        sizes.fullSize = UInt64(options.segmentSize)
        sizes.firstSize = min(sizes.firstSize, sizes.fullSize)
        let segments = try LogSegments(
            parts.logDirectory, options: sizes, live: replay.segments,
            unused: found.filter { !replay.segments.contains($0) },
            nextFileNumber: { () throws(EngineError) in manifest.allocateFileNumber() }, wake: { link.wake() })
        let log = try LogWriter(
            segments, in: parts.logDirectory, after: replay.point, previous: replay.end, syncing: replay.segments,
            past: replay.synced)
        var edit = VersionEdit([.end(replay.point), .lastStamp(parts.store.clock.stamp())])
        if let cut = replay.cut(resumingAt: log.end.segment) { edit.append(.addLogCut(cut)) }
        if manifest.state.logFloor == 0 { edit.append(.logFloor(segment: log.end.segment)) }
        try manifest.commit(edit)
        return WriteSide(parts, node: node, log: log, segments: segments, link: link, at: replay.point)
    }

    /// Hands tables over to deletion that the manifest does not name: a crash came between a table and its edit, or
    /// between an edit and a deletion.
    private func collectOrphans(_ store: Store, sparing waiting: Set<UInt64>) {
        let known = waiting.union(store.manifest.state.tableNumbers)
        guard let names = try? fileSystem.list(directory) else { return }
        for name in names {
            if case .table(let number)? = FileName(name), !known.contains(number) {
                store.garbage.add(table: number, nil)
            }
        }
    }
}
