internal import Synchronization

/// Slows writers in proportion to what background work is behind, so that it never comes to a sudden stop: from
/// `slowTables` L0 tables on, each byte written costs time, more the further behind, and so it does from
/// `slowMemtables` on; at `stopTables`, with `memtableLimit` memtables, or when memtables would take more than the memory
/// budget, a writer is held until there is room. A disk that refuses flushing turns waiting into an error, and so does
/// pausing the work that is waited for.
final class WriteThrottle: @unchecked Sendable {
    /// Memtables of one keyspace that may exist before its writers are held.
    static let memtableLimit = 4
    /// Memtables of one keyspace, that which is written among them, at which writers are slowed.
    static let slowMemtables = 3
    private static let slowTables = 8
    /// Tables of L0 at which writers are held.
    static let stopTables = 24
    /// What a byte costs at the edge of being held: 50 ns, or 20 MB/s.
    private static let steepest = 50.0
    /// What a byte costs while memtables wait, as a share of that: 10 ns, or 100 MB/s. So much was enough that writers
    /// were no longer held where they had been (`docs/internals/performance.md`).
    private static let flushShare = 0.2

    /// How long a writer waits for readers whose closures do not return.
    private static let patience: UInt64 = 10_000_000_000

    private let environment: EngineEnvironment
    private let options: EngineOptions
    private let events: EventHub
    private let poison: Poison
    private let counters: StoreCounters
    private let cache: BlockCache
    private let garbage: Garbage
    private let gate = Gate()
    /// The job that writes for callers who hold no thread.
    private var job: (any JobHandle)?
    private let isHeld = Atomic<Bool>(false)
    private let isFlushBehind = Atomic<Bool>(false)
    private let isCompactionBehind = Atomic<Bool>(false)
    /// Whether writers are held for readers to return, and for nothing else.
    private let isHeldByReaders = Atomic<Bool>(false)
    /// What the cache may take, and what it was told.
    private let cacheTarget: Atomic<Int>
    private let cacheCapacity: Atomic<Int>
    private let paused = Atomic<Bool>(false)
    private let picosecondsPerByte = Atomic<UInt64>(0)
    private let owed = Atomic<UInt64>(0)
    private let reach = Atomic<SequenceNumber>(0)

    /// Held while trees are judged.
    private let judging = Lock()
    private let lock = Lock()
    private var refusal: EngineError?
    private var reason = ""

    init(_ store: Store) {
        environment = store.environment
        options = store.options
        events = store.events
        poison = store.poison
        counters = store.counters
        cache = store.cache
        garbage = store.garbage
        let capacity = store.options.cacheCapacity(trees: 1, waiting: 0)
        cacheTarget = Atomic(capacity)
        cacheCapacity = Atomic(capacity)
    }

    /// What `EngineOptions.logSize` reaches back to, as last reported: memtables that began before it keep more log alive.
    var logReach: SequenceNumber { reach.load(ordering: .relaxed) }

    /// Names the job to wake when held writers are to look again.
    func attach(_ job: any JobHandle) { lock.withLock { self.job = job } }

    /// Lets go of the job, which refers back.
    func detach() { lock.withLock { job = nil } }

    /// Reports the sequence number that `EngineOptions.logSize` reaches back to.
    func report(logReach: SequenceNumber) { reach.store(logReach, ordering: .relaxed) }

    /// Why writers are slowed or held just now; empty when they are not.
    var cause: String { lock.withLock { reason } }

    /// Judges the trees anew. Called after a rotation, a flush, a compaction, and when readers hold memtables back.
    func update(_ trees: @autoclosure () -> [Tree]) {
        // One judgement at a time, looking included: one that was made of older trees must not be the last to be noted.
        let (wasCause, isCause, mayPass) = judging.withLock {
            let judgement = judge(trees())
            let before = lock.withLock {
                defer { reason = judgement.cause }
                return reason
            }
            return (before, judgement.cause, judgement.mayPass)
        }
        if isCause != wasCause { events.tell(isCause.isEmpty ? .writesResumed : .writesDelayed(reason: isCause)) }
        if mayPass { wakeAll() }
    }

