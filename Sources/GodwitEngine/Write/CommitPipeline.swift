internal import Synchronization

/// Group commit, in three stages.
///
/// 1. **Append.** Callers queue; the first becomes the leader, and takes those behind it into its group (at most 1 MiB,
///    or one larger batch). It gives each batch its sequence numbers, stamp and chain value, and writes the group to the
///    log as one frame.
/// 2. **Apply and publish.** The same leader puts the group into the memtables while it is hot in the cache, then moves
///    `Store.visible` over it. Since one leader works at a time, the order of visibility is the order of the log.
/// 3. **Sync.** A `.synced` caller waits until the sync job has passed its batch (`LogSync`); a `.buffered` caller waits
///    for nobody's sync. The next leader appends meanwhile.
///
/// Orderings that this keeps: a batch is applied only once the log has it; it is visible only once all of it is applied;
/// it is acknowledged as synced only once the log up to it is. A group whose append fails leaves no trace: its sequence
/// numbers are used again.
final class CommitPipeline: @unchecked Sendable {
    /// The most bytes a group takes together, so that the first of it does not wait for the last.
    private static let groupLimit = 1 << 20
    /// How many idle commits are kept for reuse.
    private static let poolLimit = 64

    private let store: Store
    private let sync: LogSync
    private let throttle: WriteThrottle
    private let applier: Applier
    private let origin: UInt16

    private struct Line {
        var queue: [PendingCommit] = []
        var isLed = false
        var pool: [PendingCommit] = []
        var asyncJob: (any JobHandle)?
        /// Asynchronous commits that the throttle keeps out of the queue, oldest first.
        var held: [PendingCommit] = []
    }

    private let line = Locked(Line())

    // The leader's: touched by one thread at a time, handed over with leadership.
    private let history: Owned<HistoryPoint>
    private let log: Owned<LogWriter>
    /// Why callers' writes are refused, if they are.
    private let fence = Owned<EngineError?>(nil)
    private let group = ByteWriter(capacity: 64 << 10)
    /// The group's members. Empty between groups.
    private let members = Owned<[PendingCommit]>([])

    init(
        store: Store, origin: UInt16, log: LogWriter, sync: LogSync, throttle: WriteThrottle, applier: Applier,
        at history: HistoryPoint
    ) {
        self.store = store
        self.log = Owned(log)
        self.sync = sync
        self.throttle = throttle
        self.applier = applier
        self.history = Owned(history)
        self.origin = origin
    }

    /// Names the job that leads when an asynchronous commit is first in the queue.
    func attach(_ job: any JobHandle) {
        line.withLock { $0.asyncJob = job }
        throttle.attach(job)
    }

    /// Lets go of the job, which refers back, and tells those who wait for it that the engine is closed.
    func detach() {
        throttle.detach()
        while case .more = asyncStep() {}
        line.withLock { $0.asyncJob = nil }
    }

    // MARK: For callers

    /// An empty commit to fill in; given back by `commit`, or by its completion.
    func begin() -> PendingCommit {
        line.withLock { $0.pool.popLast() } ?? PendingCommit()
    }

    /// Commits and returns the position of the batch. Blocks for its turn, and for the sync of a `.synced` one.
    func commit(_ commit: PendingCommit) throws(EngineError) -> Position {
        defer { giveBack(commit) }
        try admit(commit)
        if !enqueue(commit), !commit.settlesSoon() {
            _ = store.environment.executor.wait(at: commit.gate, until: nil) {
                commit.state.load(ordering: .acquiring) != .waiting
            }
        }
        if commit.state.load(ordering: .acquiring) != .done { lead() }
        let position = try commit.result.get()
        if commit.durability == .synced { try sync.wait(for: position.sequence) }
        return position
    }

    /// Commits on the calling thread where that needs no waiting: nothing holds or slows writers, and nobody leads. Nil where
    /// it would have to wait; then nothing was done. The caller takes its commit back by `giveBack` in any case.
    func commitIfFree(_ commit: PendingCommit) throws(EngineError) -> Position? {
        try store.poison.check()
        if throttle.isHolding { return nil }
        let isFree = line.withLock { line in
            guard !line.isLed, line.held.isEmpty, line.queue.isEmpty else { return false }
            line.queue.append(commit)
            line.isLed = true
            commit.state.store(.leading, ordering: .relaxed)
            return true
        }
        guard isFree else { return nil }
        lead()
        return try commit.result.get()
    }

