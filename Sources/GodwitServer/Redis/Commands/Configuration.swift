internal import GodwitEngine
internal import GodwitNode

/// The settings that CONFIG shows: some can be changed while the node runs.
struct Configuration {
    /// A setting: how it is read and, where it can be, changed.
    struct Setting: Sendable {
        let name: String
        let read: @Sendable (Executor) -> String
        /// Looks at a value and changes nothing yet. Nil for a setting that is fixed.
        let change: (@Sendable (Executor, String) -> Change)?
    }

    /// What a new value would do.
    enum Change {
        /// Why it cannot be taken.
        case refused(String)
        /// Takes it, which cannot fail: so of several settings all are changed or none.
        case accepted(() -> Void)
    }

    /// Whether replies to writes wait for a sync of the log.
    var syncsAlways: Bool

    init(_ settings: RedisSettings) { syncsAlways = settings.syncsAlways }

    /// All settings, by name.
    static let settings: [Setting] = [
        Setting(
            name: "appendfsync", read: { $0.configuration.syncsAlways ? "always" : "everysec" },
            change: { executor, value in
                guard ["always", "everysec"].contains(value.lowercased()) else {
                    return .refused("argument(s) must be one of the following: everysec, always")
                }
                return .accepted { executor.configuration.syncsAlways = value.lowercased() == "always" }
            }),
        Setting(name: "appendonly", read: { _ in "yes" }, change: nil),
        Setting(name: "bind", read: { $0.settings.address.host }, change: nil),
        Setting(name: "databases", read: { _ in "\(Database.count)" }, change: nil),
        Setting(
            name: "maxclients", read: { "\($0.maximumClients)" },
            change: { executor, value in
                whole(value, 1...4_294_967_295) { executor.maximumClients = $0 }
            }),
        Setting(name: "maxmemory", read: { "\($0.engine?.metrics.memory.budget ?? 0)" }, change: nil),
        Setting(name: "maxmemory-policy", read: { _ in "noeviction" }, change: nil),
        Setting(name: "port", read: { "\($0.port)" }, change: nil),
        Setting(name: "proto-max-bulk-len", read: { "\($0.settings.maximumBulk)" }, change: nil),
        Setting(
            name: "requirepass", read: { $0.access.visiblePassword },
            change: { executor, value in
                if let refusal = executor.access.refusal(ofPassword: value) { return .refused(refusal) }
                return .accepted { executor.access.setPassword(value) }
            }),
        Setting(name: "save", read: { _ in "" }, change: nil),
        Setting(
            name: "slowlog-log-slower-than", read: { "\($0.statistics.slowThreshold)" },
            change: { executor, value in
                whole(value, -1...Int.max) { executor.statistics.slowThreshold = $0 }
            }),
        Setting(
            name: "slowlog-max-len", read: { "\($0.statistics.slowLimit)" },
            change: { executor, value in
                whole(value, 0...Int.max) {
                    executor.statistics.slowLimit = $0
                    executor.statistics.trimSlowCalls()
                }
            }),
    ]

    /// A change by a number within bounds.
    private static func whole(
        _ text: String, _ bounds: ClosedRange<Int>, _ take: @escaping (Int) -> Void
    ) -> Change {
        guard let number = Array(text.utf8).withSlice({ Decimal.parse($0) }) else {
            return .refused("argument couldn't be parsed into an integer")
        }
        guard bounds.contains(number) else {
            return .refused("argument must be between \(bounds.lowerBound) and \(bounds.upperBound) inclusive")
        }
        return .accepted { take(number) }
    }

    static func find(_ name: String) -> Setting? { settings.first { $0.name == name.lowercased() } }
}
