package import GodwitEngine

/// When a primary stops taking writes because its followers lag too far behind.
package struct LagGuard: Sendable, Hashable {
    /// The age that the oldest write may have that the furthest follower lacks, in milliseconds; nil for no such bound.
    package var milliseconds: UInt64?
    /// The bytes of log that the furthest follower may lack; nil for no such bound.
    package var bytes: UInt64?

    /// Sets a bound, or two.
    package init(milliseconds: UInt64? = nil, bytes: UInt64? = nil) {
        self.milliseconds = milliseconds
        self.bytes = bytes
    }
}

/// How a node replicates.
package struct ReplicaOptions: Sendable {
    /// The name of the region the node stands in; stored with the data, and never to change.
    package var region: String
    /// `HOST:PORT` at which other nodes reach this node's replication listener.
    package var advertised: String
    /// The address of the node to follow; nil for a primary. What the node has stored about its role comes first; a
    /// change of this setting comes before both.
    package var leader: String?
    /// The keyspaces that this node takes, by name; nil for all. A node with a selection is never promoted.
    package var keyspaces: [String]?
    /// Milliseconds between two heartbeats: how soon a silent link shows.
    package var heartbeat: UInt64 = 1000
    /// Milliseconds without a frame after which a link counts as dead: three heartbeats.
    package var silence: UInt64 = 3000
    /// Bytes of records that may be on their way to a follower: at 80 ms of round trip, 100 MB/s.
    package var creditBytes = 8 << 20
    /// Bytes of records that one frame aims at: small beside the credit, large beside a header.
    package var frameBytes = 1 << 20
    /// Whether records are sent LZ4-compressed where that saves an eighth: for links that cost more than cycles.
    package var compress = false
    /// How many followers may be copied to at once: each reads the whole store.
    package var fullCopies = 1
    /// Bytes of log kept for followers; past it a follower's slot is lost, so that it never fills the disk.
    package var retentionSize = 1 << 30
    /// When writes are refused for lag; nil, the default, never.
    package var lagGuard: LagGuard?
    /// Milliseconds before the first new attempt to connect; doubled up to `maximumBackoff`, jittered by half.
    package var minimumBackoff: UInt64 = 100
    /// Milliseconds between attempts to connect at most.
    package var maximumBackoff: UInt64 = 10_000
    /// Milliseconds that a restarted primary waits for the followers in its slots, which may hold writes that it lost.
    package var restartWait: UInt64 = 10_000
    /// Which batches of a rejoined node's tail this node, as primary, writes again.
    package var recoveryPolicy = RecoveryPolicy.clean
    /// How the engine is opened; `region`, `holds`, `retentionSize`, `beginsEpochs` and `rewindInterval` are set by the
    /// replica.
    package var engine = EngineOptions()

    /// Sets what every node must say; everything else has its default.
    package init(region: String, advertised: String, leader: String? = nil) {
        self.region = region
        self.advertised = advertised
        self.leader = leader
    }
}
