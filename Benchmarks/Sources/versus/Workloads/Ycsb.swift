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
    /// Whether what was inserted last is read most, in place of a fixed set of popular rows.
    fileprivate var readsLatest: Bool { self == .d }
}

extension Bench {
    /// `ycsb-a` to `ycsb-f`, one after the other on the same stores.
    func ycsb(_ pair: Pair, _ rows: Dataset) {
        var inserted = 0
        for mix in YcsbMix.allCases where wants("ycsb-\(mix)") {
            let each = scale.ycsb[mix]! / YcsbPlan.threads
            var plan = YcsbPlan(mix, rows: rows.count, each: each, inserted: inserted)
            let operation = operation(mix, rows)
            // Where a run inserts, the next one has an order of its own; both sides have the same.
            var orders: [[[UInt32]]] = []
            for _ in 0...scale.rounds { orders.append(mix.inserts || orders.isEmpty ? plan.next() : orders[0]) }
            var turns = (godwit: 0, peer: 0)
            let rounds = Rounds.measure(
                scale.rounds,
                godwit: {
                    defer { turns.godwit += 1 }
                    return run(pair.godwit, orders[turns.godwit], operation).perSecond
                },
                peer: {
                    defer { turns.peer += 1 }
                    return run(pair.peer, orders[turns.peer], operation).perSecond
                })
            var row = Row("ycsb-\(mix)", threads: YcsbPlan.threads, rounds)
            // Latencies need no run as long as throughput does.
            let last = orders[scale.rounds].map { Array($0.prefix(scale.reads / 4)) }
            row.latencies = (runTimed(pair.godwit, last, operation), runTimed(pair.peer, last, operation))
            report.add(row)
            inserted = plan.inserted
        }
    }

    private func operation(_ mix: YcsbMix, _ rows: Dataset) -> Operation {
        let (scans, readsFirst) = (mix.scans, mix == .f)
        return { session, key, number in
            let place = number & ~Int(YcsbPlan.writeBit)
            key.set(number: place)
            if number == place {
                guard scans else { return session.get(key.pointer) }
                return session.scan(from: key.pointer, limit: 1 + Int(Chance.mix(UInt64(place)) % 100)).sum
            }
            if readsFirst { _ = session.get(key.pointer) }
            session.put(key.pointer, rows.value(place / 2, version: 9), synced: false)
            return 0
        }
    }
}

/// Draws the orders of a mix: keys' numbers, with a bit set where the operation writes.
///
/// An insert takes a key that is not there yet, spread over the range between those that are: the odd number after a
/// row that no other insert of any run takes. "Latest" counts from a thread's own last insert down, then from the last
/// of the loaded rows, so that what is read was there before.
private struct YcsbPlan {
    static let threads = 2
    /// Marks an operation that writes.
    static let writeBit: UInt32 = 1 << 31
    /// A prime over all numbers of rows: its multiples visit every row once.
    private static let stride = 2_654_435_761

    private let mix: YcsbMix
    private let rows: Int
    private let each: Int
    private let popularity: Zipf
    private var chances: [Chance]
    /// How many rows were inserted, by earlier mixes too.
    private(set) var inserted: Int

    init(_ mix: YcsbMix, rows: Int, each: Int, inserted: Int) {
        self.mix = mix
        self.rows = rows
        self.each = each
        self.inserted = inserted
        popularity = Zipf(rows)
        chances = (0..<Self.threads).map { Chance(seed: 60 + UInt64($0)) }
    }

    /// The order of each thread for one run.
    mutating func next() -> [[UInt32]] {
        let first = inserted
        var orders: [[UInt32]] = []
        for thread in 0..<Self.threads {
            var own: [UInt32] = []
            orders.append(
                (0..<each).map { _ in
                    if chances[thread].next() % 100 < UInt64(mix.reads) { return read(thread, own) }
                    guard mix.inserts else { return popular(thread) | Self.writeBit }
                    own.append(insertion(first + own.count * Self.threads + thread))
                    return own[own.count - 1] | Self.writeBit
                })
            inserted = max(inserted, first + own.count * Self.threads)
        }
        return orders
    }

    private mutating func read(_ thread: Int, _ own: [UInt32]) -> UInt32 {
        guard mix.readsLatest else { return popular(thread) }
        let rank = popularity.rank(chances[thread].unit())
        return rank < own.count ? own[own.count - 1 - rank] : UInt32(2 * max(0, rows - 1 - (rank - own.count)))
    }

    /// A popular row, the popular ones spread over the key range.
    private mutating func popular(_ thread: Int) -> UInt32 {
        let rank = popularity.rank(chances[thread].unit())
        return UInt32(2 * (Chance.mix(UInt64(rank)) % UInt64(rows)))
    }

    /// The key of the insert of a number.
    private func insertion(_ number: Int) -> UInt32 { UInt32(2 * (number * Self.stride % rows) + 1) }
}
