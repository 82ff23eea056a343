import ArgumentParser
import Foundation
import Histogram

/// How costs grow with data and shrink with memory: a point for each engine, size and budget.
struct Curves: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measures both engines over sizes and memory budgets; goes on where it was interrupted.",
        discussion: """
            Example: versus curves --json curves.json

            Each point is a process and a line of the file, which names the points that need not be measured again. \
            Its data is in godwit-versus-curves below --data and is removed before the next, an interrupted one's too: \
            one command at a time for each --data. Takes hours, and up to 70 GB of disk for 20 million values of 1 KiB.
            """)

    @Option(help: "The file that results are added to.")
    var json: String
    @Option(help: "Where the stores are made.")
    var data = "/tmp"
    @Option(parsing: .upToNextOption, help: "Numbers of keys.")
    var keys = [1_000_000, 5_000_000, 20_000_000, 50_000_000]
    @Option(parsing: .upToNextOption, help: "Numbers of keys with values of over 100 bytes.")
    var largerKeys = [1_000_000, 5_000_000, 20_000_000]
    @Option(parsing: .upToNextOption, help: "Memory budgets in percent of the data.")
    var budgets = [10, 50, 100]
    @Option(parsing: .upToNextOption, help: "Bytes of a value.")
    var values = [100, 1024]

    func run() throws {
        let done = (try? String(contentsOfFile: json, encoding: .utf8)) ?? ""
        for value in values {
            for keys in value > 100 ? largerKeys : keys {
                for budget in budgets {
                    for engine in [EngineKind.godwit, .rocksdb] {
                        let name = PointName(engine: engine, keys: keys, budget: budget, value: value)
                        if done.contains(name.json) { continue }
                        print("\(engine.rawValue), \(keys) keys, budget \(budget) %, values of \(value) B")
                        try measure(name)
                    }
                }
            }
        }
    }

    private func measure(_ name: PointName) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: CommandLine.arguments[0])
        process.arguments = [
            "point", "--engine", name.engine.rawValue, "--keys", "\(name.keys)", "--budget", "\(name.budget)",
            "--value", "\(name.value)", "--data", data, "--json", json,
        ]
        try process.run()
        process.waitUntilExit()
        try StoreFailure.check(process.terminationStatus == 0, "a point failed; run again to go on")
    }
}

/// Which point of the curves.
struct PointName {
    let engine: EngineKind
    let keys: Int
    let budget: Int
    let value: Int

    /// How a line of the file begins.
    var json: String {
        "{\"engine\":\"\(engine.rawValue)\",\"keys\":\(keys),\"budgetPercent\":\(budget),\"valueBytes\":\(value),"
    }
}

/// One point of the curves, alone in its process so that its memory can be told.
struct Point: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Measures one point of the curves.", shouldDisplay: false)

    @Option var engine: EngineKind
    @Option var keys: Int
    @Option var budget: Int
    @Option var value: Int
    @Option var data: String
    @Option var json: String

    func run() throws {
        let rows = Dataset(count: keys, valueLength: value)
        let bytes = max(rows.bytes / 100 * budget, 16 << 20)
        // Past the page cache, which would answer for a small budget.
        let settings = StoreSettings(memoryBudget: bytes, memtableSize: min(64 << 20, bytes / 8), direct: true)
        try Versus.withDirectory(in: data, named: "curves") { directory in
            let store = try engine.open("\(directory)/store", settings)
            let load = WriteCosts.measure(store, rows, Order.permutation(of: keys, seed: 11), version: 1)
            let overwrite = WriteCosts.measure(store, rows, Order.uniform(keys, of: keys, seed: 12), version: 1)
            let size = ProcessCosts.diskBytes("\(directory)/store")
            let count = min(keys, budget < 100 ? 500_000 : 2_000_000)
            let reads = Order.uniform(count, of: keys, seed: 13)
            // What has just been written is cold in one engine and not in the other: reads fill the cache first.
            _ = versus.run(store, [Order.uniform(count, of: keys, seed: 14)], getOperation)
            let warm = versus.run(store, [reads], getOperation)
            let timed = runTimed(store, [Array(reads.prefix(count / 4))], getOperation)
            let line =
                PointName(engine: engine, keys: keys, budget: budget, value: value).json
                + "\"putsPerSecond\":\(Int(load.perSecond)),\"overwritesPerSecond\":\(Int(overwrite.perSecond)),"
                + "\"getsPerSecond\":\(Int(warm.perSecond)),\"p50ns\":\(timed.valueAtPercentile(50)),"
                + "\"p99ns\":\(timed.valueAtPercentile(99)),\"p999ns\":\(timed.valueAtPercentile(99.9)),"
                + "\"writeAmplification\":\(overwrite.amplification.formatted(digits: 2)),"
                + "\"spaceAmplification\":\((Double(size) / Double(rows.bytes)).formatted(digits: 2)),"
                + "\"residentBytes\":\(ProcessCosts.residentBytes)}\n"
            try store.close()
            try append(line)
        }
    }

    private func append(_ line: String) throws {
        if !FileManager.default.fileExists(atPath: json) {
            try StoreFailure.check(FileManager.default.createFile(atPath: json, contents: nil), "cannot write \(json)")
        }
        guard let file = FileHandle(forWritingAtPath: json) else { throw StoreFailure("cannot write \(json)") }
        file.seekToEndOfFile()
        file.write(Data(line.utf8))
    }
}

extension EngineKind: ExpressibleByArgument {}
