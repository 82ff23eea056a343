import Foundation

/// One line of the result: the same fields as those of `versus`.
struct Row: Encodable {
    let workload: String
    var threads = 1
    let peer: String
    let godwit: Double
    let peerValue: Double
    let unit: String
    /// Godwit over peer.
    let ratio: Double
    /// A side's own rounds: how far they are apart, as a share of their median.
    let spread: Double
    let target: String

    init(_ workload: String, peer: String, unit: String, target: String, _ godwit: [Double], _ peerValues: [Double]) {
        self.workload = workload
        self.peer = peer
        self.unit = unit
        self.target = target
        self.godwit = godwit.median
        peerValue = peerValues.median
        ratio = peerValue == 0 ? 0 : self.godwit / peerValue
        spread = max(godwit.spread, peerValues.spread)
    }
}

extension [Double] {
    var median: Double { isEmpty ? 0 : sorted()[count / 2] }

    var spread: Double {
        guard let least = self.min(), let most = self.max(), median > 0 else { return 0 }
        return (most - least) / median / 2
    }
}

/// Prints rows, and appends them to a file as JSON.
final class Report {
    private let json: String?

    init(_ json: String?) { self.json = json }

    func add(_ row: Row) throws {
        func text(_ value: Double) -> String { value >= 100 ? "\(Int(value))" : "\((value * 100).rounded() / 100)" }
        print(
            "\(row.workload): \(text(row.godwit)) \(row.unit), \(row.peer) \(text(row.peerValue)); ratio "
                + "\(text(row.ratio)), target \(row.target), spread \(text(row.spread * 100)) %")
        guard let json else { return }
        if !FileManager.default.fileExists(atPath: json) {
            _ = FileManager.default.createFile(atPath: json, contents: nil)
        }
        let file = try FileHandle(forWritingTo: URL(filePath: json))
        try file.seekToEnd()
        try file.write(contentsOf: JSONEncoder().encode(row) + [UInt8(ascii: "\n")])
        try file.close()
    }
}

/// Seconds of the machine's monotonic clock, the same in all processes.
func now() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}
