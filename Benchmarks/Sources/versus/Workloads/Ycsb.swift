/// The six standard mixes of the Yahoo! Cloud Serving Benchmark (Cooper et al., 2010), on two threads: which share of
/// operations reads; what the others do; which rows are popular.
enum YcsbMix: String, CaseIterable {
    case a, b, c, d, e, f

    /// Operations of a hundred that only read.
    fileprivate var reads: Int {
        switch self {
        case .a, .f: 50
        case .b, .d, .e: 95
        case .c: 100
        }
    }

    /// Whether reads are short scans.
    fileprivate var scans: Bool { self == .e }
    /// Whether writes add rows rather than replacing some.
    fileprivate var inserts: Bool { self == .d || self == .e }

    /// Marks an operation that writes, beside the number of its row.
    fileprivate static let writeBit: UInt32 = 1 << 31

    /// Rows with the write bit set in as many as the mix has writes.
    fileprivate func kinds(_ rows: [UInt32], seed: UInt64) -> [UInt32] {
        var chance = Chance(seed: seed + 1000)
        return rows.map { chance.next() % 100 < UInt64(reads) ? $0 : $0 | Self.writeBit }
    }
}

extension Bench {
    /// `ycsb-a` to `ycsb-f`, one after the other on the same stores.
    func ycsb(_ pair: Pair, _ rows: Dataset) {
        for mix in YcsbMix.allCases where wants("ycsb-\(mix)") {
            let count = scale.reads / (mix.scans ? 40 : 4)
            let orders = (0..<2).map { thread in
                let seed = 60 + UInt64(thread)
                let rows =
                    mix == .d
                    ? Order.latest(count, of: rows.count, seed: seed) : Order.zipfian(count, of: rows.count, seed: seed)
                return mix.kinds(rows, seed: seed)
            }
            let operation = operation(mix, rows)
            let speed = { (store: any Store) in run(store, orders, operation).perSecond }
            let rounds = Rounds.measure(
                scale.rounds, godwit: { speed(pair.godwit) }, peer: { speed(pair.peer) })
            var row = Row("ycsb-\(mix)", threads: 2, rounds)
            row.latencies = (runTimed(pair.godwit, orders, operation), runTimed(pair.peer, orders, operation))
            report.add(row)
        }
    }

    private func operation(_ mix: YcsbMix, _ rows: Dataset) -> Operation {
        let (scans, inserts, readsFirst) = (mix.scans, mix.inserts, mix == .f)
        return { session, key, number in
            let row = number & ~Int(YcsbMix.writeBit)
            key.set(existing: row)
            if number == row {
                guard scans else { return session.get(key.pointer) }
                return session.scan(from: key.pointer, limit: 1 + Int(Chance.mix(UInt64(row)) % 100)).sum
            }
            if readsFirst { _ = session.get(key.pointer) }
            if inserts { key.set(absent: row) }
            session.put(key.pointer, rows.value(row, version: 9), synced: false)
            return 0
        }
    }
}
