import Deadline
import Foundation
import GodwitEngine
import Testing

/// checkpoint, restore, verify and repair, as a shell sees them.
@Suite(.deadline(seconds: 300)) struct CareCommandTests {
    private let scratch = Scratch()
    private var data: String { scratch.path + "/store" }

    /// A store of 2,000 entries in tables; the value of a key says which key it is.
    private func fill() throws {
        let engine = try Engine.open(at: data)
        for number in 0..<2000 { try engine.put(key(number), value(number), durability: .buffered) }
        try engine.flush()
        try engine.close()
    }

    private func key(_ number: Int) -> String { "key\(10_000 + number)" }
    private func value(_ number: Int) -> String { "\(number):" + String(number * 7919, radix: 36) }

    private func tables() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: data).filter { $0.hasSuffix(".sst") }.map {
            data + "/" + $0
        }
    }

    private func flip(_ path: String, at offset: Int) throws {
        var bytes = try Data(contentsOf: URL(fileURLWithPath: path))
        bytes[offset] ^= 0x40
        try bytes.write(to: URL(fileURLWithPath: path))
    }

    @Test("a checkpoint restores to the same entries; the store goes on without touching it")
    func checkpoint() throws {
        try fill()
        let copy = scratch.path + "/copy"
        let restored = scratch.path + "/restored"
        let before = try Command.godwit(["scan", "--data", data]).output
        let made = try Command.godwit(["checkpoint", "--data", data, "--to", copy])
        #expect(made.status == 0, "\(made.errors)")
        try Command.godwit(["put", "--data", data, "later", "1"])
        let restore = try Command.godwit(["restore", "--from", copy, "--to", restored, "--new-store", "--json"])
        #expect(restore.status == 0, "\(restore.errors)")
        #expect(restore.text.contains("\"directory\" : \"\(restored)\""))
        #expect(try Command.godwit(["scan", "--data", restored]).output == before)
        #expect(try Command.godwit(["verify", "--data", copy]).status == 0)
        let twice = try Command.godwit(["restore", "--from", copy, "--to", restored])
        #expect(twice.status == 2 && twice.errors.contains("needs an empty directory"))
    }

    @Test("restore verifies every byte first, and leaves nothing of a damaged checkpoint")
    func damagedCheckpoint() throws {
        try fill()
        let copy = scratch.path + "/copy"
        let restored = scratch.path + "/restored"
        try Command.godwit(["checkpoint", "--data", data, "--to", copy])
        let table = try #require(FileManager.default.contentsOfDirectory(atPath: copy).first { $0.hasSuffix(".sst") })
        try flip(copy + "/" + table, at: 1000)
        let restore = try Command.godwit(["restore", "--from", copy, "--to", restored])
        #expect(restore.status == 2 && restore.errors.contains(table), "\(restore.errors)")
        #expect(!FileManager.default.fileExists(atPath: restored + "/CURRENT"))
    }

    @Test("stats counts entries, tables and bytes of each keyspace, for people and as JSON")
    func stats() throws {
        try fill()
        try Command.godwit(["put", "--data", data, "--keyspace", "other", "a", "1"])
        let text = try Command.godwit(["stats", "--data", data])
        #expect(text.status == 0 && text.text.contains("in tables   2000 entries, 1 tables"), "\(text.text)")
        let json = try Command.godwit(["stats", "--data", data, "--json"])
        let stats = try #require(try JSONSerialization.jsonObject(with: Data(json.output)) as? [String: Any])
        let keyspaces = try #require(stats["keyspaces"] as? [[String: Any]])
        #expect(keyspaces.map { $0["name"] as? String } == ["default", "other"])
        #expect(keyspaces.map { $0["entries"] as? Int } == [2000, 0])
        #expect(keyspaces.map { $0["memtableEntries"] as? Int } == [0, 1])
    }

    @Test("inspect describes log, table and manifest, and names damage by its offset")
    func inspect() throws {
        try fill()
        try Command.godwit(["put", "--data", data, "a", "1"])
        let files = try FileManager.default.contentsOfDirectory(atPath: data)
        let logs = try files.filter { $0.hasSuffix(".log") }.map {
            try Command.godwit(["inspect", "log", data + "/" + $0])
        }
        #expect(!logs.isEmpty && logs.allSatisfy { $0.status == 0 && $0.text.contains("nothing wrong") })
        #expect(logs.contains { $0.text.contains(": batch ") })
        let manifest = try Command.godwit(["inspect", "manifest", data + "/CURRENT"])
        #expect(manifest.status == 0 && manifest.text.contains("create keyspace 0 `default`"))
        let table = try #require(tables().first)
        let whole = try Command.godwit(["inspect", "table", table, "--json"])
        let json = try #require(try JSONSerialization.jsonObject(with: Data(whole.output)) as? [String: Any])
        #expect((json["properties"] as? [String: Any])?["entries"] as? Int == 2000)
        try flip(table, at: 3000)
        let damaged = try Command.godwit(["inspect", "table", table])
        #expect(damaged.status == 2 && damaged.text.contains("WRONG at byte "), "\(damaged.text)")
        #expect(damaged.errors.contains("\(table) is damaged"), "\(damaged.errors)")
        #expect(try Command.godwit(["inspect", "table", data + "/none.sst"]).status == 2)
    }

    @Test("verify: 0 for a whole store, 2 for a damaged one, naming file and offset")
    func verify() throws {
        try fill()
        let whole = try Command.godwit(["verify", "--data", data])
        #expect(whole.status == 0 && whole.text.hasPrefix("whole: "), "\(whole.errors)")
        let table = try #require(tables().first)
        try flip(table, at: 3000)
        let damaged = try Command.godwit(["verify", "--data", data])
        #expect(damaged.status == 2)
        #expect(damaged.text.contains("damaged: \(table)\n  at byte "), "\(damaged.text)")
        #expect(damaged.errors.contains("godwit repair"))
        let json = try Command.godwit(["verify", "--data", data, "--json"])
        let report = try #require(try JSONSerialization.jsonObject(with: Data(json.output)) as? [String: Any])
        #expect(json.status == 2 && report["whole"] as? Bool == false)
        #expect(try Command.godwit(["verify", "--data", scratch.path + "/none"]).status == 2)
    }

    @Test("repair keeps what is readable, lists what may be lost, and leaves a store that verifies")
    func repair() throws {
        try fill()
        let untouched = try Command.godwit(["repair", "--data", data])
        #expect(untouched.status == 0 && untouched.text == "whole: nothing was changed\n")
        try flip(try #require(tables().first), at: 3000)
        let repair = try Command.godwit(["repair", "--data", data])
        #expect(repair.status == 0, "\(repair.errors)")
        #expect(repair.text.contains("may be lost: default: \"key1"), "\(repair.text)")
        #expect(try Command.godwit(["verify", "--data", data]).status == 0)
        let left = try Command.godwit(["scan", "--data", data]).text.split(separator: "\n")
        #expect(left.count > 1000 && left.count < 2000)
        for line in left {
            let number = try #require(Int(line.dropFirst(3).prefix(5))) - 10_000
            #expect(line == "\(key(number))\t\(value(number))")
        }
    }

    /// The part of a log segment that counts: up to its last byte that is not zero, since the rest is laid out ahead.
    private func liveLength(_ bytes: Data) -> Int { (bytes.lastIndex { $0 != 0 } ?? -1) + 1 }

    @Test("200 damaged bytes of log, manifest and tables, one at a time: get is right or exits 2, verify exits 2")
    func damagedBytes() throws {
        var options = EngineOptions()
        options.segmentSize = 1 << 20
        let engine = try Engine.open(at: data, options: options)
        for number in 0..<2000 {
            try engine.put(key(number), value(number), durability: .buffered)
            if number == 1000 { try engine.flush() }
        }
        try engine.close()
        // Of the log the segments with records in them; those laid out ahead are not the store's yet.
        var files: [(path: String, whole: Data, live: Int)] = []
        for name in try FileManager.default.contentsOfDirectory(atPath: data).sorted()
        where name != "LOCK" && name != "NODE" {
            let path = data + "/" + name
            let whole = try Data(contentsOf: URL(fileURLWithPath: path))
            let live = name.hasSuffix(".log") ? liveLength(whole) : whole.count
            if !name.hasSuffix(".log") || live > 1000 { files.append((path, whole, live)) }
        }
        for kind in [".log", ".sst", "CURRENT", "/MANIFEST-"] {
            #expect(files.contains { $0.path.contains(kind) }, "\(kind)")
        }
        var seed = UInt64.random(in: 0...UInt64.max)
        print("damaged bytes: seed \(seed)")
        for round in 0..<200 {
            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let (path, whole, live) = files[round % files.count]
            let offset = Int(seed >> 33) % live
            let number = Int(seed >> 20) % 2000
            let place = "byte \(offset) of \(path), key \(number)"
            try flip(path, at: offset)
            let get = try Command.godwit(["get", "--data", data, key(number)])
            #expect(
                get.status == 2 || get.status == 0 && get.text == value(number), "\(place): \(get.status) \(get.text)")
            let verify = try Command.godwit(["verify", "--data", data])
            #expect(verify.status == 2, "\(place): \(verify.text)")
            try whole.write(to: URL(fileURLWithPath: path))
        }
        #expect(try Command.godwit(["verify", "--data", data]).status == 0)
    }
}
