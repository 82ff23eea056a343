import Foundation

/// One line of the result: the same fields as those of `versus`.
struct Row {
    let workload: String
    let peer: String
    let godwit: Double
    let peerValue: Double
    let unit: String
    let target: String
    /// A side's own rounds: half of how far they are apart, as a share of their median, the larger of both sides; nil where
    /// each side had one round.
    let spread: Double?

    /// Godwit over peer.
    var ratio: Double { peerValue == 0 ? 0 : godwit / peerValue }

    init(_ workload: String, peer: String, unit: String, target: String, _ godwit: [Double], _ peerValues: [Double]) {
        self.workload = workload
        self.peer = peer
        self.unit = unit
        self.target = target
        self.godwit = godwit.median
        peerValue = peerValues.median
        spread = godwit.count > 1 ? max(godwit.spread, peerValues.spread) : nil
    }

    /// The row as one JSON object. It is one figure: latencies are null.
    var json: String {
        let values = [
            ("workload", "\"\(workload)\""), ("threads", "1"), ("peer", "\"\(peer)\""), ("godwit", Self.plain(godwit)),
            ("peerValue", Self.plain(peerValue)), ("unit", "\"\(unit)\""), ("ratio", Self.plain(ratio)),
            ("spread", spread.map(Self.plain) ?? "null"),
        ]
        let latencies = [
            "p50ns", "p99ns", "p999ns", "maxns", "peerP50ns", "peerP99ns", "peerP999ns", "peerMaxns",
        ].map { ($0, "null") }
        return "{" + (values + latencies).map { "\"\($0.0)\":\($0.1)" }.joined(separator: ",") + "}"
    }

    /// Whole above a thousand, else four digits after the point.
    private static func plain(_ value: Double) -> String { String(format: abs(value) < 1000 ? "%.4f" : "%.0f", value) }
}

extension [Double] {
    var median: Double { isEmpty ? 0 : sorted()[count / 2] }

    var spread: Double {
        guard let least = self.min(), let most = self.max(), median > 0 else { return 0 }
        return (most - least) / median / 2
    }
}

/// Prints rows as they come, and writes them as JSON lines where a file was named.
final class Report {
    private let json: FileHandle?

    /// What the file held before is gone.
    init(_ path: String?) throws {
        guard let path else {
            json = nil
            return
        }
        try Data().write(to: URL(filePath: path))
        json = try FileHandle(forWritingTo: URL(filePath: path))
    }

    func add(_ row: Row) throws {
        func text(_ value: Double) -> String { value >= 100 ? "\(Int(value))" : "\((value * 100).rounded() / 100)" }
        let spread = row.spread.map { "spread \(text($0 * 100)) %" } ?? "one round"
        print(
            "\(row.workload): \(text(row.godwit)) \(row.unit), \(row.peer) \(text(row.peerValue)); ratio "
                + "\(text(row.ratio)), target \(row.target.isEmpty ? "none" : row.target), \(spread)")
        try json?.write(contentsOf: Data((row.json + "\n").utf8))
    }
}

/// Seconds of the machine's monotonic clock, the same in all processes.
func now() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}
