internal import GodwitEngine
internal import GodwitReplication

/// A node's figures in the text format of Prometheus, version 0.0.4. Every figure has `godwit_` in front and the node's
/// region as a label where several nodes' figures meet. All lines of a figure stand together, as the format wants it.
struct MetricsText {
    /// The lines of each figure, in the order in which they were first met.
    private var families: [String] = []
    /// Where each figure stands among them.
    private var places: [String: Int] = [:]
    /// All of it.
    var text: String { families.joined() }

    /// All figures of a node.
    init(
        _ status: ReplicaStatus, _ engine: EngineMetrics?, _ redis: RedisFigures? = nil, _ http: HTTPAdmission? = nil
    ) {
        addNode(status)
        if let upstream = status.upstream { addLink(upstream, direction: "leader") }
        for follower in status.followers { addLink(follower, direction: "follower") }
        for slot in status.slots { addSlot(slot) }
        for (reason, count) in status.refusals.sorted(by: { $0.key < $1.key }) {
            add("refused_handshakes_total", "counter", "Handshakes refused.", [("reason", reason)], count)
        }
        for (kind, count) in status.errors.sorted(by: { $0.key < $1.key }) {
            add("replication_errors_total", "counter", "Errors in replication.", [("kind", kind)], count)
        }
        if let engine { addEngine(engine) }
        if let redis { addRedis(redis) }
        if let http {
            for (kind, admission) in [("read", http.reads), ("write", http.writes)] {
                add(
                    "http_refused_total", "counter", "HTTP requests refused for too much work.", [("kind", kind)],
                    admission.figures.refused)
            }
        }
    }

    private mutating func addRedis(_ redis: RedisFigures) {
        add("redis_connections", "gauge", "Redis clients connected.", [], UInt64(redis.connections))
        add("redis_connections_total", "counter", "Redis clients that came.", [], UInt64(redis.accepted))
        add("redis_connections_rejected_total", "counter", "Redis clients refused.", [], UInt64(redis.rejected))
        add("redis_slow_readers_cut_total", "counter", "Clients cut for not reading.", [], UInt64(redis.slowReadersCut))
        add("redis_failed_commits_total", "counter", "Turns whose writes failed.", [], UInt64(redis.failedCommits))
        add("redis_expired_hashes_total", "counter", "Large hashes swept.", [], UInt64(redis.expiredHashes))
        let work = [("cold_read", redis.coldReads), ("synced_write", redis.syncedWrites)]
        for (kind, figures) in work {
            add("redis_admitted_total", "counter", "Dear work that was taken.", [("kind", kind)], figures.admitted)
        }
        for (kind, figures) in work {
            add("redis_refused_total", "counter", "Dear work that was refused.", [("kind", kind)], figures.refused)
        }
        for (kind, figures) in work {
            add("redis_waiting", "gauge", "Dear work that waits.", [("kind", kind)], UInt64(figures.waiting))
        }
        for use in redis.commands {
            add("redis_commands_failed_total", "counter", "Commands that failed.", [("command", use.name)], use.failed)
        }
        for use in redis.commands { addLatency(use) }
    }

    /// A command's latencies as a histogram in seconds, a bound for each fourth power of two.
    private mutating func addLatency(_ use: RedisFigures.CommandUse) {
        let name = "redis_command_seconds"
        var text = ""
        let label = "command=\"\(Self.escaped(use.name))\""
        var sum: UInt64 = 0
        for (power, count) in use.histogram.enumerated() {
            sum += UInt64(count)
            guard power >= 10, power % 2 == 0, power <= 34 else { continue }
            text += "godwit_\(name)_bucket{\(label),le=\"\(Double(UInt64(1) << UInt64(power)) / 1e9)\"} \(sum)\n"
        }
        text += "godwit_\(name)_bucket{\(label),le=\"+Inf\"} \(use.calls)\n"
        text += "godwit_\(name)_sum{\(label)} \(Double(use.nanoseconds) / 1e9)\n"
        text += "godwit_\(name)_count{\(label)} \(use.calls)\n"
        append(text, name, "histogram", "How long commands took.")
    }

