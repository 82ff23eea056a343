/// What two sides gave in turns: A B A B.
struct Rounds {
    let godwit: [Double]
    let peer: [Double]

    /// Measures both sides `count` times in turns.
    static func measure(_ count: Int, godwit: () throws -> Double, peer: () throws -> Double) rethrows -> Rounds {
        var ours: [Double] = []
        var theirs: [Double] = []
        for _ in 0..<count {
            ours.append(try godwit())
            theirs.append(try peer())
        }
        return Rounds(godwit: ours, peer: theirs)
    }

    var godwitMedian: Double { Self.median(godwit) }
    var peerMedian: Double { Self.median(peer) }
    var ratio: Double { godwitMedian / peerMedian }

    /// A side against itself: half of how far its runs lie apart, over their median, the larger of both sides. nil
    /// where each ran once, which says nothing of how runs differ.
    var spread: Double? { godwit.count > 1 ? max(Self.spread(godwit), Self.spread(peer)) : nil }

    private static func spread(_ values: [Double]) -> Double {
        let middle = median(values)
        guard middle > 0, let least = values.min(), let most = values.max() else { return 0 }
        return (most - least) / 2 / middle
    }

    static func median(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        guard !sorted.isEmpty else { return 0 }
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }
}
