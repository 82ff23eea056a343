public import GodwitEngine

/// Something in a node's replication that an operator may want to know.
public enum ReplicationEvent: Sendable, Hashable, CustomStringConvertible {
    /// The node's role or its stage changed; the new one as `ReplicaStatus.role` and `.stage` say it.
    case roleChanged(role: String, stage: String)
    /// An epoch began here.
    case epochBegan(Epoch)
    /// A node was heard of that knows a newer epoch: this node acknowledges nothing more under its own.
    case deposed(by: Epoch, own: Epoch)
    /// A follower or a leader connected: its node id and region, and how it goes on (`stream`, `rewind`, `bootstrap`,
    /// …).
    case linked(node: String, region: String, answer: String)
    /// A link ended.
    case unlinked(node: String, reason: String)
    /// A handshake was refused, here or by the other side.
    case refused(node: String, reason: String)
    /// A follower's log was given up because it passed its cap; it will need a full copy.
    case slotLost(node: String)
    /// This node went back to a point, giving up so many sequence numbers, which are kept in a tail.
    case rewound(to: Position, records: UInt64)
    /// A full copy began, to this node or from it: how many bytes it has.
    case copyBegan(node: String, bytes: UInt64)
    /// A full copy is complete.
    case copied(node: String, bytes: UInt64)
    /// What belongs in a damaged table's place was sent by the leader: so many keys.
    case mended(file: String, keys: UInt64)
    /// A tail was classified.
    case recovered(RecoveryReport)
    /// A planned switchover came to its end.
    case switchover(to: String, outcome: SwitchoverOutcome)
    /// Writes stopped because followers lag too far behind, or go on again.
    case lagGuard(isRefusing: Bool)
    /// Something failed and will be tried again.
    case failed(String)

    /// One line for a log.
    public var description: String {
        switch self {
        case .roleChanged(let role, let stage): "role is \(role), \(stage)"
        case .epochBegan(let epoch): "epoch \(epoch) began"
        case .deposed(let newer, let own): "deposed: epoch \(newer) is newer than \(own)"
        case .linked(let node, let region, let answer): "link with \(node) in \(region): \(answer)"
        case .unlinked(let node, let reason): "link with \(node) ended: \(reason)"
        case .refused(let node, let reason): "handshake with \(node) refused: \(reason)"
        case .slotLost(let node): "slot of \(node) is lost: it will need a full copy"
        case .rewound(let position, let records): "rewound to \(position), \(records) records kept as a tail"
        case .copyBegan(let node, let bytes): "full copy with \(node) began: \(bytes) bytes"
        case .copied(let node, let bytes): "full copy with \(node) is complete: \(bytes) bytes"
        case .mended(let file, let keys): "damaged table \(file) replaced by what the leader has: \(keys) keys"
        case .recovered(let report): "tail of \(report.batches) batches classified: \(report.summary)"
        case .switchover(let node, let outcome): "switchover to \(node): \(outcome.rawValue)"
        case .lagGuard(let isRefusing): isRefusing ? "lag guard refuses writes" : "lag guard lets writes go on"
        case .failed(let what): what
        }
    }
}

/// How a planned switchover ended.
public enum SwitchoverOutcome: String, Sendable, Codable {
    /// The other node is the primary; this one follows it.
    case done
    /// Nothing changed: this node is the primary as before.
    case aborted
    /// The other node was asked and did not answer: this node takes no writes until it is known.
    case inDoubt
}