    private mutating func addNode(_ status: ReplicaStatus) {
        add(
            "node_info", "gauge", "Who the node is; always 1.",
            [
                ("region", status.region), ("node", status.node), ("store", status.store), ("role", status.role),
                ("stage", status.stage), ("epoch", status.epoch),
            ], 1)
        for role in ["primary", "follower", "deposed"] {
            add("role", "gauge", "1 for the role the node has.", [("role", role)], role == status.role ? 1 : 0)
        }
        add("epoch_number", "gauge", "The number of the epoch.", [], Self.number(status.epoch))
        add(
            "newest_epoch_number", "gauge", "The number of the newest epoch heard of.", [],
            Self.number(status.newestEpoch))
        add("sequence", "gauge", "The last sequence number.", [], status.sequence)
        add("durable_sequence", "gauge", "The last sequence number that survives power loss.", [], status.durable)
        add(
            "refusing_writes", "gauge", "1 while the node refuses writes.", [], status.refusingWrites == nil ? 0 : 1)
        // A deposed node knows nobody whom it could be behind.
        if status.role != "deposed" { addLag(status.lag, "node", [], isMeasured: status.role == "primary") }
        for copy in status.copies {
            let labels = [("peer", copy.node), ("direction", copy.direction)]
            add("copy_bytes", "gauge", "Bytes of a full copy under way.", labels, copy.bytes)
            add("copy_done_bytes", "gauge", "Bytes of a full copy that are over.", labels, copy.done)
        }
        for report in status.recovery {
            for outcome in TailClass.allCases {
                add(
                    "recovered_batches", "gauge", "Batches of a rejoined node's tail, by class.",
                    [("node", report.node), ("end", report.end), ("class", outcome.rawValue)],
                    UInt64(report.count(of: outcome)))
            }
        }
    }

    private mutating func addLink(_ link: LinkStatus, direction: String) {
        let labels = [("peer", link.node), ("region", link.region), ("direction", direction)]
        add("link_connected", "gauge", "1 while there is a link.", labels, link.isConnected ? 1 : 0)
        add("link_stage", "gauge", "What the link is doing; always 1.", labels + [("stage", link.stage)], 1)
        add("link_sent_sequence", "gauge", "The last sequence number sent.", labels, link.sent)
        add("link_received_sequence", "gauge", "The last one in the follower's log.", labels, link.received)
        add("link_durable_sequence", "gauge", "The last one safe from power loss there.", labels, link.durable)
        add("link_applied_sequence", "gauge", "The last one its readers see.", labels, link.applied)
        add("link_bytes_total", "counter", "Bytes of records over the link.", labels, link.bytes)
        add("link_bytes_per_second", "gauge", "The same a second, over the last ten.", labels, link.throughput)
        add("link_reconnects_total", "counter", "How many times the link was made again.", labels, link.reconnects)
        add("link_partial_syncs_total", "counter", "Handshakes that went on in the log.", labels, link.partialSyncs)
        add("link_full_syncs_total", "counter", "Handshakes that led to a full copy.", labels, link.fullSyncs)
        add("link_rewinds_total", "counter", "Handshakes that led to a rewind.", labels, link.rewinds)
        addLag(link.lag, "link", labels, isMeasured: direction == "follower")
    }

    /// - Parameter isMeasured: Whether the node has the log that is missing, and hears the acknowledgements: a follower
    ///   knows neither of itself.
    private mutating func addLag(_ lag: Lag, _ what: String, _ labels: [(String, String)], isMeasured: Bool) {
        add("\(what)_lag_records", "gauge", "Sequence numbers that are missing.", labels, lag.records)
        addSeconds("\(what)_lag_seconds", "gauge", "The age of the oldest write missing.", labels, lag.milliseconds)
        guard isMeasured else { return }
        add("\(what)_lag_bytes", "gauge", "Bytes of log that are missing.", labels, lag.bytes)
        for (quantile, value) in [("0.5", lag.p50), ("0.99", lag.p99), ("1", lag.max)] {
            addSeconds(
                "\(what)_acknowledgement_seconds", "summary", "How long acknowledgements took.",
                labels + [("quantile", quantile)], value)
        }
    }