    /// Notes how far background work is behind. Returns what delays writers, if anything, and whether held ones are to look
    /// again.
    private func judge(_ trees: [Tree]) -> (cause: String, mayPass: Bool) {
        var tables = 0
        var memtables = 0
        let readers = garbage.heldBytes
        var waiting = readers
        for tree in trees {
            let view = tree.view
            tables = max(tables, view.levels[0].count)
            memtables = max(memtables, view.memtables.count)
            waiting += view.immutables.reduce(0) { $0 + $1.bytesUsed }
        }
        cacheTarget.store(options.cacheCapacity(trees: trees.count, waiting: waiting), ordering: .relaxed)
        let size = options.effectiveMemtableSize
        // What the cache gives up for memtables is not free before the same readers return: it makes no room for them.
        let byReaders = readers > 0 && waiting > size + options.memoryBudget / 10
        let isFull = memtables >= Self.memtableLimit || size + waiting - readers > options.memoryBudget
        let held = tables >= Self.stopTables || isFull || byReaders
        let excess = max(0, tables - Self.slowTables + 1)
        let isFlushBehind = memtables >= Self.slowMemtables || isFull
        let share = max(
            Double(excess) / Double(Self.stopTables - Self.slowTables), isFlushBehind ? Self.flushShare : 0)
        picosecondsPerByte.store(UInt64(min(share, 1) * Self.steepest * 1000), ordering: .relaxed)
        self.isFlushBehind.store(isFlushBehind, ordering: .relaxed)
        isCompactionBehind.store(excess > 0, ordering: .relaxed)
        isHeldByReaders.store(byReaders && !isFull && tables < Self.stopTables, ordering: .relaxed)
        isHeld.store(held, ordering: .releasing)
        let cause =
            if isFull {
                "memtables wait to be flushed"
            } else if byReaders {
                "flushed memtables wait for reads that have not returned"
            } else if held {
                "L0 waits for compaction"
            } else if excess > 0 {
                "L0 is behind"
            } else {
                isFlushBehind ? "flush is behind" : ""
            }
        return (cause, !held || byReaders)
    }

    /// Gives the cache what the memtables leave it. Called by jobs: giving memory back may take milliseconds.
    func fitCache() {
        let target = cacheTarget.load(ordering: .relaxed)
        guard cacheCapacity.exchange(target, ordering: .relaxed) != target else { return }
        cache.setCapacity(target)
    }

    /// Refuses writes with `error` instead of holding them, until `resume`.
    func refuse(_ error: EngineError) {
        lock.withLock { refusal = error }
        wakeAll()
    }

    /// Background work succeeded again.
    func resume() { lock.withLock { refusal = nil } }

    /// What refuses writes just now, if anything.
    var currentRefusal: EngineError? { lock.withLock { refusal } }

    /// Whether writes are refused just now.
    var isRefusing: Bool { currentRefusal != nil }

    /// Says whether the work that writers are held for is paused: they would wait for whoever resumes it, perhaps for
    /// themselves, so they are refused instead.
    func setPaused(_ isPaused: Bool) {
        paused.store(isPaused, ordering: .releasing)
        wakeAll()
    }

    /// Whether the work that writers are held for is paused.
    var isPaused: Bool { paused.load(ordering: .acquiring) }

    /// Throws while background work is paused; `text` says what cannot be done.
    func checkRunning(_ text: String) throws(EngineError) {
        if isPaused {
            throw EngineError(
                .unavailable, "background work is paused, so \(text); call resumeBackgroundWork and try again")
        }
    }

    /// Lets held writers look again at what holds or refuses them.
    func wakeAll() {
        gate.open()
        lock.withLock { job }?.wake()
    }

