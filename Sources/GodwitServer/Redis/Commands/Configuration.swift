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
                whole(value, 1...4_294_967_295) { executor.maximumClients = $0 }
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
                whole(value, -1...Int.max) { executor.statistics.slowThreshold = $0 }
            }),
        Setting(
            name: "slowlog-max-len", read: { "\($0.statistics.slowLimit)" },
            write: { executor, value in
                whole(value, 0...Int.max) {
                    executor.statistics.slowLimit = $0
                    executor.statistics.trimSlowCalls()
                }
            }),
    ]

    /// Takes a number within bounds; returns why it cannot.
    private static func whole(_ text: String, _ bounds: ClosedRange<Int>, _ take: (Int) -> Void) -> String? {
        guard let number = Array(text.utf8).withSlice({ Decimal.parse($0) }) else {
            return "argument couldn't be parsed into an integer"
        }
        guard bounds.contains(number) else {
            return "argument must be between \(bounds.lowerBound) and \(bounds.upperBound) inclusive"
        }
        take(number)
        return nil
    }

    static func find(_ name: String) -> Setting? { settings.first { $0.name == name.lowercased() } }
}
