internal import CommandSupport
internal import Configuration
internal import FoundationEssentials
internal import GodwitEngine
internal import GodwitNode
internal import GodwitReplication
internal import Logging
internal import Synchronization
internal import SystemPackage

/// Reads settings from, in this order: flags, the environment (`GODWIT_DATA`, `GODWIT_TLS_KEY`, …), a YAML file. The
/// first that has a setting decides. The names are the flags' without dashes: `data`, `region`, `tls-key`; in YAML
/// those with a common beginning may also be nested (`tls: { key: … }`).
package enum SettingsReader {
    /// Every setting there is, with what it means: the help of the flags.
    package static let names: [(name: String, value: String, help: String)] = [
        ("data", "dir", "The store's directory; made when it is not there."),
        ("region", "name", "Where the node stands; stored with the data, never to change."),
        ("replication", "host:port", "Where other nodes connect; port 0 picks a free one."),
        ("admin", "host:port", "Where the HTTP interface listens; port 0 picks a free one."),
        ("admin-tls-certificate", "file", "PEM: the certificate of the HTTP interface; with it, it speaks TLS."),
        ("admin-tls-key", "file", "PEM: the certificate's key."),
        ("admin-tls-authorities", "file", "PEM: whom callers' certificates must come from; none needed unless said."),
        (
            "redis", "host:port|off",
            "Where Redis clients connect; port 0 picks a free one. Unless said 127.0.0.1:6379, or a free port where that is "
                + "taken. Elsewhere than on loopback it needs redis-password-file or redis-acl."
        ),
        ("redis-fsync", "everysec|always", "When the log is synced for Redis writes; everysec."),
        ("redis-password-file", "file", "Holds the password of the Redis user `default`, one word."),
        ("redis-acl", "file", "Redis users, in the format of Redis' ACL file."),
        ("redis-tls-certificate", "file", "PEM: the certificate of the Redis listener; with it, it speaks TLS."),
        ("redis-tls-key", "file", "PEM: the certificate's key."),
        (
            "redis-tls-authorities", "file",
            "PEM: whom Redis clients' certificates must come from; none needed unless said."
        ),
        ("follow", "host:port", "The node to follow; without it the node is a primary."),
        ("advertise", "host:port", "How other nodes reach this one, where that differs from where it listens."),
        ("keyspaces", "name[,name…]", "The keyspaces to follow; all unless said. Such a node is never promoted."),
        ("tls-certificate", "file", "PEM: the node's certificate."),
        ("tls-key", "file", "PEM: the certificate's key."),
        ("tls-authorities", "file", "PEM: the authorities of other nodes' certificates."),
        ("token-file", "file", "Holds the bearer token of the HTTP interface."),
        ("data-token-file", "file", "Holds a bearer token that opens keys only."),
        (
            "maximum-lag", "duration",
            "Refuses writes once even the follower that has come furthest is so far behind, such as 5s."
        ),
        ("maximum-lag-bytes", "size", "The same in bytes of log, such as 64MiB."),
        ("retention-size", "size", "Log kept for followers that are away; 1GiB."),
        ("recovery-policy", "report|clean|lastWriterWins", "Which writes of a rejoined node's tail are made again."),
        ("memory", "size", "Memory for memtables and cache; 256MiB."),
        ("restart-wait", "duration", "How long a restarted primary waits for its followers; 10s."),
        ("heartbeat", "duration", "Between two heartbeats; a link silent for three is dead; 1s."),
        ("log-level", "level", "From trace to critical; info."),
        ("insecure", "true", "Lets others reach the node without TLS, tokens and Redis passwords."),
        ("compress", "true", "Sends the log LZ4-compressed, for links that cost more than cycles."),
    ]

    /// Reads all settings.
    ///
    /// - Parameters:
    ///   - flags: What the command line says, by name.
    ///   - file: The YAML file, if any.
    /// - Throws: A sentence that names the setting that is missing or cannot work.
    package static func read(flags: [String: String], file: String?) async throws -> ServerSettings {
        let given = flags.map { (AbsoluteConfigKey(key($0.key)), ConfigValue(.string($0.value), isSecret: false)) }
        var providers: [any ConfigProvider] = [
            InMemoryProvider(name: "flags", values: Dictionary(uniqueKeysWithValues: given)),
            EnvironmentVariablesProvider().prefixKeys(with: ["godwit"]),
        ]
        if let file { providers.append(try await provider(file)) }
        let config = ConfigReader(providers: providers)
        var values: [String: String] = [:]
        for setting in names {
            do {
                values[setting.name] = try await config.fetchString(forKey: key(setting.name))
            } catch {
                throw NodeError(.invalidArgument, "the setting `\(setting.name)` should be a text: \(error)")
            }
        }
        return try settings(Values(values))
    }

    /// The settings of a YAML file, each of which must be known.
    private static func provider(_ file: String) async throws -> any ConfigProvider {
        // The snapshot asks about each key that it reads: the one way to see them all.
        let seen = Mutex<[String]>([])
        let options = YAMLSnapshot.ParsingOptions(
            secretsSpecifier: .dynamic { key, _ in
                seen.withLock { $0.append(key) }
                return false
            })
        let provider: FileProvider<YAMLSnapshot>
        do {
            provider = try await FileProvider<YAMLSnapshot>(parsingOptions: options, filePath: FilePath(file))
        } catch {
            throw NodeError(.invalidArgument, "the configuration \(file) cannot be used: \(error)")
        }
        let known = names.map { AbsoluteConfigKey(key($0.name)).components.joined(separator: ".") }
        if let unknown = seen.withLock({ $0 }).sorted().first(where: { !known.contains($0) }) {
            let nearest = NearestName.of(unknown, among: known)
            throw NodeError(
                .invalidArgument,
                "the configuration \(file) has the key `\(unknown)`, which is no setting; did you mean `\(nearest)`?")
        }
        return provider
    }

    /// `tls-key` is `tls: { key: … }`; every other name stands as it is.
    private static func key(_ name: String) -> ConfigKey {
        name.hasPrefix("tls-") ? ConfigKey(["tls", String(name.dropFirst(4))]) : ConfigKey([name])
    }

    private static func settings(_ values: Values) throws(NodeError) -> ServerSettings {
        var node = NodeOptions(directory: try values.required("data"), region: try values.required("region"))
        node.listen = try values.address("replication") ?? HostPort(host: "127.0.0.1", port: 0)
        node.follow = try values.address("follow")
        node.advertised = try values.address("advertise")
        node.keyspaces = values["keyspaces"]?.split(separator: ",").map(String.init)
        node.tls = try tls(values)
        node.maximumLag = try values.milliseconds("maximum-lag")
        node.maximumLagBytes = try values.size("maximum-lag-bytes").map(UInt64.init)
        if let size = try values.size("retention-size") { node.retentionSize = size }
        if let policy = try values.choice("recovery-policy", RecoveryPolicy.init(rawValue:)) {
            node.recoveryPolicy = policy
        }
        if let memory = try values.size("memory") { node.engine.memoryBudget = memory }
        if let wait = try values.milliseconds("restart-wait") { node.restartWait = wait }
        if let beat = try values.milliseconds("heartbeat") { node.heartbeat = beat }
        node.compress = try values.flag("compress")
        node.allowsInsecure = try values.flag("insecure")
        var settings = ServerSettings(
            node: node, admin: try values.address("admin") ?? HostPort(host: "127.0.0.1", port: 0))
        settings.isInsecure = node.allowsInsecure
        settings.tokens.admin = try values.secret("token-file")
        settings.tokens.data = try values.secret("data-token-file")
        settings.adminTLS = try listenerTLS("admin", values)
        settings.redis = try redis(values)
        if settings.redis != nil { settings.node.engine.syncInterval = 1000 }
        if let level = try values.choice("log-level", Logger.Level.init(rawValue:)) { settings.logLevel = level }
        try settings.validate()
        return settings
    }

    private static func redis(_ values: Values) throws(NodeError) -> RedisSettings? {
        if values["redis"] == "off" { return nil }
        let address = try values.address("redis")
        var redis = RedisSettings(address: address ?? HostPort(host: "127.0.0.1", port: 6379))
        redis.takesAnyPort = address == nil
        if let fsync = try values.choice("redis-fsync", { ["everysec", "always"].contains($0) ? $0 : nil }) {
            redis.syncsAlways = fsync == "always"
        }
        redis.password = try values.secret("redis-password-file")
        redis.aclFile = values["redis-acl"]
        redis.isInsecure = try values.flag("insecure")
        redis.tls = try listenerTLS("redis", values)
        return redis
    }

    /// The files of a listener; nil where none is named.
    private static func listenerTLS(_ listener: String, _ values: Values) throws(NodeError) -> ListenerTLS? {
        let names = ["certificate", "key", "authorities"].map { "\(listener)-tls-\($0)" }
        if names.allSatisfy({ values[$0] == nil }) { return nil }
        return ListenerTLS(
            certificate: try values.required(names[0]), key: try values.required(names[1]),
            clientAuthorities: values[names[2]])
    }

    private static func tls(_ values: Values) throws(NodeError) -> TLSFiles? {
        let names = ["tls-certificate", "tls-key", "tls-authorities"]
        if names.allSatisfy({ values[$0] == nil }) { return nil }
        return TLSFiles(
            certificate: try values.required(names[0]), key: try values.required(names[1]),
            authorities: try values.required(names[2]))
    }
}
