/// Reads that need the disk, for callers that must not block: a bounded pool takes them in order. When the queue is full,
/// a caller is told at once.
final class ColdReads: @unchecked Sendable {
    private static let limit = 4096

    private let lock = Lock()
    private var queue: [@Sendable () -> Void] = []
    private var job: (any JobHandle)?
    private let executor: any Executor

    init(_ environment: EngineEnvironment, workers: Int) {
        executor = environment.executor
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

    /// Reads pieces of files on the pool's threads, several at a time, and waits for them. Where the pool is full or at an
    /// end, pieces stay unread.
    func readTogether(_ pieces: inout [FilePiece]) {
        let counts = Locked([Int?](repeating: nil, count: pieces.count))
        let gate = Gate()
        var submitted = 0
        for (index, piece) in pieces.enumerated() {
            nonisolated(unsafe) let piece = piece
            let isTaken = submit {
                let count = (try? unsafe piece.file.readFully(into: piece.buffer, at: piece.offset)) ?? 0
                counts.withLock { $0[index] = count }
                gate.open()
            }
            if !isTaken { break }
            submitted = index + 1
        }
        _ = executor.wait(at: gate, until: nil) { counts.withLock { $0[..<submitted].allSatisfy { $0 != nil } } }
        for index in 0..<submitted { pieces[index].count = counts.withLock { $0[index] } ?? 0 }
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
