internal import GodwitEngine

/// One connection with another node, as this side sees it.
final class Link {
    let id: LinkID
    /// Whether this node made it: then the other one leads.
    let isOutgoing: Bool
    /// Who the other side's certificate says it is.
    let identity: PeerIdentity?
    let encoder = FrameEncoder()
    let decoder = FrameDecoder()
    /// When a frame last came.
    var heard: UInt64
    /// Whether the other side has said who it is, and is of this store: only then its epoch counts.
    private(set) var isGreeted = false
    var isClosed = false
    /// Who the other side is.
    private(set) var peer: Peer?

    struct Peer {
        let node: NodeID
        let region: String
        let address: String
    }

    init(_ id: LinkID, isOutgoing: Bool, identity: PeerIdentity? = nil, now: UInt64) {
        self.id = id
        self.isOutgoing = isOutgoing
        self.identity = identity
        heard = now
    }

    /// The other side is known: larger frames are taken from it.
    func greet(_ peer: Peer) {
        isGreeted = true
        self.peer = peer
        decoder.limit = ReplicationFormat.maximumPayload
    }

    /// The other side, for people.
    var name: String { peer.map { $0.node.description } ?? identity?.name ?? id.description }
}
