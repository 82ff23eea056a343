/// One line of the result.
struct Row {
    var workload: String
    var threads = 1
    var peer: String
    var godwit: Double
    var peerValue: Double
    var unit: String
    var spread: Double
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

/// What a workload has to reach, as a ratio of Godwit over its peer.
enum Target {
    case atLeast(Double)
    case atMost(Double)

    /// The targets of the project, by workload.
    static let all: [String: Target] = [
        "get-uniform": .atLeast(4), "get-zipfian": .atLeast(4), "get-while-writing": .atMost(0.33),
        "get-absent": .atLeast(2), "get-memtable": .atLeast(8), "get-lmdb": .atLeast(1),
        "multiget-cached": .atLeast(5), "multiget-cold": .atLeast(2), "put-buffered": .atLeast(3),
        "put-synced-16": .atLeast(2), "overwrite-sustained": .atLeast(1.5),
        "overwrite-sustained/write-amplification": .atMost(1), "scan-full": .atLeast(2),
        "load-sorted": .atLeast(1.5), "space": .atMost(1.05), "open-clean": .atMost(0.5),
    ]

    var text: String {
        switch self {
        case .atLeast(let ratio): "≥ \(ratio.formatted(digits: 2))"
        case .atMost(let ratio): "≤ \(ratio.formatted(digits: 2))"
        }
    }

    /// Whether a ratio reaches the target even where the spread goes against it; parity passes at 0.95.
    func isReached(_ ratio: Double, spread: Double) -> Bool {
        switch self {
        case .atLeast(let wanted): ratio * (1 - spread) >= (wanted == 1 ? 0.95 : wanted)
        case .atMost(let wanted): ratio * (1 + spread) <= wanted
        }
    }
}
