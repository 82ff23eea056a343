import Foundation
import Histogram

/// Prints rows as they come, for people, and writes them as JSON lines where a file was named.
final class Report {
    private let json: FileHandle?
    private(set) var rows: [Row] = []

    init(json path: String?) throws {
        guard let path else {
            json = nil
            return
        }
        guard FileManager.default.createFile(atPath: path, contents: nil),
            let file = FileHandle(forWritingAtPath: path)
        else { throw StoreFailure("cannot write \(path)") }
        json = file
    }

    func header() {
        print(
            Self.line(
                "workload", "threads", "peer", "godwit", "peer's", "unit", "ratio", "spread", "target", ""))
    }

    func add(_ row: Row) {
        rows.append(row)
        let target = Target.all[row.workload]
        print(
            Self.line(
                row.workload, "\(row.threads)", row.peer, row.godwit.grouped, row.peerValue.grouped, row.unit,
                row.ratio.formatted(digits: 2),
                row.spread.map { "±" + ($0 * 100).formatted(digits: 0) + " %" } ?? "one run",
                target?.text(row.unit) ?? "", target.map { $0.isReached(by: row) ? "reached" : "missed" } ?? ""))
        if let latencies = row.latencies {
            note("latency, ns    godwit " + latencies.godwit.summary)
            note("               peer   " + latencies.peer.summary)
        }
        json?.write(Data((row.json + "\n").utf8))
        fflush(nil)
    }

    /// A line for people below a row, about it.
    func note(_ text: String) {
        print("    " + text)
        fflush(nil)
    }

    private static func line(_ cells: String...) -> String {
        let widths = [42, 7, 20, 14, 14, 6, 7, 8, 8, 8]
        return zip(cells, widths).enumerated().map { index, cell in
            let padding = String(repeating: " ", count: max(0, cell.1 - cell.0.count))
            return [0, 2, 5, 9].contains(index) ? cell.0 + padding : padding + cell.0
        }.joined(separator: " ")
    }
}

extension Row {
    /// The row as one JSON object; latencies are null where they were not taken.
    fileprivate var json: String {
        var fields = [
            ("workload", "\"\(workload)\""), ("threads", "\(threads)"), ("peer", "\"\(peer)\""),
            ("godwit", godwit.plain), ("peerValue", peerValue.plain), ("unit", "\"\(unit)\""),
            ("ratio", ratio.formatted(digits: 4)), ("spread", spread?.formatted(digits: 4) ?? "null"),
        ]
        let sides = [("", latencies?.godwit), ("peer", latencies?.peer)]
        for (prefix, histogram) in sides {
            let values = histogram.map { Self.percentiles($0).map { "\($0)" } } ?? Array(repeating: "null", count: 4)
            for (name, value) in zip(["p50ns", "p99ns", "p999ns", "maxns"], values) {
                let name = prefix.isEmpty ? name : prefix + name.prefix(1).uppercased() + name.dropFirst()
                fields.append((name, value))
            }
        }
        return "{" + fields.map { "\"\($0.0)\":\($0.1)" }.joined(separator: ",") + "}"
    }

    private static func percentiles(_ histogram: LatencyHistogram) -> [UInt64] {
        [50.0, 99.0, 99.9].map { histogram.valueAtPercentile($0) } + [histogram.max]
    }
}

extension LatencyHistogram {
    fileprivate var summary: String {
        "p50 \(valueAtPercentile(50))   p99 \(valueAtPercentile(99))   p99.9 \(valueAtPercentile(99.9))   max \(max)"
    }
}

extension Double {
    /// With a fixed number of digits after the point.
    func formatted(digits: Int) -> String { String(format: "%.\(digits)f", self) }

    /// Whole above a hundred, with commas between thousands.
    var grouped: String {
        if abs(self) < 100 { return formatted(digits: 2) }
        var text = String(format: "%.0f", self)
        var place = text.count - 3
        while place > 0 {
            text.insert(",", at: text.index(text.startIndex, offsetBy: place))
            place -= 3
        }
        return text
    }

    /// For machines: at most three digits after the point.
    fileprivate var plain: String { formatted(digits: abs(self) < 1000 ? 3 : 0) }
}
