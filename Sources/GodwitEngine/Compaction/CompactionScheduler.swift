internal import Synchronization

/// Runs compactions, one at a time, a quantum a step: picks the keyspace that is furthest behind, or serves somebody who
/// asked for a range. A compaction starts only if its output fits on the disk.
final class CompactionScheduler: @unchecked Sendable {
    /// How often expired data is looked for when nothing else happens.
    private static let idleCheck: UInt64 = 30_000_000_000

    private struct Request {
        let id: UInt64
        let tree: Tree
        let manual: ManualCompaction
    }

    private let store: Store
    private let throttle: WriteThrottle
    private let options: CompactionOptions
    private let gate: Gate
    private var job: CompactionJob?
    /// What was picked last.
    private var plan: CompactionPlan?
    /// Held for a whole step, files and all.
    private let stepping = Lock()

    private let lock = Lock()
    private var requests: [Request] = []
    private var nextRequest: UInt64 = 0
    private var failures: [UInt64: EngineError] = [:]
    private var suspects = SuspectTables()

    init(store: Store, throttle: WriteThrottle, gate: Gate) {
        self.store = store
        self.throttle = throttle
        self.gate = gate
        var options = CompactionOptions()
        options.tableBytes = UInt64(store.options.tableSize)
        options.baseBytes = UInt64(store.options.baseLevelSize)
        options.grandparentBytes = 10 * options.tableBytes
        options.expiryGrace = store.options.expiryGrace
        self.options = options
    }

    /// Asks for a range to be compacted; `isDone` tells when it is.
    func request(_ tree: Tree, _ range: KeyRange) -> UInt64 {
        let manual = ManualCompaction(
            range: range, through: store.visible.load(ordering: .acquiring),
            firstNumber: store.manifest.allocateFileNumber())
        return lock.withLock {
            nextRequest += 1
            requests.append(Request(id: nextRequest, tree: tree, manual: manual))
            return nextRequest
        }
    }

    /// Whether a requested compaction is over; throws what stopped it.
    func isDone(_ request: UInt64) throws(EngineError) -> Bool {
        if let failure = lock.withLock({ failures.removeValue(forKey: request) }) { throw failure }
        return lock.withLock { !requests.contains { $0.id == request } }
    }

    /// How many tables rest since damage was met in them.
    var suspectCount: Int { lock.withLock { suspects.count } }

    /// Bytes that compactions of one keyspace must still write until every level is within its target.
    func debtBytes(of version: Version) -> UInt64 { CompactionPressure(version, options).debtBytes }

    /// Bytes that compactions must still write until every level is within its target.
    var debtBytes: UInt64 {
        store.manifest.state.keyspaces.reduce(0) { $0 + CompactionPressure($1.version, options).debtBytes }
    }

    /// One step, unless something holds the work back: asked once no other step is under way, so that `abandon` leaves
    /// none behind that had asked before.
    func step(unless isHeldBack: () -> Bool) -> StepResult {
        stepping.withLock { isHeldBack() ? .waiting(until: nil) : takeStep() }
    }

    private func takeStep() -> StepResult {
        do throws(EngineError) {
            if job == nil {
                plan = nil
                job = try pick()
            }
            guard let job else {
                gate.open()
                return .waiting(until: store.environment.clock.monotonicNanoseconds() + Self.idleCheck)
            }
            if try job.step(quantum: store.options.stepEntries) { return .more }
            self.job = nil
            throttle.update(store.allTrees)
            gate.open()
            return .more
        } catch {
            fail(error)
            return .waiting(until: store.environment.clock.monotonicNanoseconds() + 500_000_000)
        }
    }

    /// Gives up what is half done, once the step that runs has ended: for closing and for a rewind.
    func abandon() { stepping.withLock { giveUp() } }

    /// The same, with no step under way until `body` is done: it changes tables that a compaction might have picked.
    func exclusively<R>(_ body: () throws(EngineError) -> R) throws(EngineError) -> R {
        try stepping.withLock { () throws(EngineError) in
            giveUp()
            return try body()
        }
    }

    private func giveUp() {
        job?.abandon()
        job = nil
    }

    private func fail(_ error: EngineError) {
        giveUp()
        store.events.tell(error.code == .corruption ? .corruption(error) : .backgroundError(error))
        let now = store.environment.clock.monotonicNanoseconds()
        lock.withLock {
            if error.code == .corruption, let plan {
                suspects.note(error, in: plan, now: now)
                // What was asked for may lie elsewhere.
                if plan.reason != .manual { return }
            }
            for request in requests { failures[request.id] = error }
            requests.removeAll()
        }
        gate.open()
    }

    private func pick() throws(EngineError) -> CompactionJob? {
        let state = store.manifest.state
        let barrier = store.protectedSequences().first ?? .max
        let context = CompactionContext(now: store.clock.now(), oldestBarrier: barrier, busy: resting(state))
        // L0 first: every read pays for it.
        let trees = store.allTrees.sorted {
            let (left, right) = ($0.view.levels[0].count, $1.view.levels[0].count)
            return (right, $0.id) < (left, $1.id)
        }
        for tree in trees {
            guard let version = state.keyspace(tree.id)?.version else { continue }
            let picker = CompactionPicker(version, options, context)
            if version.levels[0].tables.count >= options.level0Trigger, let plan = picker.pick(),
                let job = try begin(tree, plan)
            {
                return job
            }
        }
        let unguarded = CompactionContext(now: context.now, oldestBarrier: barrier)
        if let plan = try pickRequested(state, unguarded) { return plan }
        for tree in trees {
            guard let version = state.keyspace(tree.id)?.version else { continue }
            if let plan = CompactionPicker(version, options, context).pick(), let job = try begin(tree, plan) {
                return job
            }
        }
        return nil
    }

    /// The tables to leave alone: damage was met in them a while ago.
    private func resting(_ state: ManifestState) -> Set<UInt64> {
        let now = store.environment.clock.monotonicNanoseconds()
        return lock.withLock {
            guard suspects.count > 0 else { return [] }
            let present = Set(state.tableNumbers)
            suspects.keep { present.contains($0) }
            return suspects.resting(now: now)
        }
    }

    private func pickRequested(
        _ state: ManifestState, _ context: CompactionContext
    ) throws(EngineError) -> CompactionJob? {
        while let request = lock.withLock({ requests.first }) {
            if let version = state.keyspace(request.tree.id)?.version,
                let plan = CompactionPicker(version, options, context).pick(request.manual),
                let job = try begin(request.tree, plan)
            {
                return job
            }
            lock.withLock { requests.removeAll { $0.id == request.id } }
        }
        return nil
    }

    private func begin(_ tree: Tree, _ plan: CompactionPlan) throws(EngineError) -> CompactionJob? {
        self.plan = plan
        if plan.action == .merge {
            let free = try store.environment.fileSystem.freeSpace(store.directory)
            guard free > plan.inputBytes + store.options.diskReserve else {
                throw EngineError(
                    .diskFull, "a compaction of \(plan.inputBytes) bytes does not fit into the \(free) bytes free; "
                        + "make room and it goes on by itself", file: store.directory)
            }
        }
        return try CompactionJob(store, tree, plan)
    }
}