    /// Commits without holding a thread: `commit.completion` is told the outcome.
    func commitLater(_ commit: PendingCommit) {
        precondition(commit.completion != nil)
        let pause = throttle.price(bytes: commit.records.count)
        let now = pause > 0 || throttle.isHolding ? store.environment.clock.monotonicNanoseconds() : 0
        let isHeld = line.withLock { line in
            // Never past those that are held already: one caller's commits keep their order.
            guard now > 0 || !line.held.isEmpty else { return false }
            commit.held = (now, now + pause)
            line.held.append(commit)
            return true
        }
        guard isHeld || enqueue(commit) else { return }
        line.withLock { $0.asyncJob }?.wake()
    }

    /// Runs `body` alone between two groups: no batch is appended or applied meanwhile. It must not commit.
    ///
    /// - Parameter isWrite: Whether it is a caller's write, which a fence refuses.
    func exclusively(
        isWrite: Bool = false, _ body: @escaping () throws(EngineError) -> Position
    ) throws(EngineError) -> Position {
        let commit = begin()
        commit.work = .exclusive(body)
        commit.obeysFence = isWrite
        commit.durability = .buffered
        return try self.commit(commit)
    }

    /// A step of the job that leads for asynchronous commits.
    func asyncStep() -> StepResult {
        let later = admitHeld()
        let mayLead = line.withLock { line in
            line.queue.first.map { $0.completion != nil && $0.state.load(ordering: .relaxed) == .leading }
        }
        guard mayLead == true else { return .waiting(until: later) }
        lead()
        return .more
    }

    /// Queues the held commits that may pass by now, and refuses those that never will. Returns when to look again, nil for
    /// when the throttle says so.
    private func admitHeld() -> UInt64? {
        while let first = line.withLock({ $0.held.first }) {
            if store.environment.clock.monotonicNanoseconds() < first.held.until { return first.held.until }
            do throws(EngineError) {
                guard try throttle.mayPass(since: first.held.since) else {
                    return throttle.limit(since: first.held.since)
                }
                line.withLock { _ = $0.held.removeFirst() }
                // Those that came behind others were held for no cause of their own.
                if first.held.since > 0 { throttle.noteDelay(since: first.held.since) }
                _ = enqueue(first)
            } catch {
                line.withLock { _ = $0.held.removeFirst() }
                first.result = .failure(error)
                finish(first)
            }
        }
        return nil
    }

    /// Takes a commit back for reuse.
    func giveBack(_ commit: PendingCommit) {
        commit.reset()
        line.withLock { if $0.pool.count < Self.poolLimit { $0.pool.append(commit) } }
    }

    private func admit(_ commit: PendingCommit) throws(EngineError) {
        try store.poison.check()
        guard case .records = commit.work else { return }
        try throttle.admit(bytes: commit.records.count)
    }

    /// Queues a commit; returns whether its caller leads.
    private func enqueue(_ commit: PendingCommit) -> Bool {
        line.withLock { line in
            line.queue.append(commit)
            if line.isLed { return false }
            line.isLed = true
            commit.state.store(.leading, ordering: .relaxed)
            return true
        }
    }

    // MARK: The leader

    /// Commits one group, then hands leadership to whoever is first in the queue.
    private func lead() {
        takeGroup()
        commitGroup()
        // Leadership takes `members` along.
        let done = members.value.count == 1 ? members.value.removeLast() : nil
        let others = members.value
        if !others.isEmpty { members.value.removeAll(keepingCapacity: true) }
        // Nothing of the next commit is looked at once it leads: it may be done, and anew, at any moment from then on.
        let (gate, asyncJob) = line.withLock { line -> (Gate?, (any JobHandle)?) in
            guard let next = line.queue.first else {
                line.isLed = false
                return (nil, nil)
            }
            let isAwaited = next.completion == nil
            next.state.store(.leading, ordering: .releasing)
            return isAwaited ? (next.gate, nil) : (nil, line.asyncJob)
        }
        gate?.open()
        asyncJob?.wake()
        if let done { finish(done) }
        for member in others { finish(member) }
    }

    private func takeGroup() {
        line.withLock { line in
            var bytes = 0
            var count = 0
            while count < line.queue.count {
                let commit = line.queue[count]
                // What runs alone, and what looks at the memtables first, comes after all before it were applied.
                if case .exclusive = commit.work, count > 0 { break }
                if !commit.conditions.isEmpty, count > 0 { break }
                bytes += commit.records.count
                if count > 0, bytes > Self.groupLimit { break }
                count += 1
                if case .exclusive = commit.work { break }
            }
            if count == 1, line.queue.count == 1 {
                members.value.append(line.queue.removeLast())
            } else {
                members.value.append(contentsOf: line.queue[..<count])
                line.queue.removeFirst(count)
            }
        }
    }

