internal import GodwitEngine

/// Readers that wait until the node has what they demand. Used by the replication thread.
final class ReadWaiters {
    /// Resumed with the engine to read, or with why not.
    typealias Continuation = CheckedContinuation<Result<Engine, NodeError>, Never>

    private struct Waiter {
        let demand: ReadDemand
        let deadline: UInt64
        let continuation: Continuation
    }

    private var waiting: [Waiter] = []

    /// When the first wait is over; nil when nobody waits.
    var deadline: UInt64? { waiting.map(\.deadline).min() }

    /// Takes a reader in; it is judged with the next picture.
    func add(_ demand: ReadDemand, until deadline: UInt64, _ continuation: Continuation) {
        waiting.append(Waiter(demand: demand, deadline: deadline, continuation: continuation))
    }

    /// Resumes those whose demand is met, cannot be met, or was not met in time.
    func answer(_ picture: NodeState.Picture, now: UInt64) {
        waiting.removeAll { waiter in
            switch waiter.demand.judge(picture, now: now) {
            case .served(let engine): waiter.continuation.resume(returning: .success(engine))
            case .refused(let error): waiter.continuation.resume(returning: .failure(error))
            case .wait(let error):
                if now < waiter.deadline { return false }
                waiter.continuation.resume(returning: .failure(error))
            }
            return true
        }
    }

    /// Refuses everybody: the node was closed.
    func leave() {
        for waiter in waiting { waiter.continuation.resume(returning: .failure(NodeError.closed)) }
        waiting = []
    }
}
