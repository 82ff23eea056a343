import Histogram

extension Bench {
    /// Runs of each side: enough for a spread, few enough for the largest row of all.
    private static let overwriteRounds = 2

    /// `overwrite-sustained`: the data several times over in random order, compaction running and finished; and what
    /// was written to the disk for it. Then the data once more for throughput over time, where that is wanted, and once
    /// more for latencies and the longest put, beside a thread that idles.
    func overwriteSustained(_ pair: Pair, _ rows: Dataset, timeline: Timeline?) {
        var (godwit, peer): ([WriteCosts], [WriteCosts]) = ([], [])
        for round in 0..<Self.overwriteRounds {
            let order = Order.uniform(rows.count * scale.overwrites, of: rows.count, seed: 51 + UInt64(round))
            godwit.append(.measure(pair.godwit, rows, order, version: 4 + round))
            peer.append(.measure(pair.peer, rows, order, version: 4 + round))
        }
        let once = Order.uniform(rows.count, of: rows.count, seed: 50)
        if let timeline {
            for (name, store) in [("godwit", pair.godwit), ("rocksdb", pair.peer)] {
                store.settle()
                timeline.record(name, store, once, putOperation(rows, version: 2))
            }
        }
        let own = pair.godwit as? GodwitStore
        let waits = own?.writersWaited ?? 0
        let timed = [pair.godwit, pair.peer].map { overwriteTimed($0, once, rows) }
        let waited = (own?.writersWaited ?? 0) - waits
        let name = "overwrite-sustained"
        var speed = Row(name, Rounds(godwit: godwit.map(\.perSecond), peer: peer.map(\.perSecond)))
        speed.latencies = (timed[0].latencies, timed[1].latencies)
        report.add(speed)
        let amplifications = Rounds(godwit: godwit.map(\.amplification), peer: peer.map(\.amplification))
        report.add(Row("\(name)/write-amplification", unit: "x", amplifications))
        let longest = timed.map { [Double($0.latencies.max) / 1e6] }
        report.add(Row("\(name)/longest-put", unit: "ms", Rounds(godwit: longest[0], peer: longest[1])))
        let gaps = timed.map { (Double($0.idleGap) / 1e6).formatted(digits: 2) }
        report.note("an idle thread's longest gap beside it: \(gaps[0]) ms with godwit, \(gaps[1]) ms with the peer")
        let times = [waited, own?.longestWait ?? 0].map { (Double($0) / 1e6).formatted(digits: 2) }
        report.note(
            "by its own timer godwit slowed or held the writer for \(times[0]) ms in all; the longest of these waits since it "
                + "was opened is \(times[1]) ms")
    }

    private func overwriteTimed(
        _ store: any Store, _ order: [UInt32], _ rows: Dataset
    ) -> (latencies: LatencyHistogram, idleGap: UInt64) {
        store.settle()
        let idle = IdleThread()
        let latencies = runTimed(store, [order], putOperation(rows, version: 3))
        return (latencies, idle.stop())
    }
}
