internal import Synchronization

/// Everything that an engine open for writing has and a read-only one lacks: the pipeline, the log, the background jobs.
final class WriteSide: @unchecked Sendable {
    let store: Store
    let pipeline: CommitPipeline
    let sync: LogSync
    let throttle: WriteThrottle
    let applier: Applier
    let flush: FlushJob
    let barrier: FlushBarrier
    let ingests: IngestReceiver
    let compactions: CompactionScheduler
    let retention: LogRetention
    let segments: LogSegments
    let logDirectory: LogDirectory
    let tail: PublishedLogEnd
    /// Whether a checkpoint is being made: one at a time, since they share the flush barrier.
    let isCheckpointing = Atomic<Bool>(false)
    /// Opened whenever a flush, a compaction or a deletion ends.
    let progress: Gate

    private let jobs = Lock()
    private var handles: [any JobHandle] = []
    private var flushHandle: (any JobHandle)?
    private var compactionHandle: (any JobHandle)?
    /// What holds flush and compaction back: pauses, and a rewind while it runs.
    private var holds = 0
    private var pauses = 0

    private let segmentsLink: JobLink

    init(
        _ parts: RecoveredParts, node: NodeIdentity, log: LogWriter, segments: LogSegments, link: JobLink,
        at point: HistoryPoint
    ) {
        segmentsLink = link
        store = parts.store
        throttle = parts.throttle
        applier = parts.applier
        flush = parts.flush
        barrier = parts.barrier
        ingests = parts.ingests
        progress = parts.progress
        logDirectory = parts.logDirectory
        self.segments = segments
        tail = PublishedLogEnd(log.end, point)
        sync = LogSync(store: store, log: log, tail: tail, at: point)
        pipeline = CommitPipeline(
            store: store, origin: node.region.map { RegionID.of($0) } ?? 0, log: log, sync: sync, throttle: throttle,
            applier: applier, at: point)
        retention = LogRetention(
            store: store, directory: logDirectory, segments: segments, rewind: store.rewind, ingests: parts.ingests)
        compactions = CompactionScheduler(store: store, throttle: throttle, gate: progress)
    }

    /// Starts the background jobs.
    func start() {
        let executor = store.environment.executor
        let (sync, pipeline, flush, compactions) = (sync, pipeline, flush, compactions)
        let (garbage, segments, retention, store, throttle) = (store.garbage, segments, retention, store, throttle)
        store.syncLog = { (sequence) throws(EngineError) in try sync.syncNow(through: sequence) }
        // Called by the commit leader, which alone rotates.
        let (applier, progress, poison) = (applier, progress, store.poison)
        store.drainMemtables = { (tree) throws(EngineError) in
            applier.rotate(tree, at: pipeline.currentPoint)
            _ = executor.wait(at: progress, until: nil) {
                tree.view.immutables.isEmpty || poison.isPoisoned || throttle.isRefusing
            }
            if let refusal = throttle.currentRefusal { throw refusal }
            try poison.check()
        }

        let syncJob = executor.start(Job(name: "log sync", priority: .urgent) { sync.step() })
        let asyncJob = executor.start(Job(name: "commits", priority: .urgent) { pipeline.asyncStep() })
        let garbageJob = executor.start(Job(name: "deletion", priority: .background) { garbage.step() })
        let watch = Watch(store.environment.clock, store.events)
        let watchJob = executor.start(Job(name: "watch", priority: .background) { watch.step() })
        let segmentJob = executor.start(
            Job(name: "log segments", priority: .background) {
                do throws(EngineError) {
                    try retention.advance()
                    let result = try segments.step()
                    throttle.report(logReach: try retention.reach(of: store.options.logSize))
                    return result
                } catch {
                    store.events.tell(.backgroundError(error))
                    return .waiting(until: store.environment.clock.monotonicNanoseconds() + 500_000_000)
                }
            })
        let compactionJob = PacedJob(
            executor, name: "compaction", whilePressing: { throttle.compactionPresses },
            step: { [weak self] in compactions.step { self?.isHeldBack == true } })
        let flushJob = PacedJob(
            executor, name: "flush", whilePressing: { throttle.flushPresses },
            step: { [weak self] in flush.step { self?.isHeldBack == true } })
        segmentsLink.attach(segmentJob)
        sync.attach(syncJob)
        pipeline.attach(asyncJob)
        garbage.attach(
            garbageJob,
            onHeld: { [weak store, weak throttle] in
                if let store, let throttle { throttle.update(store.allTrees) }
            }, fit: { [weak throttle] in throttle?.fitCache() })
        flush.onFlush = {
            compactionJob.wake()
            segmentJob.wake()
        }
        applier.onChange = { [store, throttle] in
            throttle.update(store.allTrees)
            flushJob.wake()
            garbageJob.wake()
            progress.open()
        }
        jobs.withLock {
            handles = [syncJob, asyncJob, garbageJob, segmentJob, watchJob]
            flushHandle = flushJob
            compactionHandle = compactionJob
        }
        for job in [garbageJob, segmentJob, compactionJob, flushJob, watchJob] as [any JobHandle] { job.wake() }
    }

