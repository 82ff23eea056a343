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

    /// A side against itself: the furthest that one of its runs lies from its median, the larger of both sides. nil
    /// where each ran once, which says nothing of how runs differ.
    var spread: Double? { godwit.count > 1 ? max(Self.spread(godwit), Self.spread(peer)) : nil }

    private static func spread(_ values: [Double]) -> Double {
        let middle = median(values)
        guard middle > 0 else { return 0 }
        // Of three or more runs the worst is left out: one that something else disturbed says nothing of the others.
        let far = values.map { abs($0 / middle - 1) }.sorted()
        return far.count > 2 ? far[far.count - 2] : far.last ?? 0
    }

    static func median(_ values: [Double]) -> Double {
        let sorted = values.sorted()
        guard !sorted.isEmpty else { return 0 }
        let middle = sorted.count / 2
        return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
    }
}
