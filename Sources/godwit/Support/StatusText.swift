import CommandSupport
import FoundationEssentials
import GodwitReplication

/// A node's status as lines for people.
enum StatusText {
    static func lines(_ status: ReplicaStatus) -> String {
        var text = """
            \(status.role) (\(status.stage)) in \(status.region), epoch \(status.epoch)
              node       \(status.node)
              position   \(status.position), durable to \(status.durable)
              advertised \(status.advertised)

            """
        if let refusing = status.refusingWrites { text += "  writes     refused: \(refusing)\n" }
        if status.newestEpoch != status.epoch { text += "  newest     epoch \(status.newestEpoch) was heard of\n" }
        if let leader = status.leader { text += "  leader     \(leader)\n" }
        if let upstream = status.upstream { text += "from the leader\n" + line(upstream, "") }
        if !status.followers.isEmpty { text += "to followers\n" }
        for follower in status.followers { text += line(follower, measured(follower.lag)) }
        for slot in status.slots {
            text +=
                "slot \(slot.region): log after \(slot.keptAfter), \(slot.bytes) bytes\(slot.isLost ? ", LOST" : "")\n"
        }
        for copy in status.copies {
            text += "full copy \(copy.direction) \(copy.node): \(copy.done) of \(copy.bytes) bytes\n"
        }
        for report in status.recovery { text += summary(report) }
        for (reason, count) in status.refusals.sorted(by: { $0.key < $1.key }) {
            text += "refused \(count) handshakes: \(reason)\n"
        }
        return text
    }

    private static func summary(_ report: RecoveryReport) -> String {
        "tail of \(report.node) after \(report.fork): \(report.summary) (\(report.policy.rawValue))\n"
    }

    /// Every batch of recovered tails.
    private static func lines(_ reports: [RecoveryReport]) -> String {
        if reports.isEmpty { return "no tail was recovered here\n" }
        return reports.map { report in
            let rows = report.rows.map { row in
                "  \(row.position) \(row.outcome.rawValue)\(row.replayed ? ", written again" : "")\n"
            }
            return summary(report) + rows.joined()
        }.joined()
    }

    /// What `GET /v1/recovery` answered.
    static func batches(_ answer: [UInt8]) throws -> String {
        lines(try JSONDecoder().decode([RecoveryReport].self, from: Data(answer)))
    }

    /// What only the side that sends knows of a lag.
    private static func measured(_ lag: Lag) -> String {
        ", \(lag.bytes) bytes (acknowledged within p50 \(lag.p50), p99 \(lag.p99), max \(lag.max) ms)"
    }

    private static func line(_ link: LinkStatus, _ measured: String) -> String {
        let name = link.region.isEmpty ? link.address : link.region
        return """
              \(name): \(link.isConnected ? link.stage : "not connected"), \
            received \(link.received), durable \(link.durable), applied \(link.applied)
                lag \(link.lag.records) records, \(link.lag.milliseconds) ms\(measured); \(link.throughput) bytes/s; \
            \(link.reconnects) reconnects, \(link.fullSyncs) full copies, \(link.rewinds) rewinds

            """
    }

    /// What `GET /v1/status` answered.
    static func status(_ answer: [UInt8]) throws -> String {
        lines(try JSONDecoder().decode(ReplicaStatus.self, from: Data(answer)))
    }
}
