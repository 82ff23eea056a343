internal import NIOCore

/// CLIENT PAUSE: for some time no requests are carried out, or none that write. They are kept, and carried out after.
final class ClientPause: @unchecked Sendable {
    private var end: NIODeadline?
    private var isOfWrites = false
    private var timer: Scheduled<Void>?

    var isUnderWay: Bool { end != nil }

    /// Whether a request must wait.
    @inline(__always)
    func holds(writes: Bool) -> Bool { end != nil && (writes || !isOfWrites) }

    /// Begins a pause. One that is under way ends no earlier and holds no less.
    func begin(for time: TimeAmount, onlyWrites: Bool, _ executor: Executor) {
        if time.nanoseconds <= 0 { return }
        let until = max(.now() + time, end ?? .now())
        isOfWrites = onlyWrites && (end == nil || isOfWrites)
        end = until
        timer?.cancel()
        timer = executor.loop.scheduleTask(deadline: until) { self.finish(executor) }
    }

    /// Ends the pause.
    func finish(_ executor: Executor) {
        timer?.cancel()
        timer = nil
        guard end != nil else { return }
        end = nil
        // Not now: a command is being carried out.
        executor.loop.execute { executor.unblock() }
    }
}
