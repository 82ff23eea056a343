import ArgumentParser
import Foundation

/// One kind of operation on one engine, for a profiler.
struct Drive: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Runs one kind of operation over one engine: for profilers, and for counting calls.",
        discussion: "Example: perf record versus drive get --keys 1000000 --operations 5000000")

    /// What is run. Reads find a loaded, compacted, cached store.
    enum Kind: String, ExpressibleByArgument, CaseIterable {
        case put, get, absent, multiget, scan, load, merge
        case putSynced = "put-synced"
        case getMemtable = "get-memtable"
        case getUnfiltered = "get-unfiltered"
    }

    /// How many tables, each with all keys, `merge` makes one of.
    private static let mergedTables = 3

    @Argument(help: "What is run: \(Kind.allCases.map(\.rawValue).joined(separator: ", ")).")
    var kind: Kind
    @Option(help: "Which engine.")
    var engine = EngineKind.godwit
    @Option(help: "How many keys.")
    var keys = 1_000_000
    @Option(help: "How many operations; a scan counts as one, a batch of a multi-get as a hundred.")
    var operations = 1_000_000
    @Option(help: "On how many threads.")
    var threads = 1
    @Option(help: "How large values are.")
    var value = 100
    @Option(help: "Where the store is made.")
    var data = "/tmp"

    func run() throws {
        let rows = Dataset(count: keys, valueLength: value)
        let isMemtable = kind == .getMemtable
        let settings = StoreSettings(
            memoryBudget: (isMemtable ? 3 << 30 : 1 << 30) + rows.bytes * 2,
            memtableSize: isMemtable ? 512 << 20 : 64 << 20, hasFilters: kind != .getUnfiltered)
        try Versus.withDirectory(in: data) { directory in
            let store = try engine.open("\(directory)/store", settings)
            if kind == .load {
                let begin = now()
                try store.load(sorted: rows)
                show(now() - begin, keys)
            } else if kind == .merge {
                try prepare(store, rows)
                let begin = now()
                try store.compact()
                show(now() - begin, keys * Self.mergedTables)
            } else {
                try prepare(store, rows)
                let orders = (0..<threads).map { order(rows, seed: 71 + UInt64($0)) }
                let outcome = versus.run(store, orders, operation(rows))
                show(outcome.nanoseconds, operations * threads)
            }
            try store.close()
        }
    }

    private func show(_ nanoseconds: UInt64, _ count: Int) {
        print("\(kind.rawValue): \((Double(nanoseconds) / Double(count)).formatted(digits: 1)) ns an operation")
    }

    private func prepare(_ store: any Store, _ rows: Dataset) throws {
        switch kind {
        case .put, .putSynced, .load: return
        case .merge:
            for version in 0..<Self.mergedTables {
                _ = versus.run(store, [Order.sequential(keys, of: keys)], putOperation(rows, version: version))
                try store.flush()
            }
        case .getMemtable:
            _ = versus.run(store, [Order.permutation(of: keys, seed: 12)], putOperation(rows, version: 0))
        case .get, .getUnfiltered, .absent, .multiget, .scan:
            try store.load(sorted: rows)
            try store.compact()
            store.settle()
            _ = store.session().scan(from: nil, limit: .max)
            _ = versus.run(store, [Order.sequential(keys, of: keys)], getOperation)
        }
    }

    private func order(_ rows: Dataset, seed: UInt64) -> [UInt32] {
        switch kind {
        case .scan: [UInt32](repeating: 0, count: operations)
        case .multiget: Array(0..<UInt32(operations / 100))
        default: Order.uniform(operations, of: keys, seed: seed)
        }
    }

    private func operation(_ rows: Dataset) -> Operation {
        switch kind {
        case .put, .load, .merge: putOperation(rows, version: 1)
        case .putSynced: putOperation(rows, version: 1, synced: true)
        case .get, .getMemtable, .getUnfiltered: getOperation
        case .absent: absentOperation
        case .scan: { session, _, _ in session.scan(from: nil, limit: .max).sum }
        case .multiget: multiGetOperation(rows, Order.uniform(operations, of: keys, seed: 31), batch: 100)
        }
    }
}
