import Foundation
import GodwitSimulation
import Testing

@testable import GodwitEngine

/// How many seeds the random test runs: 60, or `GODWIT_SEEDS`.
private let seeds = ProcessInfo.processInfo.environment["GODWIT_SEEDS"].flatMap { Int($0) } ?? 60

@Suite("Repairing a store")
struct RepairTests {
    /// What a repaired store says of every key: opened, verified, read.
    private func contents(_ world: World) throws -> [String: String] {
        let report = try Engine.verify(at: "/store", environment: world.environment)
        #expect(report.isWhole, "\(report.damaged)")
        let engine = try world.open()
        var found: [String: String] = [:]
        for keyspace in engine.keyspaces {
            try engine.scan(in: keyspace) { key, value in
                let name = keyspace.name + "/" + String(decoding: key.withView { $0.array }, as: UTF8.self)
                found[name] = String(decoding: value.withView { $0.array }, as: UTF8.self)
                return true
            }
        }
        try engine.put("alive", "yes")
        try engine.compact()
        try engine.close()
        let after = try Engine.verify(at: "/store", environment: world.environment)
        #expect(after.isWhole, "\(after.damaged)")
        return found
    }

    private func isLost(_ key: String, _ report: RepairReport) -> Bool {
        report.lost.contains { range in
            guard key.hasPrefix(range.keyspace + "/") || range.keyspace == "unknown" else { return false }
            let bytes = Array(key.utf8.drop { $0 != UInt8(ascii: "/") }.dropFirst())
            return (range.from.map { $0.compareBytes(bytes) <= 0 } ?? true)
                && (range.through.map { $0.compareBytes(bytes) >= 0 } ?? true)
        }
    }

