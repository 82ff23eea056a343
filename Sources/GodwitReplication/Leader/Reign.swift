internal import GodwitEngine

/// What a primary is at.
final class Reign {
    enum State {
        /// It was not closed in order: it waits for the nodes in its slots, which may hold what it lost.
        case recovering(until: UInt64, pending: [NodeID])
        case open
        /// A switchover: writes are held, the target gets everything.
        case pausing(Handing)
        /// A switchover: the target was told to begin an epoch.
        case handingOver(Handing)
    }

    /// A switchover under way.
    struct Handing {
        let handover: ReplicaState.Handover
        let until: UInt64
    }

    var state: State

    init(_ state: State) { self.state = state }

    var stage: String {
        switch state {
        case .recovering: "recovering"
        case .open: "open"
        case .pausing: "pausing"
        case .handingOver: "handing over"
        }
    }

    /// A node has said that it holds no more than is here, or has sent it.
    func settled(_ node: NodeID) {
        guard case .recovering(let until, let pending) = state else { return }
        state = .recovering(until: until, pending: pending.filter { $0 != node })
    }
}
