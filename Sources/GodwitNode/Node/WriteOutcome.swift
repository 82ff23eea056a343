public import GodwitEngine

/// What became of a write.
public enum WriteOutcome: Sendable, Hashable {
    /// It has come as far as was asked. `heldBy` names the regions of the nodes that have it, this node's first.
    case confirmed(Position, heldBy: [String])
    /// It stands on this node and may survive; whether so many others have it is not known.
    case unconfirmed(Position, heldBy: [String])

    /// The write's place in the history.
    public var position: Position {
        switch self {
        case .confirmed(let position, _), .unconfirmed(let position, _): position
        }
    }

    /// The regions of the nodes that are known to have it.
    public var heldBy: [String] {
        switch self {
        case .confirmed(_, let regions), .unconfirmed(_, let regions): regions
        }
    }

    /// Whether it has come as far as was asked.
    public var isConfirmed: Bool {
        if case .confirmed = self { true } else { false }
    }
}
