package import GodwitNode
package import Logging

/// Everything `godwit serve` is told: where the data is, who may reach the node and how, and what it may use.
package struct ServerSettings: Sendable {
    /// The node's own settings.
    package var node: NodeOptions
    /// Where the HTTP interface listens; port 0 picks a free one.
    package var admin: HostPort
    /// Certificate and key for TLS of the HTTP interface; the authorities of callers' certificates, where those must show
    /// one.
    package var adminTLS: ListenerTLS?
    /// What callers of the HTTP interface must know.
    package var tokens = Tokens()
    /// The Redis listener; nil for none.
    package var redis: RedisSettings?
    /// Lets listeners be reached from other machines without TLS, tokens and Redis passwords.
    package var isInsecure = false
    /// From which level on events are logged.
    package var logLevel = Logger.Level.info

    /// Says what has no default.
    package init(node: NodeOptions, admin: HostPort) {
        self.node = node
        self.admin = admin
    }

    /// Throws for the first setting that cannot work.
    package func validate() throws(NodeError) {
        guard admin.isLoopback || tokens.admin != nil || isInsecure else {
            throw NodeError(
                .invalidArgument,
                "others can reach \(admin): give a token for the HTTP interface, or say --insecure")
        }
        if let redis, !redis.address.isLoopback, redis.password == nil, redis.aclFile == nil, !isInsecure {
            throw NodeError(
                .invalidArgument,
                "others can reach \(redis.address): give --redis-password-file or --redis-acl, or say --insecure")
        }
    }
}

/// Bearer tokens of the HTTP interface. Without any, everybody who reaches it may do everything.
package struct Tokens: Sendable {
    /// Opens everything.
    package var admin: String?
    /// Opens keys only.
    package var data: String?

    /// No tokens.
    package init() {}
}