    private func commitGroup() {
        do throws(EngineError) {
            try store.poison.check()
            if case .exclusive(let body) = members.value[0].work {
                if let fence = fence.value, members.value[0].obeysFence { throw fence }
                members.value[0].result = .success(try body())
                return
            }
            if let fence = fence.value { throw fence }
            try appendAndApply()
        } catch {
            for member in members.value { member.result = .failure(error) }
        }
    }

    private func appendAndApply() throws(EngineError) {
        LogWriter.begin(group)
        var point = history.value
        var operations: UInt64 = 0
        for member in members.value {
            do throws(EngineError) {
                try applier.check(member)
            } catch {
                member.result = .failure(error)
                continue
            }
            var offset = 0
            while offset < member.records.count {
                let count = RecordEncoder.operationCount(member.records, at: offset)
                let chain = RecordEncoder.finish(
                    member.records, at: offset, epoch: point.position.epoch,
                    firstSequence: point.position.sequence + 1, stamp: store.clock.stamp(), origin: origin,
                    previousChain: point.chain)
                point = HistoryPoint(
                    position: Position(
                        epoch: point.position.epoch, sequence: point.position.sequence + UInt64(count)),
                    chain: chain)
                operations += UInt64(count)
                offset += RecordEncoder.length(member.records, at: offset)
            }
            group.append(member.records.view)
            member.result = .success(point.position)
        }
        guard point != history.value else { return }
        try append(to: point)
        store.counters.operations.add(operations, ordering: .relaxed)
    }

    /// Appends records that are finished, such as those of another node: inside `exclusively`.
    func append(finished records: ByteView, to point: HistoryPoint) throws(EngineError) {
        LogWriter.begin(group)
        group.append(records)
        try append(to: point)
    }

    /// Appends a control record in its place: inside `exclusively`.
    func append(_ type: RecordType, epoch: Epoch? = nil, _ write: (ByteWriter) -> Void) throws(EngineError) {
        LogWriter.begin(group)
        let start = RecordEncoder.control(type, into: group, write)
        let position = Position(
            epoch: epoch ?? history.value.position.epoch, sequence: history.value.position.sequence + 1)
        let chain = RecordEncoder.finish(
            group, at: start, epoch: position.epoch, firstSequence: position.sequence, stamp: store.clock.stamp(),
            origin: origin, previousChain: history.value.chain)
        try append(to: HistoryPoint(position: position, chain: chain))
    }

    /// Appends the group, applies it and shows it to readers.
    private func append(to point: HistoryPoint) throws(EngineError) {
        let bytes = group.count - LogFormat.frameHeaderLength
        let end: LogLocation
        do throws(EngineError) {
            end = try log.value.append(group: group, last: point)
        } catch {
            // A full disk is met before anything is written; after another failure nobody knows what the file holds.
            throw error.code == .diskFull ? error : poison(error)
        }
        history.value = point
        do throws(EngineError) {
            try applier.apply(group.view.slice(LogFormat.frameHeaderLength, bytes))
        } catch {
            // The log has what memory lacks: only a reopen brings the two together.
            throw poison(error)
        }
        store.visible.store(point.position.sequence, ordering: .releasing)
        sync.published(point, end: end)
        store.counters.logBytes.add(UInt64(bytes), ordering: .relaxed)
        store.counters.groups.add(1, ordering: .relaxed)
        applier.rotateFullMemtables(at: point)
    }

    /// Refuses callers' writes with `reason`, or takes them again: inside `exclusively`.
    func setFence(_ reason: EngineError?) { fence.value = reason }

    /// Where the history stands. Read by the leader, and inside `exclusively`.
    var currentPoint: HistoryPoint { history.value }

    /// Goes on in another log after `point`: inside `exclusively`, after a rewind.
    func restart(_ log: LogWriter, at point: HistoryPoint) {
        self.log.value = log
        history.value = point
        sync.restart(log, at: point)
        store.visible.store(point.position.sequence, ordering: .releasing)
    }

    /// Lets nothing more be acknowledged; returns the error that says so.
    private func poison(_ error: EngineError) -> EngineError {
        store.poison.set(error)
        store.events.tell(.poisoned(error))
        throttle.wakeAll()
        return store.poison.error ?? error
    }

    private func finish(_ member: PendingCommit) {
        guard let completion = member.completion else {
            member.state.store(.done, ordering: .releasing)
            member.gate.open()
            return
        }
        let result = member.result
        let durability = member.durability
        giveBack(member)
        if case .success(let position) = result, durability == .synced {
            sync.whenSynced(position, completion)
        } else {
            completion(result)
        }
    }
}
