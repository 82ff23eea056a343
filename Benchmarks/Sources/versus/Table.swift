import ArgumentParser
import CLmdb
import CRocks
import Foundation

/// All workloads, one row each.
struct Table: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measures every workload and prints a row for each.",
        discussion: "Example: versus table --quick --json result.json")

    @Flag(help: "A million keys and short runs, in place of the full table at five million.")
    var quick = false
    @Option(help: "How many keys, in place of the scale's own.")
    var keys: Int?
    @Option(help: "How many times each side runs, in place of the scale's own.")
    var rounds: Int?
    @Option(parsing: .upToNextOption, help: "Only workloads whose names begin so.")
    var only: [String] = []
    @Option(help: "Where the stores are made.")
    var data = "/tmp"
    @Option(help: "A file for one JSON object a row.")
    var json: String?
    @Option(help: "A file for the throughput over time of overwrite-sustained.")
    var timeline: String?

    func run() throws {
        var scale = quick ? Scale.quick : Scale.full
        if let keys { scale = scale.with(keys: keys) }
        if let rounds { scale.rounds = rounds }
        let report = try Report(json: json)
        let timeline = try timeline.map { try Timeline($0) }
        let begin = now()
        try Versus.withDirectory(in: data) { directory in
            let bench = Bench(scale, in: directory, only: only, report: report)
            let (rocks, lmdb) = (String(cString: rocks_version()), String(cString: lmdb_version_text()))
            print("RocksDB \(rocks), LMDB \(lmdb), \(scale.keys) keys")
            report.header()
            try measure(bench, timeline)
        }
        let seconds = Int((now() - begin) / 1_000_000_000)
        print("\(report.rows.count) rows in \(seconds / 60) min \(seconds % 60) s")
    }

    private func measure(_ bench: Bench, _ timeline: Timeline?) throws {
        let rows = Dataset(count: bench.scale.keys, valueLength: 100)
        if bench.wants("get-memtable") { try bench.memtableReads(rows.valueLength) }
        if bench.wants("put-synced-16") { try bench.putSynced(rows) }
        if bench.wants("load-sorted") { try bench.loadSorted(rows) }
        if bench.wants("open-clean") { try bench.openClean(rows.valueLength) }
        if bench.wants("get-uniform/1KiB", "put-buffered/1KiB") { try largerValues(bench) }
        try mainStores(bench, rows, timeline)
    }

    /// What is measured on the stores of the main data set, in the order in which it changes them.
    private func mainStores(_ bench: Bench, _ rows: Dataset, _ timeline: Timeline?) throws {
        let mixes = YcsbMix.allCases.contains { bench.wants("ycsb-\($0)") }
        guard
            mixes
                || bench.wants(
                    "put-buffered", "get-uniform", "get-zipfian", "get-sequential", "get-absent", "multiget-cached",
                    "multiget-cold", "scan-full", "space", "get-lmdb", "get-while-writing", "overwrite-sustained")
        else { return }
        let directories = try bench.putBuffered(rows)
        let settings = StoreSettings(memoryBudget: bench.roomyBudget(rows))
        var pair = try directories.open(settings)
        try pair.each {
            try $0.compact()
            $0.settle()
        }
        if bench.wants("space") { bench.space(pair, directories) }
        bench.cachedReads(pair, rows)
        if bench.wants("get-lmdb") { try bench.lmdbReads(pair.godwit, rows) }
        if bench.wants("get-uniform", "get-zipfian") {
            try pair.each { try $0.close() }
            pair = try directories.open(settings, peer: .rocksdbHyperClock)
            bench.hyperClockReads(pair, rows)
        }
        try pair.each { try $0.close() }
        if bench.wants("multiget-cold") { try bench.coldReads(directories, rows) }
        pair = try directories.open(settings)
        if bench.wants("get-while-writing") { bench.getWhileWriting(pair, rows) }
        bench.ycsb(pair, rows)
        if bench.wants("overwrite-sustained") { bench.overwriteSustained(pair, rows, timeline: timeline) }
        try pair.each { try $0.close() }
    }

    /// Reads and writes of values of 1 KiB, an eighth as many.
    private func largerValues(_ bench: Bench) throws {
        let rows = Dataset(count: bench.scale.keys / 8, valueLength: 1024)
        let directories = try bench.putBuffered(rows, suffix: "/1KiB")
        let pair = try directories.open(StoreSettings(memoryBudget: bench.roomyBudget(rows)))
        try pair.each { try $0.compact() }
        bench.cachedReads(pair, rows, suffix: "/1KiB")
        try pair.each { try $0.close() }
        [directories.godwit, directories.peer].forEach(bench.remove)
    }
}
