/// What one step of a job says about the next.
public enum StepResult: Sendable, Equatable {
    /// There is more to do at once.
    case more
    /// Nothing to do until the job is woken, or until the given monotonic time in nanoseconds.
    case waiting(until: UInt64?)
    /// The job is over; its step is never called again.
    case done
}

/// How urgent a job's steps are.
public enum JobPriority: Sendable {
    /// Callers wait for it (log sync, cold reads, async commits).
    case urgent
    /// Work that may be late (flush, compaction, deletion).
    case background
}

/// A piece of background work, cut into steps. A step is short (a few milliseconds of work) and may block on files.
public struct Job: Sendable {
    /// A short name, for threads and messages.
    public let name: String
    /// How urgent its steps are.
    public let priority: JobPriority
    /// How many of its steps may run at once.
    public let workers: Int
    /// Runs one step.
    public let step: @Sendable () -> StepResult

    /// Describes a job; `workers` above 1 lets as many of its steps run at once.
    public init(
        name: String, priority: JobPriority, workers: Int = 1, step: @escaping @Sendable () -> StepResult
    ) {
        self.name = name
        self.priority = priority
        self.workers = workers
        self.step = step
    }
}

/// A job that an executor runs.
public protocol JobHandle: AnyObject, Sendable {
    /// Says that the job may have something to do. Cheap; may be called from any thread, and from within a step. A
    /// wake during a step causes another step after it.
    func wake()
    /// Ends the job: returns when no step of it is running or will run. Not to be called from within its own step.
    func stop()
}

/// Runs jobs and lets callers wait. The engine starts no thread, sleeps nowhere and blocks nowhere but through it, so
/// an executor that runs steps one at a time under a seed makes the engine deterministic.
public protocol Executor: AnyObject, Sendable {
    /// Takes a job on. Its first step runs after its first wake.
    func start(_ job: Job) -> any JobHandle
    /// Blocks the caller until `condition` holds or the monotonic clock reaches `deadline` (nanoseconds). `condition`
    /// is evaluated on the calling thread, at least after each `gate.open()`. Returns whether the condition held.
    func wait(at gate: Gate, until deadline: UInt64?, _ condition: () -> Bool) -> Bool
}
