internal import GodwitEngine
internal import GodwitReplication

/// What a read asks of a node before it is served, and whether the node has it now.
struct ReadDemand: Sendable {
    /// Everything up to this position must be seen.
    var after: Position?
    /// Everything committed this many nanoseconds ago must be seen.
    var maxStaleness: UInt64?

    /// Whether a read may go on.
    enum Verdict {
        case served(Engine)
        case wait(NodeError)
        case refused(NodeError)
    }

    /// Judges a node by its latest picture. `wait` carries the refusal that the reader gets if nothing changes in time.
    func judge(_ picture: NodeState.Picture, now: UInt64) -> Verdict {
        if picture.isClosed { return .refused(NodeError.closed) }
        guard let engine = picture.engine else { return .wait(NodeError.notReady) }
        if let after {
            switch Self.place(of: after, in: engine) {
            case .seen: break
            case .ahead:
                let here = engine.position
                return .wait(NodeError(.stale, "this node has \(here), not yet \(after); retry, or ask the primary"))
            case .lost:
                return .refused(
                    NodeError(
                        .positionLost,
                        "\(after) was written under an epoch that another node has since ended below it; read again"))
            }
        }
        if let maxStaleness {
            guard let asOf = picture.freshness?.asOf else {
                return .wait(NodeError(.stale, "this node does not know now how far behind it is; ask the primary"))
            }
            // An open primary shows what it commits; the moment of its last round says nothing about that.
            if picture.isPrimary { return .served(engine) }
            let age = now > asOf ? now - asOf : 0
            guard age <= maxStaleness else {
                return .wait(
                    NodeError(
                        .stale,
                        """
                        this node shows what was committed \(age / 1_000_000) ms ago, and \
                        \(maxStaleness / 1_000_000) ms are allowed; retry, allow more, or ask the primary
                        """))
            }
        }
        return .served(engine)
    }

    private enum Place { case seen, ahead, lost }

    /// Where a position stands in a node's history.
    private static func place(of position: Position, in engine: Engine) -> Place {
        let end = engine.position
        let starts = engine.epochHistory
        if position.epoch == end.epoch { return position.sequence <= end.sequence ? .seen : .ahead }
        if position.epoch > end.epoch { return .ahead }
        // An ended epoch: the next one's parent is where it ended in this history.
        guard let place = starts.firstIndex(where: { $0.epoch == position.epoch }), place + 1 < starts.count else {
            return position.sequence == 0 ? .seen : .lost
        }
        return position.sequence <= starts[place + 1].parent.position.sequence ? .seen : .lost
    }
}
