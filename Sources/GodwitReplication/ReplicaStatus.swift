/// How far one node lags behind another. Never 0 while it is behind.
public struct Lag: Sendable, Codable, Hashable {
    /// Sequence numbers that are missing; 1 at least on a follower that does not hear its leader.
    public var records: UInt64 = 0
    /// Bytes of log that are missing, as far as this node knows. A follower does not know that of itself: always 0
    /// there, as the three below are.
    public var bytes: UInt64 = 0
    /// The age of the oldest write that is missing, or for a follower how old the moment is that it is sure to show.
    public var milliseconds: UInt64 = 0
    /// What half of the last 1,024 acknowledgements stayed under, in milliseconds.
    public var p50: UInt64 = 0
    /// What 99 of 100 of them stayed under.
    public var p99: UInt64 = 0
    /// The longest of them.
    public var max: UInt64 = 0
}

/// One link with another node, and what has happened on links with that node since this one started.
public struct LinkStatus: Sendable, Codable, Hashable {
    /// The other node's id; empty before it has said it.
    public var node = ""
    /// The other node's region.
    public var region = ""
    /// Its address.
    public var address = ""
    /// Whether there is a link now.
    public var isConnected = false
    /// What the link is doing: `stream`, `handshake`, `bootstrap` …
    public var stage = ""
    /// The last sequence numbers that were sent, received, durable and applied over there.
    public var sent: UInt64 = 0
    /// In its log.
    public var received: UInt64 = 0
    /// Safe from power loss.
    public var durable: UInt64 = 0
    /// Seen by its readers.
    public var applied: UInt64 = 0
    /// How far the follower lags.
    public var lag = Lag()
    /// Bytes of records sent, or received, in all.
    public var bytes: UInt64 = 0
    /// Bytes a second over the last ten seconds.
    public var throughput: UInt64 = 0
    /// How many times the link was made again.
    public var reconnects: UInt64 = 0
    /// How many handshakes led to going on in the log.
    public var partialSyncs: UInt64 = 0
    /// How many led to a full copy.
    public var fullSyncs: UInt64 = 0
    /// How many led to a rewind.
    public var rewinds: UInt64 = 0
}

/// What is kept for one follower.
public struct SlotStatus: Sendable, Codable, Hashable {
    /// The follower's node id.
    public var node: String
    /// Its region.
    public var region: String
    /// The log is kept after this sequence number.
    public var keptAfter: UInt64
    /// Bytes of log held back for it, as far as this node knows.
    public var bytes: UInt64
    /// Whether its log was given up.
    public var isLost: Bool
}

/// A full copy that is under way.
public struct CopyStatus: Sendable, Codable, Hashable {
    /// The other node's id, or its address.
    public var node: String
    /// `to` or `from` the other node.
    public var direction: String
    /// Bytes there are in all.
    public var bytes: UInt64
    /// Bytes that are over.
    public var done: UInt64
}

/// Another node of the history, as last heard of.
public struct MemberStatus: Sendable, Codable, Hashable {
    /// The node's id.
    public var node: String
    /// Its region.
    public var region: String
    /// Its address.
    public var address: String
    /// Whether it holds only some keyspaces.
    public var isPartial: Bool
    /// Its last sequence number.
    public var received: UInt64
    /// Its last sequence number that survives power loss.
    public var durable: UInt64
}

/// Everything an operator sees of a node's replication.
public struct ReplicaStatus: Sendable, Codable, Hashable {
    /// `primary`, `follower` or `deposed`.
    public var role = ""
    /// What the node is doing in its role: `open`, `recovering`, `streaming` …
    public var stage = ""
    /// The region the node stands in.
    public var region = ""
    /// The node's id, 32 hexadecimal digits.
    public var node = ""
    /// The store's id; empty while there is no data.
    public var store = ""
    /// Where others reach it.
    public var advertised = ""
    /// The epoch of its history.
    public var epoch = ""
    /// The highest epoch it has heard of.
    public var newestEpoch = ""
    /// The end of its history.
    public var position = ""
    /// The last sequence number, as a number.
    public var sequence: UInt64 = 0
    /// The last sequence number that survives power loss.
    public var durable: UInt64 = 0
    /// The chain value at the end, in hexadecimal: equal on nodes with equal history.
    public var chain = ""
    /// Whether the node holds only some keyspaces.
    public var isPartial = false
    /// The address that it follows; nil for a primary.
    public var leader: String?
    /// The link with the leader; nil for a primary.
    public var upstream: LinkStatus?
    /// The links with followers; on a primary also what is known of each follower with a slot that has no link now.
    public var followers: [LinkStatus] = []
    /// What is kept for followers.
    public var slots: [SlotStatus] = []
    /// The nodes of the history, as last heard of.
    public var members: [MemberStatus] = []
    /// How far this node lags: a follower behind its leader, a primary's furthest follower behind it.
    public var lag = Lag()
    /// Whether writes are refused now, and why; nil while they are taken.
    public var refusingWrites: String?
    /// Full copies under way.
    public var copies: [CopyStatus] = []
    /// The reports of tails, of this node's or of other nodes' replayed here, the latest last: at most 256, with at
    /// most 1,000 rows each. Those of other nodes' tails are gone after a restart; the rejoined node stores its own.
    public var recovery: [RecoveryReport] = []
    /// Refused handshakes by reason.
    public var refusals: [String: UInt64] = [:]
    /// Errors by kind.
    public var errors: [String: UInt64] = [:]
    /// How the last switchover ended; nil when there was none.
    public var switchover: SwitchoverOutcome?
}
