/// Reads that need the disk, for callers that must not block: a bounded pool takes them in order. When the queue is full,
/// a caller is told at once.
final class ColdReads: @unchecked Sendable {
    private static let limit = 4096

    private let lock = Lock()
    private var queue: [@Sendable () -> Void] = []
    private var job: (any JobHandle)?

    init(_ environment: EngineEnvironment, workers: Int) {
        let handle = environment.executor.start(
            Job(name: "reads", priority: .urgent, workers: workers) { [weak self] in self?.step() ?? .done })
        lock.withLock { job = handle }
    }

    /// Queues a read; returns false when too many wait already.
    func submit(_ read: @escaping @Sendable () -> Void) -> Bool {
        let job = lock.withLock { () -> (any JobHandle)? in
            guard queue.count < Self.limit, let job = self.job else { return nil }
            queue.append(read)
            return job
        }
        job?.wake()
        return job != nil
    }

    /// Ends the pool once the reads that wait are done.
    func stop() {
        let job = lock.withLock { () -> (any JobHandle)? in
            defer { self.job = nil }
            return self.job
        }
        job?.stop()
        while case .more = step() {}
    }

    private func step() -> StepResult {
        guard let read = lock.withLock({ queue.isEmpty ? nil : queue.removeFirst() }) else {
            return .waiting(until: nil)
        }
        read()
        return .more
    }
}
