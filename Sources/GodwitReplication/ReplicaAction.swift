package import GodwitEngine

/// A connection to another node, as the driver and the replica call it. A number stands for one connection ever.
package struct LinkID: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The number. The driver takes those of accepted connections from `LinkID.accepted`; the replica chooses those of
    /// its own.
    package let value: UInt64

    /// Names a link.
    package init(_ value: UInt64) { self.value = value }

    /// The id of the nth connection that the driver accepted: odd, where the replica's own are even.
    package static func accepted(_ count: UInt64) -> LinkID { LinkID(count * 2 + 1) }

    /// Orders by number.
    package static func < (left: LinkID, right: LinkID) -> Bool { left.value < right.value }

    /// `link 7`.
    package var description: String { "link \(value)" }
}

/// What a peer's certificate says about it.
package struct PeerIdentity: Hashable, Sendable {
    /// The name of the node.
    package let name: String
    /// The keyspaces it may have; nil for all.
    package let keyspaces: [String]?

    /// Names a peer.
    package init(name: String, keyspaces: [String]? = nil) {
        self.name = name
        self.keyspaces = keyspaces
    }
}

/// What a replica wants its driver to do, in order.
package enum ReplicaAction: Sendable {
    /// Connect to `HOST:PORT`; then call `opened` or `closed`.
    case dial(LinkID, String)
    /// Send bytes; links do not share an order, the bytes of one do.
    case send(LinkID, [UInt8])
    /// Send what was handed over before, then close; `closed` is not called for it.
    case close(LinkID, reason: String)
    /// The wait for a level is over.
    case level(UInt64, LevelOutcome)
    /// A verification across nodes is over.
    case verified(UInt64, NodeVerification)
    /// Use this engine from now on; nil: there is none, and the one before is closed.
    case engineChanged(Engine?)
    /// Tell whoever listens.
    case event(ReplicationEvent)
}

/// What a follower's reads may count on.
package struct Freshness: Sendable, Hashable {
    /// The position that reads see.
    package let position: Position
    /// A monotonic moment of this node: everything that the epoch's primary had committed by then is seen. Nil when
    /// nothing is known, as before the first heartbeat.
    package let asOf: UInt64?
}
