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

    /// The bytes of each file that the store depends on: all of them, but of a log segment only those up to the log's end.
    private func liveBytes(_ disk: SimulatedFileSystem) throws -> [(path: String, count: Int)] {
        let state = try ManifestStore.recover(disk.clone(), "/store", readOnly: true).state
        let cut = try #require(state.logCuts.last)
        return disk.paths.compactMap { path in
            guard let size = disk.contents(path)?.count else { return nil }
            switch FileName(String(path.split(separator: "/").last ?? "")) {
            case .segment(cut.segment): return (path, Int(cut.endOffset))
            case .segment, .lock, .node, nil: return nil
            default: return (path, size)
            }
        }
    }

    @Test("any flipped byte gives right answers or an error that names the file, and verify finds it")
    func everyByteFlipped() throws {
        let (disk, expected) = try makeStore()
        #expect(try !check(disk.clone(), expected, "undamaged"))
        let files = try liveBytes(disk)
        for kind in [".log", ".sst", "CURRENT", "MANIFEST"] { #expect(files.contains { $0.path.contains(kind) }, "\(kind)") }
        var flips = 0
        for (path, count) in files {
            for offset in 0..<count {
                let copy = disk.clone()
                try copy.flipBits(path, at: UInt64(offset), mask: UInt8(1 << (offset % 8)))
                flips += 1
                _ = try check(copy, expected, "\(path) at \(offset)")
                let environment = EngineEnvironment(
                    fileSystem: copy, clock: SimulatedClock(), random: SeededRandom(seed: 9),
                    executor: SimulatedExecutor(seed: 9, clock: SimulatedClock()))
                let isWhole = (try? Engine.verify(at: "/store", environment: environment).isWhole) ?? false
                #expect(!isWhole, "verify does not find \(path) at \(offset)")
            }
        }
        print("flips: \(flips)")
    }
}
