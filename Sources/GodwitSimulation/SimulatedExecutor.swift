internal import Synchronization
public import GodwitEngine

/// An executor without threads: background steps run one at a time, in an order that a seed decides, on the thread
/// that waits. Time passes only when nothing else can happen. Meant for one thread.
///
/// A step may itself wait: other jobs' steps then run inside it. A wait that nothing can end is a deadlock, and one
/// that does not end in `stepLimit` steps a livelock; both stop the process with the names of all jobs.
public final class SimulatedExecutor: Executor {
    /// One job as it stands. Wakes are counted up to the number of workers, as `ThreadExecutor` does.
    fileprivate struct Entry {
        let id: Int
        let job: Job
        var wakes = 0
        var due: UInt64?
        var running = 0

        /// Whether a step may start now.
        func isReady(at now: UInt64) -> Bool {
            running < job.workers && (wakes > 0 || due.map { $0 <= now } ?? false)
        }
    }

    private struct State {
        var random: Xoshiro
        var jobs: [Entry] = []
        var started = 0
        var steps = 0
    }

    private let clock: SimulatedClock
    private let stepLimit: Int
    private let state: Locked<State>

    /// Makes an executor without jobs; `stepLimit` bounds the steps that one wait may take.
    public init(seed: UInt64, clock: SimulatedClock, stepLimit: Int = 5_000_000) {
        self.clock = clock
        self.stepLimit = stepLimit
        state = Locked(State(random: Xoshiro(seed: seed)))
    }

    /// How many steps have run.
    public var steps: Int { state.withLock { $0.steps } }

    /// The names of the jobs that are neither done nor stopped, in the order they were started.
    public var jobNames: [String] { state.withLock { $0.jobs.map(\.job.name) } }

    /// Takes a job on.
    public func start(_ job: Job) -> any JobHandle {
        let id = state.withLock { state in
            state.started += 1
            state.jobs.append(Entry(id: state.started, job: job))
            return state.started
        }
        return SimulatedJobHandle(executor: self, id: id)
    }

    /// Runs steps until `condition` holds, letting time pass whenever no job can go on.
    public func wait(at gate: Gate, until deadline: UInt64?, _ condition: () -> Bool) -> Bool {
        var budget = stepLimit
        while !condition() {
            if let deadline, clock.monotonicNanoseconds() >= deadline { return false }
            if budget == 0 { fatalError("livelock in simulation: \(summary())") }
            budget -= 1
            if runStep() { continue }
            guard let moment = [nextDue(), deadline].compactMap({ $0 }).min() else {
                fatalError("deadlock in simulation: \(summary())")
            }
            clock.advance(toMonotonic: moment)
        }
        return true
    }

    /// Runs at most `count` steps that are ready, without letting time pass. Returns how many ran.
    @discardableResult
    public func runSome(_ count: Int) -> Int {
        var ran = 0
        while ran < count, runStep() { ran += 1 }
        return ran
    }

    /// Runs steps until none is ready, without letting time pass. Returns how many ran.
    @discardableResult
    public func runUntilIdle() -> Int {
        let ran = runSome(stepLimit)
        if ran == stepLimit { fatalError("livelock in simulation: \(summary())") }
        return ran
    }

    /// Lets time pass, running every step that becomes ready on the way at its moment.
    public func run(nanoseconds: UInt64) {
        let end = clock.monotonicNanoseconds() + nanoseconds
        runUntilIdle()
        while let due = nextDue(), due <= end {
            clock.advance(toMonotonic: due)
            runUntilIdle()
        }
        clock.advance(toMonotonic: end)
    }

    /// Forgets every job, as a crash does; their handles then do nothing.
    public func abandonAll() {
        // The jobs are released outside of the lock: what they hold may stop jobs of its own.
        let abandoned = state.withLock { state in
            precondition(!state.jobs.contains { $0.running > 0 }, "jobs abandoned from within a step")
            let jobs = state.jobs
            state.jobs = []
            return jobs
        }
        withExtendedLifetime(abandoned) {}
    }

    /// Runs one ready step, chosen by the seed; false when none is ready.
    private func runStep() -> Bool {
        let now = clock.monotonicNanoseconds()
        let chosen: (id: Int, step: @Sendable () -> StepResult)? = state.withLock { state in
            let ready = state.jobs.indices.filter { state.jobs[$0].isReady(at: now) }
            if ready.isEmpty { return nil }
            let index = ready[state.random.below(ready.count)]
            if state.jobs[index].wakes > 0 {
                state.jobs[index].wakes -= 1
            } else {
                state.jobs[index].due = nil
            }
            state.jobs[index].running += 1
            state.steps += 1
            return (state.jobs[index].id, state.jobs[index].job.step)
        }
        guard let chosen else { return false }
        let result = chosen.step()
        let finished: Entry? = state.withLock { state in
            guard let index = state.jobs.firstIndex(where: { $0.id == chosen.id }) else { return nil }
            state.jobs[index].running -= 1
            switch result {
            case .more: state.jobs[index].wakes = min(state.jobs[index].wakes + 1, state.jobs[index].job.workers)
            case .waiting(let until): state.jobs[index].due = until
            case .done: return state.jobs.remove(at: index)
            }
            return nil
        }
        withExtendedLifetime(finished) {}
        return true
    }

    /// The earliest moment that a job which could run waits for.
    private func nextDue() -> UInt64? {
        state.withLock { state in state.jobs.compactMap { $0.running < $0.job.workers ? $0.due : nil }.min() }
    }

    fileprivate func wake(_ id: Int) {
        state.withLock { state in
            guard let index = state.jobs.firstIndex(where: { $0.id == id }) else { return }
            state.jobs[index].wakes = min(state.jobs[index].wakes + 1, state.jobs[index].job.workers)
        }
    }

    fileprivate func stop(_ id: Int) {
        let stopped: Entry? = state.withLock { state in
            guard let index = state.jobs.firstIndex(where: { $0.id == id }) else { return nil }
            precondition(
                state.jobs[index].running == 0,
                "deadlock in simulation: job \(state.jobs[index].job.name) is stopped while a step of it runs")
            return state.jobs.remove(at: index)
        }
        withExtendedLifetime(stopped) {}
    }

    private func summary() -> String {
        let names = state.withLock { state in
            state.jobs.map { entry in
                var text = entry.job.name
                if entry.running > 0 { text += " (in a step)" }
                if entry.wakes > 0 { text += " (woken)" }
                if let due = entry.due { text += " (due at \(due))" }
                return text
            }
        }
        return "a wait at \(clock.monotonicNanoseconds()) ns is never satisfied by the jobs ["
            + names.joined(separator: ", ") + "]"
    }
}

private final class SimulatedJobHandle: JobHandle {
    private let executor: SimulatedExecutor
    private let id: Int

    init(executor: SimulatedExecutor, id: Int) {
        self.executor = executor
        self.id = id
    }

    func wake() { executor.wake(id) }
    func stop() { executor.stop(id) }
}
