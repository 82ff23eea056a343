internal import GodwitEngine

/// What a primary is at.
final class Reign {
    enum State {
        /// It was restarted: it waits for the nodes in its slots, which may hold what it lost, or have another primary.
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
        /// Since when writes are held: everything committed by then is here.
        let since: UInt64
    }

    var state: State
    /// While it recovers: asks the nodes in the slots.
    private(set) var inquiry: Inquiry?
    /// While it recovers: whether the node was closed in order. Then it has lost nothing, and asks only who is the
    /// primary by now.
    let isWhole: Bool

    init(_ state: State, _ inquiry: Inquiry? = nil, isWhole: Bool = false) {
        self.state = state
        self.inquiry = inquiry
        self.isWhole = isWhole
    }

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
