import Foundation
import GodwitSimulation
import Testing

@testable import GodwitEngine

@Suite("Damage anywhere in a store that was closed")
struct DamageTests {
    /// A small store with every kind of block: data compressed and not, index, filter, range deletes, log, manifest.
    private func makeStore() throws -> (disk: SimulatedFileSystem, expected: [String: String]) {
        let world = World(seed: 1)
        let engine = try world.open()
        var expected: [String: String] = [:]
        for index in 0..<60 {
            let key = "k\(100 + index)"
            expected[key] = "value \(index) \(index)"
            try engine.put(key, "value \(index) \(index)", durability: .buffered)
        }
        try engine.put("large", String(repeating: "0123456789", count: 600), durability: .buffered)
        expected["large"] = String(repeating: "0123456789", count: 600)
        try engine.flush()
        let snapshot = try engine.snapshot()
        try engine.deleteRange(from: "k110", to: "k120", durability: .buffered)
        for index in 10..<20 { expected["k\(100 + index)"] = nil }
        try engine.delete("k105", durability: .buffered)
        expected["k105"] = nil
        try engine.put("k106", "lives long", ttl: .seconds(1_000_000), durability: .buffered)
        expected["k106"] = "lives long"
        try engine.flush()
        for index in 0..<5 {
            try engine.put("m\(index)", "in the log", durability: .buffered)
            expected["m\(index)"] = "in the log"
        }
        #expect(try engine.keys(at: snapshot).count == 61)
        try engine.close()
        return (world.disk, expected)
    }

    /// Reads everything; an error must name a file, and what is read must be right.
    private func check(_ disk: SimulatedFileSystem, _ expected: [String: String], _ context: String) throws -> Bool {
        let clock = SimulatedClock(wallMilliseconds: 1_700_000_100_000)
        let environment = EngineEnvironment(
            fileSystem: disk, clock: clock, random: SeededRandom(seed: 9),
            executor: SimulatedExecutor(seed: 9, clock: clock))
        var errors = 0
        func note(_ error: EngineError) {
            errors += 1
            #expect(error.file != nil, "\(context): \(error)")
            #expect(error.code == .corruption || error.code == .unsupportedFormat, "\(context): \(error)")
        }
        do throws(EngineError) {
            var options = EngineOptions.small
            options.mode = .readOnly
            let engine = try Engine.open(at: "/store", options: options, environment: environment)
            for index in 0..<80 {
                for key in ["k\(100 + index)", "m\(index)", index == 0 ? "large" : "nothing"] {
                    do throws(EngineError) {
                        let found = try engine.text(key)
                        if found != expected[key] {
                            Issue.record("\(context): \(key) is \(found ?? "absent"), not \(expected[key] ?? "absent")")
                        }
                    } catch {
                        note(error)
                    }
                }
            }
            for reverse in [false, true] {
                var found: [String: String] = [:]
                let error = failure { () throws(EngineError) in
                    try engine.scan(reverse: reverse) { key, value in
                        found[String(decoding: key.withView { $0.array }, as: UTF8.self)] =
                            String(decoding: value.withView { $0.array }, as: UTF8.self)
                        return true
                    }
                }
                if let error { note(error) } else { #expect(found == expected, "\(context): a scan differs") }
            }
        } catch {
            note(error)
        }
        return errors > 0
    }

    @Test("any flipped bit gives right answers or an error that names the file, and never a wrong one")
    func everyByteFlipped() throws {
        let (disk, expected) = try makeStore()
        #expect(try !check(disk.clone(), expected, "undamaged"))
        var found = 0
        var flips = 0
        // Every byte where there is time (`GODWIT_SEEDS` is set); else some, others each time.
        let isSoak = ProcessInfo.processInfo.environment["GODWIT_SEEDS"] != nil
        let step = isSoak ? 1 : 29
        let first = isSoak ? 0 : Int.random(in: 0..<step)
        for path in disk.paths where !path.hasSuffix("LOCK") && !path.hasSuffix("NODE") {
            let size = disk.contents(path)?.count ?? 0
            // A log segment is mostly laid out ahead; what is live in it lies at the front.
            let live = path.hasSuffix(".log") ? min(size, 8192) : size
            for offset in stride(from: first, to: live, by: step) {
                let copy = disk.clone()
                try copy.flipBits(path, at: UInt64(offset), mask: UInt8(1 << (offset % 8)))
                flips += 1
                if try check(copy, expected, "\(path) at \(offset)") { found += 1 }
            }
        }
        print("flips: \(flips), found: \(found)")
        #expect(found > flips / 4)
    }
}