    // MARK: Background work

    /// Lets compaction look for work.
    func wakeCompaction() { jobs.withLock { compactionHandle }?.wake() }

    /// Lets flush and log retention look for work.
    func wakeFlush() {
        jobs.withLock { flushHandle }?.wake()
    }

    /// Lets log retention look for segments to give back.
    func wakeRetention() { segmentsLink.wake() }

    /// Puts every memtable that holds anything in the queue to be flushed, and waits until what was there has been.
    func flushAll() throws(EngineError) {
        try throttle.checkRunning("nothing is flushed")
        let position = try rotateAll()
        try waitForFlush(through: position.sequence)
    }

    /// Rotates all memtables at one point of the history, which is returned.
    func rotateAll() throws(EngineError) -> Position {
        let (pipeline, applier) = (pipeline, applier)
        return try pipeline.exclusively { () throws(EngineError) in
            let point = pipeline.currentPoint
            applier.rotateAll(at: point)
            return point.position
        }
    }

    /// Waits until no memtable that began at or below a sequence number waits to be flushed.
    func waitForFlush(through sequence: SequenceNumber) throws(EngineError) {
        wakeFlush()
        let store = store
        let throttle = throttle
        try wait { () in
            store.allTrees.allSatisfy { tree in
                tree.view.immutables.allSatisfy { $0.firstSequence > sequence }
            } || throttle.isRefusing
        }
        if let refusal = throttle.currentRefusal { throw refusal }
    }

    /// Flushes all that a keyspace's memtables hold: inside `exclusively`, before a record that needs them flushed is
    /// appended.
    func drain(_ tree: Tree) throws(EngineError) {
        applier.rotate(tree, at: pipeline.currentPoint)
        try wait { tree.view.immutables.isEmpty || throttle.isRefusing }
        if let refusal = throttle.currentRefusal { throw refusal }
    }

    /// Waits for background work until `condition` holds; throws once the engine is poisoned or the work paused.
    func wait(_ condition: () -> Bool) throws(EngineError) {
        let poison = store.poison
        var holds = false
        _ = store.environment.executor.wait(at: progress, until: nil) {
            holds = condition()
            return holds || poison.isPoisoned || throttle.isPaused
        }
        try poison.check()
        if !holds { try throttle.checkRunning("nothing is flushed or compacted") }
    }

    /// Holds flush and compaction back for a caller who may not be back soon: who waits for them is refused.
    func pause() {
        holdBack()
        jobs.withLock {
            pauses += 1
            throttle.setPaused(true)
        }
        progress.open()
    }

    /// Undoes one pause, if there is one.
    func resume() {
        let wasPaused = jobs.withLock {
            guard pauses > 0 else { return false }
            pauses -= 1
            throttle.setPaused(pauses > 0)
            return true
        }
        if wasPaused { letGo() }
    }

    /// Holds flush and compaction back for a moment: who waits for them goes on waiting.
    func holdBack() { jobs.withLock { holds += 1 } }

    /// Lets flush and compaction go on once nothing holds them back.
    func letGo() {
        let isFree = jobs.withLock {
            holds -= 1
            return holds == 0
        }
        guard isFree else { return }
        wakeFlush()
        wakeCompaction()
    }

    private var isHeldBack: Bool { jobs.withLock { holds > 0 } }

    // MARK: The end

    /// Stops the jobs and, when the log is whole, records where it ends.
    func close() throws(EngineError) {
        defer { stop() }
        try store.poison.check()
        let (pipeline, sync, store) = (pipeline, sync, store)
        // The last commit: those that queue behind it find the engine poisoned.
        let end = try pipeline.exclusively { () throws(EngineError) in
            let point = pipeline.currentPoint
            _ = try sync.syncNow(through: point.position.sequence)
            store.poison.set(EngineError(.unavailable, "the engine was closed"))
            return point.position
        }
        stop()
        let location = tail.location
        var edit = VersionEdit([
            .end(tail.point), .lastStamp(store.clock.stamp()),
            .addLogCut(
                LogCut(
                    segment: location.segment, endOffset: location.offset, through: end.sequence,
                    resumesAt: store.manifest.allocateFileNumber())),
        ])
        store.rewind.record(in: &edit, unless: store.manifest.state)
        try store.manifest.markClean(edit)
        store.garbage.finish()
    }

    /// Stops the jobs, as a crash would, but for what they have in hand.
    func stop() {
        let (running, flushJob, compactionJob) = jobs.withLock {
            let all = (handles, flushHandle, compactionHandle)
            handles = []
            flushHandle = nil
            compactionHandle = nil
            return all
        }
        flushJob?.stop()
        compactionJob?.stop()
        flush.abandon()
        compactions.abandon()
        for job in running { job.stop() }
        // Nobody is left who could write: whoever waits is told.
        store.poison.set(EngineError(.unavailable, "the engine was closed"))
        // Jobs refer to what they work on, and that to them.
        flush.onFlush = {}
        applier.onChange = {}
        segmentsLink.detach()
        sync.detach()
        pipeline.detach()
        store.detach()
    }
}
