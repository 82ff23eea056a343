internal import FoundationEssentials
internal import GodwitEngine
internal import GodwitReplication
internal import NIOCore

/// INFO: what the server is like, in sections.
extension Servers {
    private static let everyday = [
        "server", "clients", "memory", "persistence", "stats", "replication", "cpu", "errorstats", "cluster",
        "keyspace",
    ]
    private static let all = everyday + ["commandstats", "latencystats"]

    static func info(_ call: Call) throws(Interrupt) {
        var wanted: Set<String> = []
        for index in 1..<call.count {
            switch call[index].lowercasedText {
            case "default": wanted.formUnion(everyday)
            case "all", "everything": wanted.formUnion(all)
            case let name: wanted.insert(name)
            }
        }
        if call.count == 1 { wanted.formUnion(everyday) }
        let sections = wanted
        let executor = call.executor
        let status = try executor.status()
        let figures = InfoFigures(executor)
        let text = all.filter(sections.contains).map { figures.section($0, status) }.joined(separator: "\r\n")
        call.reply.verbatim(text)
    }
}

/// What INFO tells, taken on the event loop.
private struct InfoFigures {
    private let clients: Int
    private let waiting: Int
    private let maximumClients: Int
    private let port: Int
    private let uptime: Int
    private let commands: Int
    private let connections: Int
    private let rejected: Int
    private let errorReplies: Int
    private let refusedReads: UInt64
    private let refusedWrites: UInt64
    private let slowReaders: Int
    private let errors: [(key: String, value: Int)]
    private let uses: [(name: String, use: Statistics.Use)]
    private let metrics: EngineMetrics?
    private let keyspaces: [(number: Int, keys: Int)]
    private let syncsAlways: Bool
    private let isPrimary: Bool

    init(_ executor: Executor) {
        let statistics = executor.statistics
        clients = executor.clients.count
        waiting = executor.waits
        maximumClients = executor.maximumClients
        port = executor.port
        uptime = Int((NIODeadline.now() - statistics.start).nanoseconds / 1_000_000_000)
        commands = statistics.commands
        connections = statistics.connections
        rejected = statistics.rejectedConnections
        errorReplies = statistics.errorReplies
        refusedReads = statistics.coldReads.figures.refused
        refusedWrites = statistics.syncedWrites.figures.refused
        slowReaders = statistics.slowReadersCut
        errors = statistics.errors.sorted { $0.key < $1.key }
        uses = CommandTable.shared.commands.map { ($0.name, statistics.use(of: $0)) }
            .filter { $0.1.calls > 0 || $0.1.rejected > 0 }
        metrics = executor.engine?.metrics
        keyspaces = (0..<Database.count).compactMap { number -> (number: Int, keys: Int)? in
            guard let database = executor.database(number),
                let use = executor.engine?.metrics.keyspaces.first(where: { $0.id == database.keys.id })
            else { return nil }
            let keys = Int(use.entries + use.memtableEntries)
            return keys > 0 ? (number, keys) : nil
        }
        syncsAlways = executor.configuration.syncsAlways
        isPrimary = executor.isPrimary
    }

    func section(_ name: String, _ status: ReplicaStatus) -> String {
        var lines: [(String, String)]
        switch name {
        case "server": lines = server(status)
        case "clients":
            lines = [
                ("connected_clients", "\(clients)"), ("blocked_clients", "\(waiting)"),
                ("maxclients", "\(maximumClients)"),
            ]
        case "memory": lines = memory
        case "persistence": lines = persistence
        case "stats": lines = stats
        case "replication": lines = replication(status)
        case "cpu": lines = cpu
        case "errorstats": lines = errors.map { ("errorstat_\($0.key)", "count=\($0.value)") }
        case "commandstats": lines = commandStats
        case "latencystats": lines = latencyStats
        case "cluster": lines = [("cluster_enabled", "0")]
        default: lines = keyspaces.map { ("db\($0.number)", "keys=\($0.keys),expires=0,avg_ttl=0") }
        }
        lines.insert(("# " + name.prefix(1).uppercased() + name.dropFirst(), ""), at: 0)
        return lines.map { $0.0.hasPrefix("#") ? $0.0 + "\r\n" : "\($0.0):\($0.1)\r\n" }.joined()
    }

    private func server(_ status: ReplicaStatus) -> [(String, String)] {
        [
            ("redis_version", Servers.version), ("redis_mode", "standalone"), ("server_name", "godwit"),
            ("arch_bits", "64"), ("process_id", "\(ProcessInfo.processInfo.processIdentifier)"),
            ("run_id", status.node), ("tcp_port", "\(port)"),
            ("uptime_in_seconds", "\(uptime)"), ("uptime_in_days", "\(uptime / 86_400)"),
            ("godwit_region", status.region), ("godwit_store", status.store), ("godwit_epoch", status.epoch),
        ]
    }

