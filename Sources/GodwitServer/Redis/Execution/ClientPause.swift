internal import NIOCore

/// CLIENT PAUSE: for some time no requests are carried out, or none that write. They are kept, and carried out after.
final class ClientPause {
    private unowned let executor: Executor
    private var end: NIODeadline?
    private var isOfWrites = false
    private var timer: Scheduled<Void>?

    init(_ executor: Executor) { self.executor = executor }

    /// Whether a request must wait.
    @inline(__always)
    func holds(writes: Bool) -> Bool { end != nil && (writes || !isOfWrites) }

    /// Begins a pause. One that is under way ends no earlier and holds no less.
    func begin(for time: TimeAmount, onlyWrites: Bool) {
        if time.nanoseconds <= 0 { return }
        let until = max(.now() + time, end ?? .now())
        isOfWrites = onlyWrites && (end == nil || isOfWrites)
        end = until
        timer?.cancel()
        let executor = executor
        timer = executor.loop.scheduleTask(deadline: until) { executor.pause.finish() }
    }

    /// Ends the pause.
    func finish() {
        timer?.cancel()
        timer = nil
        guard end != nil else { return }
        end = nil
        // Not now: a command is being carried out.
        let executor = executor
        executor.loop.execute { executor.unblock() }
    }
}
