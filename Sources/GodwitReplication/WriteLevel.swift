public import GodwitEngine

/// How far a write must have come before its writer is told that it is safe.
public enum WriteLevel: Sendable, Hashable, Codable, CustomStringConvertible {
    /// This node's own durability is enough.
    case local
    /// So many other nodes have it in their log: it survives the loss of this node.
    case received(Int)
    /// So many other nodes have it in their log, safe from power loss.
    case durable(Int)

    /// `local`, `received(1)`, `durable(2)`: as users write it.
    public var description: String {
        switch self {
        case .local: "local"
        case .received(let nodes): "received(\(nodes))"
        case .durable(let nodes): "durable(\(nodes))"
        }
    }

    /// Reads what `description` writes; nil for anything else, and for no nodes at all.
    public init?(_ text: String) {
        if text == "local" {
            self = .local
            return
        }
        guard text.hasSuffix(")"), let open = text.firstIndex(of: "("),
            let nodes = Int(text[text.index(after: open)...].dropLast()), nodes >= 1
        else { return nil }
        switch text[..<open] {
        case "received": self = .received(nodes)
        case "durable": self = .durable(nodes)
        default: return nil
        }
    }
}

/// What became of a wait for a level.
public enum LevelOutcome: Sendable, Hashable {
    /// The level was reached. `heldBy` names the regions of the nodes that have the write, this node's first.
    case reached(heldBy: [String])
    /// The level was not reached in time, or can no longer be: the write stands here and may survive.
    case unconfirmed(position: Position, heldBy: [String])
}
