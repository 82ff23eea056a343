/// A background job whose steps move to a thread of normal priority while they press, which is when writers are slowed or
/// held for them. Beside threads that use all cores one at nice 10 gets about a tenth of one, by Linux' weights,
/// and may not raise itself.
final class PacedJob: JobHandle, @unchecked Sendable {
    private let calm = JobLink()
    private let pressing = JobLink()
    private let isPressing: @Sendable () -> Bool
    /// Both, for the end.
    private let jobs: [any JobHandle]

    /// Starts both threads. `step` may find the other thread within a step of its own.
    init(
        _ executor: any Executor, name: String, whilePressing isPressing: @escaping @Sendable () -> Bool,
        step: @escaping @Sendable () -> StepResult
    ) {
        let (calm, pressing) = (calm, pressing)
        let calmJob = executor.start(
            Job(name: name, priority: .background) {
                if !isPressing() { return step() }
                pressing.wake()
                return .waiting(until: nil)
            })
        let pressingJob = executor.start(
            Job(name: name, priority: .urgent) {
                if isPressing() { return step() }
                calm.wake()
                return .waiting(until: nil)
            })
        calm.attach(calmJob)
        pressing.attach(pressingJob)
        self.isPressing = isPressing
        jobs = [calmJob, pressingJob]
    }

    func wake() { (isPressing() ? pressing : calm).wake() }

    func stop() {
        for job in jobs { job.stop() }
        // Jobs refer to the links, and those to them.
        calm.detach()
        pressing.detach()
    }
}

/// A job that is named after what wakes it was made.
final class JobLink: @unchecked Sendable {
    private let lock = Lock()
    private var job: (any JobHandle)?

    /// Names the job.
    func attach(_ job: any JobHandle) { lock.withLock { self.job = job } }

    /// Lets go of the job, which refers back.
    func detach() { lock.withLock { job = nil } }

    /// Wakes the job, if there is one yet.
    func wake() { lock.withLock { job }?.wake() }
}
