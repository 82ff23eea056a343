import Foundation

/// How much is measured.
struct Scale {
    /// Rows of the main stores.
    var keys: Int
    /// Operations of one run of a point read.
    var reads: Int
    /// Operations of one run of `put-synced-16`, all threads together.
    var syncedPuts: Int
    /// Runs of each side.
    var rounds: Int
    /// Operations of one run of each mix of YCSB, all threads together: at least about 0.3 s of the faster engine.
    var ycsb: [YcsbMix: Int]
    /// Times the data is written by each run of `overwrite-sustained`.
    var overwrites: Int
    /// Seconds that `get-while-writing` takes on each side.
    var mixedSeconds: Double
    /// Bytes of the store of `open-clean`.
    var openBytes: Int

    /// A million keys, a few minutes.
    static let quick = Scale(
        keys: 1_000_000, reads: 300_000, syncedPuts: 20_000, rounds: 3,
        ycsb: [.a: 200_000, .b: 1_000_000, .c: 2_000_000, .d: 1_000_000, .e: 40_000, .f: 260_000], overwrites: 1,
        mixedSeconds: 2, openBytes: 128 << 20)
    /// The table of the targets.
    static let full = Scale(
        keys: 5_000_000, reads: 2_000_000, syncedPuts: 100_000, rounds: 3,
        ycsb: [.a: 1_000_000, .b: 1_500_000, .c: 2_000_000, .d: 1_500_000, .e: 100_000, .f: 1_000_000], overwrites: 4,
        mixedSeconds: 10, openBytes: 1 << 30)

    /// The same with another number of keys; runs of fewer operations where there are fewer keys.
    func with(keys: Int) -> Scale {
        var scale = self
        scale.keys = keys
        scale.reads = min(reads, keys)
        scale.ycsb = ycsb.mapValues { min($0, 2 * keys) }
        return scale
    }
}

/// What all workloads share: scale, place and report.
final class Bench {
    let scale: Scale
    let report: Report
    /// Names of workloads to run; all where empty.
    let only: [String]
    private let directory: String
    private var stores = 0

    init(_ scale: Scale, in directory: String, only: [String], report: Report) {
        self.scale = scale
        self.directory = directory
        self.only = only
        self.report = report
    }

    /// Whether any of some workloads is wanted.
    func wants(_ workloads: String...) -> Bool {
        only.isEmpty || workloads.contains { name in only.contains { name.hasPrefix($0) } }
    }

    /// A directory that does not exist yet; engines make it.
    func freshDirectory(_ kind: EngineKind) -> String {
        stores += 1
        return "\(directory)/\(stores)-\(kind.rawValue)"
    }

    func remove(_ path: String) { try? FileManager.default.removeItem(atPath: path) }

    /// Runs `body` on a fresh store, which is then closed and removed.
    func withFresh<R>(_ kind: EngineKind, _ settings: StoreSettings, _ body: (any Store) throws -> R) throws -> R {
        let path = freshDirectory(kind)
        defer { remove(path) }
        let store = try kind.open(path, settings)
        let result = try body(store)
        try store.close()
        return result
    }

    /// A budget that everything of a data set fits into several times.
    func roomyBudget(_ rows: Dataset) -> Int { (1 << 30) + rows.bytes * 2 }

    /// Measures a read of two loaded stores, in turns; both must have read the same. Latencies come from runs of their
    /// own, half as long.
    func compareReads(
        _ name: String, _ pair: Pair, peer: EngineKind = .rocksdb, orders: [[UInt32]], weight: Int = 1,
        latencies: Bool = true, _ operation: @escaping Operation
    ) {
        var digests: Set<Int64> = []
        let speed = { (store: any Store) -> Double in
            let outcome = run(store, orders, operation)
            digests.insert(outcome.digest)
            return outcome.perSecond * Double(weight)
        }
        // Once untimed, so that both begin warm.
        _ = (speed(pair.godwit), speed(pair.peer))
        let rounds = Rounds.measure(scale.rounds, godwit: { speed(pair.godwit) }, peer: { speed(pair.peer) })
        precondition(digests.count == 1, "\(name): the engines read different values")
        var row = Row(name, threads: orders.count, peer: peer, rounds)
        if latencies {
            let half = orders.map { Array($0.prefix($0.count / 2)) }
            row.latencies = (runTimed(pair.godwit, half, operation), runTimed(pair.peer, half, operation))
        }
        report.add(row)
    }
}

/// Two open stores with the same data.
struct Pair {
    let godwit: any Store
    let peer: any Store

    func each(_ body: (any Store) throws -> Void) rethrows {
        try body(godwit)
        try body(peer)
    }
}

/// Where the data of a pair is, for opening it again in other ways.
struct PairDirectories {
    let godwit: String
    let peer: String

    func open(_ settings: StoreSettings, peer kind: EngineKind = .rocksdb) throws -> Pair {
        Pair(godwit: try EngineKind.godwit.open(godwit, settings), peer: try kind.open(peer, settings))
    }
}

/// A point read of an existing row.
func getOperation(_ session: any Session, _ key: borrowing KeyBuffer, _ row: Int) -> Int64 {
    key.set(existing: row)
    return session.get(key.pointer)
}

/// A buffered or synced put of an existing row.
func putOperation(_ rows: Dataset, version: Int, synced: Bool = false) -> Operation {
    { session, key, row in
        key.set(existing: row)
        session.put(key.pointer, rows.value(row, version: version), synced: synced)
        return 0
    }
}