    private var memory: [(String, String)] {
        let used = metrics?.memory.total ?? 0
        let budget = metrics?.memory.budget ?? 0
        return [
            ("used_memory", "\(used)"), ("maxmemory", "\(budget)"), ("maxmemory_policy", "noeviction"),
            ("used_memory_dataset", "\(used)"), ("godwit_cached_blocks", "\(metrics?.memory.dataBlocks ?? 0)"),
            ("godwit_memtables", "\((metrics?.memory.activeMemtables ?? 0) + (metrics?.memory.waitingMemtables ?? 0))"),
        ]
    }

    private var persistence: [(String, String)] {
        [
            ("loading", metrics == nil ? "1" : "0"), ("aof_enabled", "1"),
            ("aof_last_write_status", metrics?.isPoisoned ?? false ? "err" : "ok"),
            ("aof_fsync", syncsAlways ? "always" : "everysec"), ("godwit_log_bytes", "\(metrics?.logBytes ?? 0)"),
            ("godwit_table_bytes", "\(metrics?.tableBytes ?? 0)"),
            ("godwit_compaction_debt_bytes", "\(metrics?.compactionDebtBytes ?? 0)"),
        ]
    }

    private var stats: [(String, String)] {
        [
            ("total_connections_received", "\(connections)"), ("total_commands_processed", "\(commands)"),
            ("rejected_connections", "\(rejected)"), ("total_error_replies", "\(errorReplies)"),
            ("godwit_block_cache_hits", "\(metrics?.cache.data.hits ?? 0)"),
            ("godwit_block_cache_misses", "\(metrics?.cache.data.misses ?? 0)"),
            ("godwit_refused_cold_reads", "\(refusedReads)"), ("godwit_refused_synced_writes", "\(refusedWrites)"),
            ("client_output_buffer_limit_disconnections", "\(slowReaders)"),
        ]
    }

    private func replication(_ status: ReplicaStatus) -> [(String, String)] {
        var lines: [(String, String)] = [("role", isPrimary ? "master" : "slave")]
        if let leader = status.leader, !isPrimary {
            let address = leader.split(separator: ":")
            lines += [
                ("master_host", address.dropLast().joined(separator: ":")), ("master_port", "\(address.last ?? "0")"),
                ("master_link_status", status.upstream?.isConnected ?? false ? "up" : "down"),
                ("master_sync_in_progress", status.upstream?.stage == "bootstrap" ? "1" : "0"),
                ("slave_repl_offset", "\(status.sequence)"), ("slave_read_only", "1"),
                ("godwit_lag_milliseconds", "\(status.lag.milliseconds)"),
            ]
        }
        let followers = status.followers.filter(\.isConnected)
        lines.append(("connected_slaves", "\(followers.count)"))
        for (number, follower) in followers.enumerated() {
            let address = follower.address.split(separator: ":")
            lines.append(
                (
                    "slave\(number)",
                    "ip=\(address.dropLast().joined(separator: ":")),port=\(address.last ?? "0"),state="
                        + "\(follower.stage == "stream" ? "online" : "wait_bgsave"),offset=\(follower.received),lag="
                        + "\(follower.lag.milliseconds / 1000)"
                ))
        }
        lines += [
            ("master_replid", status.store + "00000000"), ("master_repl_offset", "\(status.sequence)"),
            ("godwit_durable_offset", "\(status.durable)"), ("godwit_stage", status.stage),
        ]
        return lines
    }

    private var cpu: [(String, String)] {
        // The fields behind the program's name; times are in hundredths of a second.
        let stat = (try? String(contentsOfFile: "/proc/self/stat", encoding: .utf8)) ?? ""
        let fields = stat.split(separator: ")").last?.split(separator: " ").map { Int($0) ?? 0 } ?? []
        guard fields.count > 12 else { return [] }
        func text(_ time: Int) -> String { "\(time / 100).\(String(time % 100 + 100).dropFirst())0000" }
        return [("used_cpu_sys", text(fields[12])), ("used_cpu_user", text(fields[11]))]
    }

    private var commandStats: [(String, String)] {
        uses.map { name, use in
            let total = use.nanoseconds / 1000
            let each = use.calls == 0 ? 0 : Int(use.nanoseconds / 10 / UInt64(use.calls))
            let fraction = String(each % 100)
            return (
                "cmdstat_\(name)",
                "calls=\(use.calls),usec=\(total),usec_per_call=\(each / 100)."
                    + String(repeating: "0", count: 2 - fraction.count) + fraction
                    + ",rejected_calls=\(use.rejected),failed_calls=\(use.failed)"
            )
        }
    }

    private var latencyStats: [(String, String)] {
        uses.filter { $0.use.calls > 0 }.map { name, use in
            (
                "latency_percentiles_usec_\(name)",
                "p50=\(quantile(use, 500)),p99=\(quantile(use, 990)),p99.9=\(quantile(use, 999))"
            )
        }
    }

    /// The bound in microseconds that so many of a thousand calls stayed under.
    private func quantile(_ use: Statistics.Use, _ thousandths: Int) -> String {
        var left = (use.calls * thousandths + 999) / 1000
        for (power, count) in use.histogram.enumerated() {
            left -= Int(count)
            if left <= 0 { return "\((1 << power) / 1000).\(String((1 << power) % 1000 + 1000).dropFirst())" }
        }
        return "0.000"
    }
}
