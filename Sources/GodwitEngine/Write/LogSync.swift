internal import Synchronization

/// The third stage of a commit: one job syncs the log for everybody who waits. While one sync runs, the next callers
/// gather and share the one after it.
final class LogSync: @unchecked Sendable {
    private let store: Store
    private let tail: PublishedLogEnd
    private let gate = Gate()
    private let wanted: Atomic<SequenceNumber>
    private let synced: Atomic<SequenceNumber>

    private let lock = Lock()
    private var log: LogWriter
    /// Held while the log is being synced: one sync at a time.
    private let syncing = Lock()
    private var job: (any JobHandle)?
    private var waiting: [(position: Position, completion: @Sendable (Result<Position, EngineError>) -> Void)] = []
    private var point: HistoryPoint
    private var durable: HistoryPoint
    private var lastSync: UInt64

    init(store: Store, log: LogWriter, tail: PublishedLogEnd, at point: HistoryPoint) {
        self.store = store
        self.log = log
        self.tail = tail
        self.point = point
        durable = point
        wanted = Atomic(point.position.sequence)
        synced = Atomic(point.position.sequence)
        lastSync = store.environment.clock.monotonicNanoseconds()
    }

    /// Names the job to wake when somebody waits.
    func attach(_ job: any JobHandle) {
        lock.withLock { self.job = job }
        if store.options.syncInterval != nil { job.wake() }
    }

    /// Lets go of the job, which refers back.
    func detach() { lock.withLock { job = nil } }

    /// The last position that survives power loss.
    var durablePoint: HistoryPoint { lock.withLock { durable } }

    /// Told by the leader after each group: `point` is applied and visible, and the log holds it up to `end`.
    func published(_ point: HistoryPoint, end: LogLocation) {
        lock.withLock { self.point = point }
        tail.publish(end, point)
    }

    /// After a rewind: the history ends at `point` in another log, and all of it is durable.
    func restart(_ log: LogWriter, at point: HistoryPoint) {
        lock.withLock {
            self.log = log
            self.point = point
            durable = point
            synced.store(point.position.sequence, ordering: .releasing)
            wanted.store(point.position.sequence, ordering: .releasing)
        }
    }

    /// Has everything that is visible now synced, without waiting for it.
    func request() { want(lock.withLock { point }.position.sequence) }

    /// Blocks until the log is durable up to `sequence`. Throws once the engine is poisoned.
    func wait(for sequence: SequenceNumber) throws(EngineError) {
        if synced.load(ordering: .acquiring) >= sequence { return }
        want(sequence)
        _ = store.environment.executor.wait(at: gate, until: nil) {
            synced.load(ordering: .acquiring) >= sequence || store.poison.isPoisoned
        }
        if synced.load(ordering: .acquiring) < sequence { try store.poison.check() }
    }

    /// Tells `completion` once the log is durable up to `position`, or that it never will be.
    func whenSynced(_ position: Position, _ completion: @escaping @Sendable (Result<Position, EngineError>) -> Void) {
        lock.withLock { waiting.append((position, completion)) }
        want(position.sequence)
    }

    /// Waits until everything that is visible now is durable, and returns up to where.
    func syncAll() throws(EngineError) -> Position {
        let end = lock.withLock { point.position }
        try wait(for: end.sequence)
        return end
    }

    private func want(_ sequence: SequenceNumber) {
        wanted.max(sequence, ordering: .acquiringAndReleasing)
        lock.withLock { job }?.wake()
    }

    /// A step of the sync job: one sync for all that was published before it.
    func step() -> StepResult {
        if store.poison.isPoisoned {
            release()
            return .waiting(until: nil)
        }
        let now = store.environment.clock.monotonicNanoseconds()
        let due = store.options.syncInterval.map { lastSync + $0 * 1_000_000 }
        let (log, end) = lock.withLock { (self.log, self.point) }
        let isBehind = end.position.sequence > synced.load(ordering: .relaxed)
        let isWanted = wanted.load(ordering: .acquiring) > synced.load(ordering: .relaxed)
        guard isBehind, isWanted || due.map({ now >= $0 }) ?? false else {
            release()
            guard let due else { return .waiting(until: nil) }
            return .waiting(until: isBehind ? due : now + (store.options.syncInterval ?? 0) * 1_000_000)
        }
        lastSync = now
        do throws(EngineError) {
            try sync(log, through: end)
        } catch {
            return .waiting(until: nil)
        }
        return .more
    }

    /// Makes the log durable up to `sequence`, which was appended, on the calling thread. Returns how far it is durable.
    func syncNow(through sequence: SequenceNumber) throws(EngineError) -> HistoryPoint {
        let durable = durablePoint
        if durable.position.sequence >= sequence { return durable }
        let (log, end) = lock.withLock { (self.log, self.point) }
        try sync(log, through: end)
        return end
    }

    private func sync(_ log: LogWriter, through end: HistoryPoint) throws(EngineError) {
        defer { release() }
        do throws(EngineError) {
            _ = try syncing.withLock { () throws(EngineError) in try log.sync() }
        } catch {
            store.poison.set(error)
            store.events.tell(.poisoned(error))
            throw error
        }
        store.counters.syncs.add(1, ordering: .relaxed)
        lock.withLock {
            // A rewind came between: `end` is of another history, which is no more.
            guard self.log === log else { return }
            if durable.position < end.position { durable = end }
            synced.max(end.position.sequence, ordering: .acquiringAndReleasing)
        }
        tail.moved.open()
    }

    /// Lets everybody go whose position is durable, or will never be.
    private func release() {
        gate.open()
        let reached = synced.load(ordering: .acquiring)
        let poisoned = store.poison.isPoisoned
        let ready = lock.withLock {
            let ready = waiting.filter { poisoned || $0.position.sequence <= reached }
            waiting.removeAll { poisoned || $0.position.sequence <= reached }
            return ready
        }
        for waiter in ready {
            do throws(EngineError) {
                if waiter.position.sequence > reached { try store.poison.check() }
                waiter.completion(.success(waiter.position))
            } catch {
                waiter.completion(.failure(error))
            }
        }
    }
}
