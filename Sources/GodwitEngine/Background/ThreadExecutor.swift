internal import CLinuxIO
internal import Glibc
internal import Synchronization

/// Runs jobs on threads: one thread for each worker of each job, from `start` until the job is done or stopped.
///
/// A thread runs steps while they say `.more` and sleeps otherwise. `wake` gives one worker a reason to run a step; as
/// many wakes as there are workers are remembered, so no wake is lost and as many workers as were woken run at once.
/// Threads of `.background` jobs run at nice 10. A job that nobody stops runs on after its handle was released.
public final class ThreadExecutor: Executor {
    /// Makes an executor without threads.
    public init() {}

    /// Takes a job on and starts its threads.
    public func start(_ job: Job) -> any JobHandle {
        precondition(job.workers > 0, "job \(job.name): a job has at least one worker")
        let run = JobRun(job)
        for _ in 0..<job.workers { Self.spawn(run) }
        return ThreadJobHandle(run)
    }

    /// Blocks the calling thread until `condition` holds or the system's monotonic clock reaches `deadline`.
    public func wait(at gate: Gate, until deadline: UInt64?, _ condition: () -> Bool) -> Bool {
        gate.block(condition) { JobRun.nanoseconds(until: deadline) }
    }

    /// Starts a detached thread that is one worker of a job.
    private static func spawn(_ run: JobRun) {
        var attributes = pthread_attr_t()
        unsafe pthread_attr_init(&attributes)
        unsafe pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        defer { unsafe pthread_attr_destroy(&attributes) }
        // The thread owns one reference and gives it back in its body.
        let context = unsafe Unmanaged.passRetained(run).toOpaque()
        var thread = pthread_t()
        let result = unsafe pthread_create(
            &thread, &attributes,
            { context in
                guard let context = unsafe context else { return nil }
                unsafe Unmanaged<JobRun>.fromOpaque(context).takeRetainedValue().work()
                return nil
            }, context)
        precondition(result == 0, "job \(run.job.name): the system gives no more threads (error \(result))")
    }
}

/// One job with its workers.
private final class JobRun: Sendable {
    let job: Job
    /// Wakes not taken by a worker yet, at most as many as there are workers.
    private let wakes = Atomic<Int>(0)
    private let isOver = Atomic<Bool>(false)
    private let workersLeft: Atomic<Int>
    /// The threads at work, so that a step that would wait for its own end is caught.
    private let workers = Locked<[pthread_t]>([])
    /// Opened on a wake and at the end.
    private let gate = Gate()
    /// Opened when a worker has ended.
    private let ended = Gate()

    init(_ job: Job) {
        self.job = job
        workersLeft = Atomic(job.workers)
    }

    /// Remembers a reason to run a step and lets a worker see it.
    func wake() {
        var seen = wakes.load(ordering: .relaxed)
        while true {
            // Written even where the count stays, so that what the waker did before is visible to the worker that takes
            // this wake.
            let next = min(seen + 1, job.workers)
            let (done, original) = wakes.compareExchange(
                expected: seen, desired: next, ordering: .sequentiallyConsistent)
            if done {
                if next != seen { gate.open() }
                return
            }
            seen = original
        }
    }

    /// Ends the job and returns when no step runs or will run.
    func stop() {
        let caller = pthread_self()
        precondition(
            !workers.withLock { $0.contains(caller) },
            "job \(job.name): a step cannot stop its own job; it returns .done")
        finish()
        _ = ended.block({ workersLeft.load(ordering: .acquiring) == 0 }, remaining: { nil })
    }

    private func finish() {
        isOver.store(true, ordering: .sequentiallyConsistent)
        gate.open()
    }

    /// The life of one worker.
    func work() {
        unsafe job.name.withCString { unsafe godwit_name_thread($0) }
        // Refused only in unusual sandboxes; the job then runs at normal priority.
        if job.priority == .background { _ = godwit_lower_thread_priority() }
        let thread = pthread_self()
        workers.withLock { $0.append(thread) }
        var due: UInt64?
        while awaitReason(until: due) {
            due = nil
            steps: while !isOver.load(ordering: .relaxed) {
                switch job.step() {
                case .more: continue
                case .waiting(let until):
                    due = until
                    break steps
                case .done: finish()
                }
            }
        }
        workers.withLock { $0.removeAll { $0 == thread } }
        workersLeft.subtract(1, ordering: .acquiringAndReleasing)
        ended.open()
    }

    /// Sleeps until there is a wake to take, the moment `due` has come, or the job is over (false).
    private func awaitReason(until due: UInt64?) -> Bool {
        _ = gate.block(
            { isOver.load(ordering: .acquiring) || takeWake() }, remaining: { Self.nanoseconds(until: due) })
        return !isOver.load(ordering: .acquiring)
    }

    private func takeWake() -> Bool {
        var seen = wakes.load(ordering: .sequentiallyConsistent)
        while seen > 0 {
            let (done, original) = wakes.compareExchange(
                expected: seen, desired: seen - 1, ordering: .sequentiallyConsistent)
            if done { return true }
            seen = original
        }
        return false
    }

    /// How long it is until a moment of the monotonic clock, at least 0; nil for no moment.
    static func nanoseconds(until moment: UInt64?) -> Int64? {
        guard let moment else { return nil }
        let now = SystemClock().monotonicNanoseconds()
        return moment > now ? Int64(min(moment - now, UInt64(Int64.max))) : 0
    }
}

private final class ThreadJobHandle: JobHandle {
    /// Its threads keep it; a job that is over must not be kept by those whom it keeps.
    private weak let run: JobRun?

    init(_ run: JobRun) { self.run = run }

    func wake() { run?.wake() }
    func stop() { run?.stop() }
}
