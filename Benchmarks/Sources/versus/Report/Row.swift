/// One line of the result.
struct Row {
    var workload: String
    var threads = 1
    var peer: String
    var godwit: Double
    var peerValue: Double
    var unit: String
    /// nil where each side ran once.
    var spread: Double?
    var latencies: (godwit: LatencyHistogram, peer: LatencyHistogram)?

    /// Always Godwit over peer.
    var ratio: Double { peerValue == 0 ? 0 : godwit / peerValue }

    init(_ workload: String, threads: Int = 1, peer: EngineKind = .rocksdb, unit: String = "op/s", _ rounds: Rounds) {
        self.workload = workload
        self.threads = threads
        self.peer = peer.rawValue
        self.unit = unit
        godwit = rounds.godwitMedian
        peerValue = rounds.peerMedian
        spread = rounds.spread
    }
}

/// What a workload has to reach: a ratio of Godwit over its peer, or a value of Godwit's own.
enum Target {
    case atLeast(Double)
    case atMost(Double)
    case ownAtMost(Double)

    /// The targets of the project, by workload.
    static let all: [String: Target] = [
        "get-uniform": .atLeast(4), "get-zipfian": .atLeast(4), "get-while-writing": .atMost(0.33),
        "get-absent": .atLeast(2), "get-memtable": .atLeast(8), "get-lmdb": .atLeast(1),
        "multiget-cached": .atLeast(5), "multiget-cold": .atLeast(2), "put-buffered": .atLeast(3),
        "put-synced-16": .atLeast(2), "overwrite-sustained": .atLeast(1.5),
        "overwrite-sustained/write-amplification": .atMost(1), "overwrite-sustained/longest-put": .ownAtMost(10),
        "scan-full": .atLeast(2), "load-sorted": .atLeast(1.5), "space": .atMost(1.05), "open-clean": .atMost(0.5),
    ]

    /// The target as the table has it; a value of Godwit's own has the row's unit.
    func text(_ unit: String) -> String {
        switch self {
        case .atLeast(let ratio): "≥ \(ratio.formatted(digits: 2))"
        case .atMost(let ratio): "≤ \(ratio.formatted(digits: 2))"
        case .ownAtMost(let value): "≤ \(value.formatted(digits: 0)) \(unit)"
        }
    }

    /// Whether a row reaches the target even where its spread goes against it; parity passes at 0.95.
    func isReached(by row: Row) -> Bool {
        let spread = row.spread ?? 0
        return switch self {
        case .atLeast(let wanted): row.ratio * (1 - spread) >= (wanted == 1 ? 0.95 : wanted)
        case .atMost(let wanted): row.ratio * (1 + spread) <= wanted
        case .ownAtMost(let wanted): row.godwit * (1 + spread) <= wanted
        }
    }
}