    /// Checks that all keys outside of the lost ranges are as they were.
    private func expect(_ model: [String: String], _ world: World, _ report: RepairReport, _ note: Comment) throws {
        let found = try contents(world)
        for (key, value) in model where !isLost(key, report) { #expect(found[key] == value, note) }
        for (key, value) in found where !isLost(key, report) { #expect(model[key] == value, note) }
    }

    private func state(_ world: World) throws -> ManifestState {
        try ManifestReader.recover(world.disk, "/store").state
    }

    @Test("a whole store is not changed, and neither is one that was killed")
    func whole() throws {
        for kill in [false, true] {
            let world = World(seed: 1)
            _ = try makeSample(world, close: !kill)
            if kill { world.crash() }
            _ = try Engine.verify(at: "/store", environment: world.environment)
            let before = world.disk.imageDigest
            let report = try Engine.repair(at: "/store", environment: world.environment)
            #expect(!report.hasRepaired && report.lost.isEmpty && report.setAside.isEmpty, "\(report.actions)")
            #expect(world.disk.imageDigest == before)
        }
    }

    @Test("a damaged table is rebuilt from what verifies in it, and kept aside")
    func damagedTable() throws {
        let origin = World(seed: 2)
        let model = try makeSample(origin)
        let tables = try state(origin).keyspaces.flatMap { $0.version.allTables }
        for table in tables {
            let path = FileName.table(table.number).path(in: "/store")
            let original = try #require(origin.disk.contents(path))
            for offset in stride(from: 0, to: original.count, by: original.count / 15) + [original.count - 1] {
                let world = World(copying: origin)
                try world.disk.flipBits(path, at: UInt64(offset))
                let report = try Engine.repair(at: "/store", environment: world.environment)
                #expect(report.hasRepaired)
                #expect(world.disk.contents("/store/damaged/" + path.split(separator: "/").last!) != nil)
                try expect(model, world, report, "table \(table.number) at \(offset): \(report.actions)")
            }
            for length in [0, 100, original.count / 2, original.count - 1] {
                let world = World(copying: origin)
                try world.disk.setContents(path, Array(original[..<length]))
                let report = try Engine.repair(at: "/store", environment: world.environment)
                try expect(model, world, report, "table \(table.number) cut at \(length): \(report.actions)")
            }
            let world = World(copying: origin)
            try world.disk.remove(path)
            let report = try Engine.repair(at: "/store", environment: world.environment)
            #expect(report.lost.count == 1)
            try expect(model, world, report, "table \(table.number) missing: \(report.actions)")
        }
    }

    @Test("of a table with one damaged block only the keys around it are lost, with or without its index")
    func isolation() throws {
        let world = World(seed: 3)
        let model = try makeSample(world)
        let table = try #require(try state(world).keyspaces[0].version.allTables.max { $0.size < $1.size })
        let path = FileName.table(table.number).path(in: "/store")
        try world.disk.flipBits(path, at: table.size / 4)
        let footer = try TableIdentity(path, world.disk).footer
        try world.disk.flipBits(path, at: footer.topOffset + 20)
        let report = try Engine.repair(at: "/store", environment: world.environment)
        #expect(report.lost.count == 1)
        let lost = model.keys.filter { isLost($0, report) }.count
        #expect(lost > 0 && lost < 400, "\(lost) keys")
        try expect(model, world, report, "\(report.actions)")
    }

    @Test("a manifest that is damaged anywhere, or gone, is made anew: with no table and no record lost")
    func damagedManifest() throws {
        let origin = World(seed: 4)
        let model = try makeSample(origin)
        let recovered = try ManifestReader.recover(origin.disk, "/store")
        let manifest = FileName.manifest(recovered.number).path(in: "/store")
        let current = FileName.current.path(in: "/store")
        var cases: [(String, (SimulatedFileSystem) throws -> Void)] = [
            ("no CURRENT", { try $0.remove(current) }),
            ("no manifest", { try $0.remove(manifest) }),
            (
                "neither",
                {
                    try $0.remove(current)
                    try $0.remove(manifest)
                }
            ),
            ("empty manifest", { try $0.setContents(manifest, []) }),
            ("CURRENT flipped", { try $0.flipBits(current, at: 17) }),
        ]
        for offset in stride(from: UInt64(0), to: recovered.length, by: 61) {
            cases.append(("flip at \(offset)", { try $0.flipBits(manifest, at: offset) }))
            cases.append(
                (
                    "flip at \(offset), no CURRENT",
                    {
                        try $0.flipBits(manifest, at: offset)
                        try $0.remove(current)
                    }
                ))
        }
        for (name, damage) in cases {
            let world = World(copying: origin)
            try damage(world.disk)
            let report = try Engine.repair(at: "/store", environment: world.environment)
            #expect(report.hasRepaired, "\(name)")
            #expect(!report.setAside.isEmpty || name == "neither", "\(name)")
            var found = try contents(world)
            for renamed in report.renamedKeyspaces {
                for (key, value) in found where key.hasPrefix(renamed + "/") {
                    found[key] = nil
                    found["planes/" + key.dropFirst(renamed.count + 1)] = value
                }
            }
            found["default/alive"] = nil
            #expect(found == model, "\(name): \(report.actions) \(found.count) \(model.count)")
        }
    }

    @Test("a damaged log is cut at the damage: what was before is there, what was in tables too, the bytes are kept")
    func damagedLog() throws {
        let origin = World(seed: 5)
        _ = try makeSample(origin)
        let state = try state(origin)
        let path = "/store/" + LogFormat.fileName(state.logFloor)
        let end = try #require(LogCuts(state.logCuts).cut(of: state.logFloor)).endOffset
        for offset in stride(from: UInt64(0), to: end, by: 997) {
            let world = World(copying: origin)
            try world.disk.flipBits(path, at: offset)
            let report = try Engine.repair(at: "/store", environment: world.environment)
            #expect(report.hasRepaired && report.lostRecords != nil, "at \(offset)")
            #expect(report.setAside.contains("/store/damaged/" + LogFormat.fileName(state.logFloor)))
            let found = try contents(world)
            // All that had been flushed is there, in this version or a newer one.
            for index in 0..<800 where !(500..<510).contains(index) {
                #expect(found["default/key\(1000 + index)"] != nil, "at \(offset): key \(index)")
            }
            #expect(found["default/key1505"] == nil)
        }
    }

    @Test(
        "whatever is damaged, repair makes a store that opens, verifies and says nothing that was never written",
        arguments: 1...seeds)
    func fuzz(seed: Int) throws {
        let origin = World(seed: 6)
        _ = try makeSample(origin)
        let world = World(copying: origin, seed: UInt64(seed))
        var random = TestRandom(seed: UInt64(seed))
        let paths = world.disk.paths.filter { $0.hasPrefix("/store/") && !$0.hasSuffix("LOCK") }
        for _ in 0..<(1 + random.below(6)) {
            let path = paths[random.below(paths.count)]
            guard let bytes = world.disk.contents(path), !bytes.isEmpty else { continue }
            switch random.below(6) {
            case 0: try world.disk.setContents(path, Array(bytes[..<random.below(bytes.count)]))
            case 1: try world.disk.setContents(path, [])
            default:
                let offset = UInt64(random.below(random.below(2) == 0 ? bytes.count : min(bytes.count, 20_000)))
                try world.disk.flipBits(path, at: offset, mask: UInt8(1 + random.below(255)))
            }
        }
        let report: RepairReport
        do throws(EngineError) {
            report = try Engine.repair(at: "/store", environment: world.environment)
        } catch {
            Issue.record("seed \(seed): \(error)")
            return
        }
        let found = try contents(world)
        for (key, value) in found where key != "default/alive" {
            let isKnown = ["first ", "second ", "third ", "p", "q"].contains { value.hasPrefix($0) }
            #expect(isKnown, "seed \(seed): \(key) = \(value) \(report.actions)")
        }
    }

    @Test(
        "a repair that loses power anywhere is done by the next one, and nothing damaged is gone",
        arguments: [true, false])
    func killed(manifestToo: Bool) throws {
        let origin = World(seed: 7)
        let model = try makeSample(origin)
        let recovered = try ManifestReader.recover(origin.disk, "/store")
        let table = try #require(recovered.state.keyspaces[0].version.allTables.max { $0.size < $1.size })
        let path = FileName.table(table.number).path(in: "/store")
        try origin.disk.flipBits(path, at: 100)
        if manifestToo {
            try origin.disk.flipBits(FileName.manifest(recovered.number).path(in: "/store"), at: recovered.length - 30)
        }
        let damaged = try #require(origin.disk.contents(path))
        var isDone = false
        var call = 0
        while !isDone {
            call += 7
            let world = World(copying: origin, seed: UInt64(call))
            world.disk.powerOff(afterCalls: call)
            isDone = (try? Engine.repair(at: "/store", environment: world.environment)) != nil
            world.disk.crash()
            let report = try Engine.repair(at: "/store", environment: world.environment)
            let kept = world.disk.paths.filter { $0.hasPrefix("/store/damaged/") }
            #expect(kept.contains { world.disk.contents($0) == damaged }, "call \(call): \(kept)")
            let found = try contents(world)
            let first = try Engine.repair(at: "/store", environment: World(copying: origin).environment)
            _ = report
            for (key, value) in model where !isLost(key, first) { #expect(found[key] == value, "call \(call): \(key)") }
        }
        #expect(call > 20)
    }

    @Test("on the computer's own disk: a damaged store is repaired and read")
    func realDisk() throws {
        let directory = TemporaryDirectory()
        let path = directory.path + "/store"
        let engine = try Engine.open(at: path, options: .small)
        for index in 0..<5000 { try engine.put("key\(10_000 + index)", "value \(index)", durability: .buffered) }
        try engine.flush()
        try engine.close()
        let files = PosixFileSystem()
        let name = try #require(try files.list(path).first { $0.hasSuffix(".sst") })
        let file = try files.open(path + "/" + name, .readWrite)
        try [UInt8](repeating: 7, count: 50).withView { (bytes) throws(EngineError) in
            try file.writeFully(bytes, at: 5000)
        }
        #expect(try !Engine.verify(at: path).isWhole)
        let report = try Engine.repair(at: path)
        #expect(report.lost.count == 1 && report.setAside == [path + "/damaged/" + name])
        #expect(try Engine.verify(at: path).isWhole)
        let again = try Engine.open(at: path, options: .small)
        var count = 0
        try again.scan { _, _ in
            count += 1
            return true
        }
        #expect(count > 4000 && count < 5000)
        try again.close()
    }
}
