public import GodwitEngine
public import GodwitReplication
public import Logging

/// How a node is started. Directory and region must be said; everything else has a default.
public struct NodeOptions: Sendable {
    /// The store's directory; made when it is not there.
    public var directory: String
    /// The name of the region the node stands in: stored with the data, never to change.
    public var region: String
    /// Where other nodes connect to; port 0 picks a free one.
    public var listen = HostPort(host: "127.0.0.1", port: 0)
    /// The address that other nodes are told to reach this one at; nil for where it listens.
    public var advertised: HostPort?
    /// The node to follow; nil for a primary. What the store remembers of a later promotion or rejoin comes first.
    public var follow: HostPort?
    /// The keyspaces to follow; nil for all. A node with a selection is never promoted.
    public var keyspaces: [String]?
    /// Certificate, key and authorities for mutual TLS; nil for plain TCP, which only loopback addresses may use.
    public var tls: TLSFiles?
    /// Lets plain TCP be used on addresses that others can reach.
    public var allowsInsecure = false
    /// Refuses writes once the furthest follower is this many milliseconds behind; nil for never.
    public var maximumLag: UInt64?
    /// Refuses writes once the furthest follower is this many bytes of log behind; nil for never.
    public var maximumLagBytes: UInt64?
    /// Bytes of log kept for followers that are away; past it they will need a full copy.
    public var retentionSize = 1 << 30
    /// Which batches of a rejoined node's tail are written again.
    public var recoveryPolicy = RecoveryPolicy.clean
    /// Whether the log is sent LZ4-compressed: for links that cost more than cycles.
    public var compress = false
    /// Milliseconds between two heartbeats; a link silent for three of them counts as dead.
    public var heartbeat: UInt64 = 1000
    /// Milliseconds that a restarted primary waits for its followers, which may hold writes that it lost.
    public var restartWait: UInt64 = 10_000
    /// How the engine is opened.
    public var engine = EngineOptions()
    /// Where events are logged.
    public var logger = Logger(label: "godwit")

    /// Says where the data is and where the node stands.
    public init(directory: String, region: String) {
        self.directory = directory
        self.region = region
    }

    /// Throws for the first setting that cannot work.
    func validate() throws(NodeError) {
        guard tls != nil || allowsInsecure || (listen.isLoopback && (follow?.isLoopback ?? true)) else {
            throw NodeError(
                .invalidArgument,
                """
                replication over plain TCP is for loopback addresses: give TLS files, or allow insecure links, to \
                listen at \(listen)\(follow.map { " and follow \($0)" } ?? "")
                """)
        }
        guard advertised != nil || !listen.isWildcard else {
            throw NodeError(
                .invalidArgument, "nobody can connect to \(listen.host): say the address to advertise to other nodes")
        }
        guard !region.isEmpty, region.utf8.count <= 255 else {
            throw NodeError(.invalidArgument, "the region's name has \(region.utf8.count) bytes; give 1 to 255")
        }
    }

    /// The replica's settings, once it is known where the node listens.
    func replicaOptions(port: Int) -> ReplicaOptions {
        let address = advertised ?? HostPort(host: listen.host, port: port)
        var options = ReplicaOptions(region: region, advertised: address.description, leader: follow?.description)
        options.keyspaces = keyspaces
        options.retentionSize = retentionSize
        options.recoveryPolicy = recoveryPolicy
        options.compress = compress
        options.heartbeat = heartbeat
        options.silence = heartbeat * 3
        options.restartWait = restartWait
        if maximumLag != nil || maximumLagBytes != nil {
            options.lagGuard = LagGuard(milliseconds: maximumLag, bytes: maximumLagBytes)
        }
        options.engine = engine
        return options
    }
}