    private mutating func addSlot(_ slot: SlotStatus) {
        let labels = [("peer", slot.node), ("region", slot.region)]
        add("slot_kept_after_sequence", "gauge", "The log is kept after this one.", labels, slot.keptAfter)
        add("slot_bytes", "gauge", "Bytes of log kept for a follower.", labels, slot.bytes)
        add("slot_lost", "gauge", "1 once a follower's log was given up.", labels, slot.isLost ? 1 : 0)
    }

    private mutating func addEngine(_ engine: EngineMetrics) {
        add("memory_bytes", "gauge", "Memory of memtables, blocks, filters, indexes.", [], engine.memory.total)
        add("log_bytes", "gauge", "Bytes of log on disk.", [], engine.logBytes)
        add("table_bytes", "gauge", "Bytes of tables on disk.", [], engine.tableBytes)
        add("compaction_debt_bytes", "gauge", "Bytes that compaction has yet to move.", [], engine.compactionDebtBytes)
        add("write_operations_total", "counter", "Operations written.", [], engine.writes.operations)
        add("write_groups_total", "counter", "Groups of commits.", [], engine.writes.groups)
        add("log_syncs_total", "counter", "Syncs of the log.", [], engine.writes.syncs)
        add("log_written_bytes_total", "counter", "Bytes appended to the log.", [], engine.writes.logBytes)
        add("flushed_bytes_total", "counter", "Bytes flushed to tables.", [], engine.writes.flushedBytes)
        add(
            "compacted_bytes_total", "counter", "Bytes written by compaction.", [], engine.writes.compactionWrittenBytes
        )
        add("write_stalls_total", "counter", "Writes that had to stop.", [], engine.writes.stalls)
        addSeconds(
            "write_delay_seconds_total", "counter", "How long writers were slowed or held.", [],
            engine.writes.delayedNanoseconds / 1_000_000)
        addSeconds(
            "write_longest_delay_seconds", "gauge", "The longest of these waits.", [],
            engine.writes.longestDelayNanoseconds / 1_000_000)
        let cache = [("data", engine.cache.data), ("filter", engine.cache.filter), ("index", engine.cache.index)]
        for (kind, use) in cache {
            add("cache_hits_total", "counter", "Blocks found in the cache.", [("kind", kind)], use.hits)
            add("cache_misses_total", "counter", "Blocks not found in the cache.", [("kind", kind)], use.misses)
        }
        add("suspect_tables", "gauge", "Tables in which damage was found.", [], UInt64(engine.suspectTables))
        add("snapshots", "gauge", "Snapshots that are held.", [], UInt64(engine.snapshots))
        add("poisoned", "gauge", "1 once the log cannot be trusted.", [], engine.isPoisoned ? 1 : 0)
    }

    private mutating func add(
        _ name: String, _ type: String, _ help: String, _ labels: [(String, String)], _ value: UInt64
    ) {
        add(name, type, help, labels, text: "\(value)")
    }

    /// Adds milliseconds in Prometheus' unit.
    private mutating func addSeconds(
        _ name: String, _ type: String, _ help: String, _ labels: [(String, String)], _ milliseconds: UInt64
    ) {
        add(name, type, help, labels, text: "\(Double(milliseconds) / 1000)")
    }

    private mutating func add(
        _ name: String, _ type: String, _ help: String, _ labels: [(String, String)], text value: String
    ) {
        let list = labels.map { "\($0.0)=\"\(Self.escaped($0.1))\"" }.joined(separator: ",")
        append(list.isEmpty ? "godwit_\(name) \(value)\n" : "godwit_\(name){\(list)} \(value)\n", name, type, help)
    }

    /// Adds lines to those of their figure.
    private mutating func append(_ lines: String, _ name: String, _ type: String, _ help: String) {
        guard let place = places[name] else {
            places[name] = families.count
            families.append("# HELP godwit_\(name) \(help)\n# TYPE godwit_\(name) \(type)\n" + lines)
            return
        }
        families[place] += lines
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }

    /// The number of an epoch that stands as `3.5f00aa12`; 0 for none.
    private static func number(_ epoch: String) -> UInt64 { UInt64(epoch.prefix { $0 != "." }) ?? 0 }
}
