internal import GodwitReplication

/// What the network tells the replication thread, in order for each link.
enum NetworkEvent: Sendable {
    /// A node has connected, and with TLS has shown who it is.
    case accepted(LinkID, PeerIdentity?)
    /// A dial has succeeded.
    case opened(LinkID)
    /// Bytes came.
    case received(LinkID, [UInt8])
    /// Somebody connected, and did not get through TLS, or has a certificate that names no node.
    case turnedAway(reason: String)
    /// The link is gone, or the dial failed.
    case closed(LinkID, reason: String)
}
