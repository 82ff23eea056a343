package import GodwitNode

/// What the Redis listener is told.
package struct RedisSettings: Sendable {
    /// Where it listens; port 0 picks a free one.
    package var address: HostPort
    /// Whether a free port will do where that one is taken: nobody asked for it, and several nodes may share a machine.
    package var takesAnyPort = false
    /// Whether replies to writes wait for a sync of the log, as `appendfsync always`; else it is synced every second.
    package var syncsAlways = false
    /// The password of the user `default`; nil for none.
    package var password: String?
    /// A file of users, in Redis' format; nil for none.
    package var aclFile: String?
    /// Whether everybody may do everything, without a password, at an address that others reach.
    package var isInsecure = false
    /// Certificate and key for TLS; the authorities of clients' certificates, where those must show one.
    package var tls: ListenerTLS?
    /// Connections at once; more are refused.
    package var maximumClients = 10_000
    /// The longest bulk string, in bytes: the engine's longest value.
    var maximumBulk = 16 << 20

    /// Up to where a hash is one row.
    var smallHash = SmallHash.Bounds()

    /// How long replies may wait for a client that does not read before it is cut off.
    var slowReaderPatience = Duration.seconds(60)
    /// Bytes of one request as a whole, and of all that a transaction has queued.
    var maximumRequest = 128 << 20
    /// Bytes of one reply.
    var maximumReply = OutputLimits().reply
    /// Bytes of the replies of all clients that wait for their sockets.
    var maximumOutput = OutputLimits().total
    /// How long a read of the disk may wait in the queue before more are refused, in nanoseconds.
    var coldReadTarget: UInt64 = 50_000_000

    /// Listens at an address.
    package init(address: HostPort) { self.address = address }
}
