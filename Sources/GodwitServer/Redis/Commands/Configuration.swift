internal import GodwitEngine
internal import GodwitNode

/// The settings that CONFIG shows: some can be changed while the node runs.
struct Configuration {
    /// A setting: how it is read and, where it can be, written.
    struct Setting: Sendable {
        let name: String
        let read: @Sendable (Executor) -> String
        /// Takes a value; returns why it cannot. Nil for a setting that is fixed.
        let write: (@Sendable (Executor, String) -> String?)?
    }

    /// Whether replies to writes wait for a sync of the log.
    var syncsAlways: Bool

    init(_ settings: RedisSettings) { syncsAlways = settings.syncsAlways }

    /// All settings, by name.
    static let settings: [Setting] = [
        Setting(
            name: "appendfsync", read: { $0.configuration.syncsAlways ? "always" : "everysec" },
            write: { executor, value in
                guard ["always", "everysec"].contains(value.lowercased()) else {
                    return "argument(s) must be one of the following: everysec, always"
                }
                executor.configuration.syncsAlways = value.lowercased() == "always"
                return nil
            }),
        Setting(name: "appendonly", read: { _ in "yes" }, write: nil),
        Setting(name: "bind", read: { $0.settings.address.host }, write: nil),
        Setting(name: "databases", read: { _ in "\(Database.count)" }, write: nil),
        Setting(
            name: "maxclients", read: { "\($0.maximumClients)" },
            write: { executor, value in
                guard let number = Int(value), (1...4_294_967_295).contains(number) else {
                    return "argument must be between 1 and 4294967295 inclusive"
                }
                executor.maximumClients = number
                return nil
            }),
        Setting(name: "maxmemory", read: { "\($0.engine?.metrics.memory.budget ?? 0)" }, write: nil),
        Setting(name: "maxmemory-policy", read: { _ in "noeviction" }, write: nil),
        Setting(name: "port", read: { "\($0.settings.address.port)" }, write: nil),
        Setting(name: "proto-max-bulk-len", read: { "\($0.settings.maximumBulk)" }, write: nil),
        Setting(
            name: "requirepass", read: { $0.access.visiblePassword },
            write: { executor, value in
                executor.access.setPassword(value)
                return nil
            }),
        Setting(name: "save", read: { _ in "" }, write: nil),
        Setting(
            name: "slowlog-log-slower-than", read: { "\($0.statistics.slowThreshold)" },
            write: { executor, value in
                guard let number = Int(value), number >= -1 else {
                    return "argument must be between -1 and 9223372036854775807 inclusive"
                }
                executor.statistics.slowThreshold = number
                return nil
            }),
        Setting(
            name: "slowlog-max-len", read: { "\($0.statistics.slowLimit)" },
            write: { executor, value in
                guard let number = Int(value), number >= 0 else {
                    return "argument must be between 0 and 9223372036854775807 inclusive"
                }
                executor.statistics.slowLimit = min(number, 10_000)
                executor.statistics.trimSlowCalls()
                return nil
            }),
    ]

    static func find(_ name: String) -> Setting? { settings.first { $0.name == name.lowercased() } }
}