    /// Lets a writer of `bytes` pass when its time has come.
    func admit(bytes: Int) throws(EngineError) {
        if isHeld.load(ordering: .acquiring) { try hold() }
        let pause = price(bytes: bytes)
        guard pause > 0 else { return }
        let start = environment.clock.monotonicNanoseconds()
        _ = environment.executor.wait(at: gate, until: start + pause) { false }
        noteDelay(since: start)
    }

    /// Counts what a writer has waited since a moment, as it was, not as it was meant.
    func noteDelay(since start: UInt64) {
        let delay = environment.clock.monotonicNanoseconds() - start
        counters.delayed.add(delay, ordering: .relaxed)
        counters.longestDelay.max(delay, ordering: .relaxed)
    }

    /// For how many nanoseconds whoever writes `bytes` is to wait, mostly 0. Debts are paid by the millisecond: shorter
    /// waits cost more than they give back.
    func price(bytes: Int) -> UInt64 {
        let price = picosecondsPerByte.load(ordering: .relaxed)
        guard price > 0 else { return 0 }
        let debt = owed.add(UInt64(bytes) * price / 1000, ordering: .relaxed).newValue
        guard debt >= 1_000_000 else { return 0 }
        owed.store(0, ordering: .relaxed)
        return min(debt, 10_000_000)
    }

    /// Whether each byte written costs time just now.
    var slows: Bool { picosecondsPerByte.load(ordering: .relaxed) > 0 }

    /// Whether writers are slowed or held for flushes.
    var flushPresses: Bool { isFlushBehind.load(ordering: .relaxed) }

    /// Whether writers are slowed or held for compaction.
    var compactionPresses: Bool { isCompactionBehind.load(ordering: .relaxed) }

    // MARK: Holding

    /// Whether writers are held just now.
    var isHolding: Bool { isHeld.load(ordering: .acquiring) }

    /// Whether a writer would be held now until background work has made room: not where it would be refused.
    var makesWait: Bool { isHolding && !poison.isPoisoned && !isRefusing && !isPaused }

    /// Whether a writer that has been held since a moment may pass. Throws when it will not.
    func mayPass(since start: UInt64) throws(EngineError) -> Bool {
        try poison.check()
        guard isHolding else { return true }
        if let currentRefusal { throw currentRefusal }
        try checkRunning("a write cannot be taken: \(cause)")
        if isHeldByReaders.load(ordering: .relaxed) { try checkReaders(since: start) }
        return false
    }

    /// Until when a writer that has been held since a moment waits at most; nil for as long as it takes.
    func limit(since start: UInt64) -> UInt64? {
        isHeldByReaders.load(ordering: .relaxed) ? start + Self.patience : nil
    }

    private func hold() throws(EngineError) {
        counters.stalls.add(1, ordering: .relaxed)
        let start = environment.clock.monotonicNanoseconds()
        defer { noteDelay(since: start) }
        while try !mayPass(since: start) {
            let limit = limit(since: start)
            _ = environment.executor.wait(at: gate, until: limit) {
                !isHolding || poison.isPoisoned || isPaused || isRefusing || self.limit(since: start) != limit
            }
        }
    }

    /// Throws where waiting for readers to return would have no end: the caller is one of them, or they wait for it.
    private func checkReaders(since start: UInt64) throws(EngineError) {
        if EpochDomain.isReading {
            throw EngineError(
                .unavailable,
                "the closure that reads keeps \(garbage.heldBytes) bytes of flushed memtables from being "
                    + "freed, so memory has no room for its writes; return from it first")
        }
        guard environment.clock.monotonicNanoseconds() >= start + Self.patience else { return }
        throw EngineError(
            .unavailable,
            "reads that have not returned for over 10 s keep \(garbage.heldBytes) bytes of flushed memtables "
                + "from being freed, so memory has no room for writes; let their closures return")
    }
}
