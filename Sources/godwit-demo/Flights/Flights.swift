import ArgumentParser
import CommandSupport
import GodwitEngine

/// The main job on real input.
///
/// 1. Start a child that replays the flights and acknowledges each durable row; kill it in the middle.
/// 2. Reopen the store; check every acknowledged row.
/// 3. Start another child, which goes on to the end; check all features against a computation without a store.
/// 4. Time point reads of what was loaded.
struct Flights: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Replays real flights as feature upserts, kills the writer, checks everything.",
        discussion: """
            Example:
              godwit-demo flights --csv fixtures/flights-2013-01.csv --data ./demo-store
            """
    )

    @Option(help: ArgumentHelp("The flights.", valueName: "file")) var csv = "fixtures/flights-2013-01.csv"
    @Option(help: ArgumentHelp("Where the store is made; must not hold one.", valueName: "dir")) var data: String
    @Option(help: ArgumentHelp("Point reads to time.", valueName: "n")) var reads = 1_000_000

    func run() throws {
        let flights = try Flight.read(csv)
        guard flights.count >= 10 else {
            throw CommandFailure("\(csv) has \(flights.count) flights; the demo needs 10")
        }
        try makeStore()
        let checks = Checks()
        introduce(flights)

        print("\n1. A child process writes; it is killed in the middle")
        let killAt = Int.random(in: flights.count * 2 / 5...flights.count * 3 / 5)
        let acknowledged = try feed(flights.count, killAt: killAt)
        print(
            "  SIGKILL after \(acknowledged.grouped) of \(flights.count.grouped) rows had been acknowledged as durable")

        print("\n2. The store is opened again")
        try checkAfterKill(flights, acknowledged, checks)

        print("\n3. Another child goes on where the store says")
        let last = try feed(flights.count, killAt: nil)
        checks.expect(last == flights.count, "all \(flights.count.grouped) rows acknowledged")
        let keys = try checkEnd(flights, checks)

        print("\n4. Point reads")
        try timeReads(keys)
        try conclude(flights, acknowledged, keys.count, checks)
    }

    private func makeStore() throws {
        var options = EngineOptions()
        options.mode = .create
        try Engine.open(at: data, options: options).close()
    }

    private func introduce(_ flights: [Flight]) {
        let unknown = flights.count { $0.tailNumber == nil }
        print(
            """
            Godwit demo: \(flights.count.grouped) flights from New York in January 2013 become features of aircraft,
            carriers and routes: counts, means, last values. Each row is one atomic, synced batch.
            \(unknown.grouped) rows name no aircraft and change only carrier and route; a missing number stays missing.
            """)
    }

    /// Runs a child to its end, or to the row at which it is killed; returns the last row it acknowledged.
    private func feed(_ rows: Int, killAt: Int?) throws -> Int {
        let child = try ChildProcess(["feed", "--data", data, "--csv", csv])
        let progress = ProgressBar("  writing")
        var (pending, last, isKilled): ([UInt8], Int, Bool) = ([], 0, false)
        while let bytes = try child.read(), !bytes.isEmpty {
            pending += bytes
            for done in Acknowledgement.take(from: &pending) { last = Int(done.number) }
            progress.update(UInt64(last), of: UInt64(rows), note: "\(last.grouped) rows")
            if let killAt, last >= killAt, !isKilled {
                child.kill()
                isKilled = true
            }
        }
        progress.finish()
        let ending = child.wait()
        guard ending == (killAt == nil ? .exited(0) : .killed(9)) else {
            throw CommandFailure("the writing process ended unexpectedly: \(ending)")
        }
        return last
    }

    private func checkAfterKill(_ flights: [Flight], _ acknowledged: Int, _ checks: Checks) throws {
        let started = ContinuousClock.now
        let engine = try Engine.open(at: data)
        print("  recovered in \(Self.milliseconds(ContinuousClock.now - started)) ms")
        let rows = try FeedChild.rowsDone(engine)
        checks.expect(rows >= acknowledged, "nothing acknowledged is lost: the store holds rows 1 to \(rows.grouped)")
        checks.expect(
            rows <= acknowledged + 1,
            rows > acknowledged ? "the one row in flight arrived whole" : "the row in flight, if any, left no trace")
        let writes = flights[..<acknowledged].reduce(0) { $0 + $1.entities.count }
        let differing = try difference(engine, Recomputation(flights[..<rows]).features)
        checks.expect(
            differing == nil,
            differing ?? "\(writes.grouped) acknowledged upserts: every feature as computed without a store")
        try engine.close()
    }

    private func checkEnd(_ flights: [Flight], _ checks: Checks) throws -> [String] {
        let engine = try Engine.open(at: data)
        let expected = Recomputation(flights).features
        let differing = try difference(engine, expected)
        checks.expect(
            differing == nil,
            differing ?? "features of \(expected.count.grouped) entities equal an independent computation")
        try engine.close()
        return expected.keys.sorted()
    }

    /// The first difference between what the store holds and what it should hold; nil when there is none.
    private func difference(_ engine: Engine, _ expected: [String: Features]) throws -> String? {
        var left = expected
        var found: String?
        try engine.scan { key, value in
            let key = String(decoding: key.array, as: UTF8.self)
            if key == FeedChild.progressKey { return true }
            guard let features = left.removeValue(forKey: key) else {
                found = "`\(key)` should not be there"
                return false
            }
            guard let stored = try? Features.decode(value.array), stored == features else {
                found = "`\(key)` is \(String(decoding: value.array, as: UTF8.self)), expected \(features)"
                return false
            }
            return true
        }
        if found == nil, let missing = left.keys.min() { found = "`\(missing)` is missing" }
        for (key, features) in expected where found == nil {
            let stored: [UInt8]? = try engine.get(key)
            if try stored.map(Features.decode) != features { found = "a point read of `\(key)` differs from the scan" }
        }
        return found
    }

    private func timeReads(_ keys: [String]) throws {
        let engine = try Engine.open(at: data)
        try engine.flush()
        let latency = try ReadLatency.measure(engine, keys, reads: reads)
        print("  \(reads.grouped) reads of random entities, from tables, cached, one thread, nanoseconds:")
        print("                        p50      p99    p99.9")
        print("  as timed          " + latency.row(minus: 0))
        print("  less clock reads  " + latency.row(minus: latency.clockCost))
        print("  (timing a read takes two clock reads, \(latency.clockCost) ns here)")
        try engine.close()
    }

    private func conclude(_ flights: [Flight], _ acknowledged: Int, _ entities: Int, _ checks: Checks) throws {
        guard checks.allHeld else {
            print("\nFAILED: \(checks.failures) of the checks above did not hold.")
            throw ExitCode(1)
        }
        print(
            """

            All held. \(flights.count.grouped) flights became features of \(entities.grouped) entities; the writer was \
            killed with SIGKILL
            after \(acknowledged.grouped) rows; no acknowledged write was lost, none was half there, and every feature is
            what a computation without the store says. Look at the store:
              godwit get --data \(data) carrier/UA
              godwit scan --data \(data) --prefix route/JFK- --limit 5
            """)
    }

    private static func milliseconds(_ duration: Duration) -> Int {
        let (seconds, attoseconds) = duration.components
        return Int(seconds) * 1000 + Int(attoseconds / 1_000_000_000_000_000)
    }
}
