import Foundation
import GodwitEngine
import GodwitNode
import Testing

@testable import GodwitServer

/// Hashes small and large beside a model.
@Suite struct HashTests {
    private let scratch = Scratch()

    @Test("hashes of any size behave as dictionaries do, through growth, renames, copies and expiry")
    func model() async throws {
        var random = TestRandom(seed: testSeed())
        let node = try await TestNode.start(scratch)
        let client = try await node.client()
        var model: [String: [String: String]] = [:]
        for _ in 0..<3000 {
            let key = "h\(random.below(4))"
            let fields = (0...random.below(random.below(8) == 0 ? 120 : 4)).map { _ in "f\(random.below(400))" }
            switch random.below(13) {
            case 0...4:
                let value = String(repeating: "v", count: random.below(40))
                let fresh = Set(fields).subtracting(model[key, default: [:]].keys).count
                #expect(try await client.call(["HSET", key] + fields.flatMap { [$0, value] }) == .integer(fresh))
                for field in fields { model[key, default: [:]][field] = value }
            case 5, 6:
                let gone = Set(fields).intersection(model[key, default: [:]].keys)
                #expect(try await client.call(["HDEL", key] + fields) == .integer(gone.count))
                for field in gone { model[key]?[field] = nil }
                if model[key]?.isEmpty ?? false { model[key] = nil }
            case 7:
                let target = "h\(random.below(4))"
                let reply = try await client.call("RENAME", key, target)
                #expect(reply.isError == (model[key] == nil))
                if let moved = model[key], key != target {
                    model[target] = moved
                    model[key] = nil
                }
            case 8:
                let target = "h\(random.below(4))"
                let reply = try await client.call("COPY", key, target, "REPLACE")
                if key != target { #expect(reply == .integer(model[key] == nil ? 0 : 1)) }
                if let copied = model[key] { model[target] = copied }
            case 9:
                if random.below(6) == 0 {
                    _ = try await client.call("DEL", key)
                    model[key] = nil
                } else {
                    #expect(try await client.call("PEXPIRE", key, "100000") == .integer(model[key] == nil ? 0 : 1))
                }
            case 10:
                let replies = try await client.call(["HMGET", key] + fields).values
                #expect(replies == fields.map { model[key]?[$0].map { .bulk($0) } ?? .null })
            case 11:
                var found: [String: String] = [:]
                var cursor = "0"
                repeat {
                    let page = try await client.call("HSCAN", key, cursor, "COUNT", "50").values
                    cursor = page[0].text ?? "0"
                    for pair in stride(from: 0, to: page[1].values.count, by: 2) {
                        found[page[1].values[pair].text ?? ""] = page[1].values[pair + 1].text
                    }
                } while cursor != "0"
                #expect(found == model[key] ?? [:])
            default:
                let all = try await client.call("HGETALL", key).values.compactMap(\.text)
                var found: [String: String] = [:]
                for pair in stride(from: 0, to: all.count, by: 2) { found[all[pair]] = all[pair + 1] }
                #expect(found == model[key] ?? [:])
                #expect(try await client.call("HLEN", key) == .integer(model[key]?.count ?? 0))
            }
        }
        // Whatever has no head any more has left no rows.
        let engine = try #require(node.node.engine)
        var heads = 0
        var rows = 0
        var expected = 0
        let deadlines = try #require(engine.keyspace("redis.0.deadlines"))
        let fields = try #require(engine.keyspace("redis.0.fields"))
        try engine.scan(in: deadlines) { _, _ in
            heads += 1
            return true
        }
        try engine.scan(in: fields) { _, _ in
            rows += 1
            return true
        }
        var large = 0
        for (key, fields) in model where try await client.call("OBJECT", "ENCODING", key) == .bulk("hashtable") {
            large += 1
            expected += fields.count
        }
        #expect(heads == large)
        #expect(rows == expected)
        try await node.stop()
    }

    @Test("a hash becomes large at its threshold and stays so")
    func threshold() async throws {
        let node = try await TestNode.start(scratch)
        let client = try await node.client()
        for number in 0..<SmallHash.Bounds().fields { _ = try await client.call("HSET", "h", "f\(number)", "v") }
        #expect(try await client.call("OBJECT", "ENCODING", "h") == .bulk("listpack"))
        _ = try await client.call("HSET", "h", "one more", "v")
        #expect(try await client.call("OBJECT", "ENCODING", "h") == .bulk("hashtable"))
        for number in 0..<SmallHash.Bounds().fields { _ = try await client.call("HDEL", "h", "f\(number)") }
        #expect(try await client.call("HGETALL", "h") == .array([.bulk("one more"), .bulk("v")]))
        #expect(try await client.call("OBJECT", "ENCODING", "h") == .bulk("hashtable"))
        #expect(try await client.call("HDEL", "h", "one more") == .integer(1))
        #expect(try await client.call("EXISTS", "h") == .integer(0))
        try await node.stop()
    }

    @Test(
        "prints what hashes of many sizes cost in one row and in rows",
        .enabled(if: ProcessInfo.processInfo.environment["GODWIT_COSTS"] == "1"))
    func costs() async throws {
        for fields in [8, 32, 64, 128, 256, 512, 1024] {
            for isSmall in [true, false] {
                let costs = try await measure(fields, SmallHash.Bounds(fields: isSmall ? 1 << 20 : 0, bytes: 1 << 20))
                print("\(fields) fields, \(isSmall ? "one row" : "rows   "): \(costs)")
            }
        }
    }

    /// Microseconds a command in the executor, and bytes of log, on 2,000 hashes that are in memory.
    private func measure(_ fields: Int, _ bounds: SmallHash.Bounds) async throws -> String {
        var random = TestRandom(seed: 1)
        let scratch = Scratch()
        defer { withExtendedLifetime(scratch) {} }
        let node = try await TestNode.start(scratch, memory: 256 << 20) { $0.smallHash = bounds }
        let client = try await node.client()
        let engine = try #require(node.node.engine)
        let hashes = max(16, 65_536 / fields)
        let value = String(repeating: "v", count: 16)
        for hash in 0..<hashes {
            _ = try await client.call(
                ["HSET", "h\(hash)"] + (0..<fields).flatMap { ["feature_\($0)", value] })
        }
        var text = ""
        for (name, count) in [("hget", 1), ("hmget", 20), ("hset", 1)] {
            _ = try await client.call("CONFIG", "RESETSTAT")
            let before = engine.metrics.writes.logBytes
            for _ in 0..<40 {
                for _ in 0..<100 {
                    var words = [name, "h\(random.below(hashes))"]
                    for _ in 0..<count { words.append("feature_\(random.below(fields))") }
                    if name == "hset" { words.append(value) }
                    client.send(TestClient.request(words))
                }
                for _ in 0..<100 { _ = try await client.reply() }
            }
            let stats = try await client.call("INFO", "commandstats").text ?? ""
            let line = stats.split(separator: "\r\n").first { $0.hasPrefix("cmdstat_\(name):") } ?? ""
            let each = line.split(separator: ",").first { $0.hasPrefix("usec_per_call=") }?.dropFirst(14) ?? ""
            text += "\(name) \(each) µs  "
            if name == "hset" { text += "\((engine.metrics.writes.logBytes - before) / 4000) B of log" }
        }
        try await node.stop()
        return text
    }

    @Test("large hashes that have expired give their space back")
    func largeHashesExpiredGiveSpaceBack() async throws {
        let node = try await TestNode.start(scratch)
        let client = try await node.client()
        let fields = (0..<200).flatMap { ["f\($0)", String(repeating: "v", count: 100)] }
        for number in 0..<50 {
            _ = try await client.call(["HSET", "h\(number)"] + fields)
            _ = try await client.call("PEXPIRE", "h\(number)", number % 10 == 0 ? "100000000" : "300")
        }
        let engine = try #require(node.node.engine)
        let keyspace = try #require(engine.keyspace("redis.0.fields"))
        func rows() throws -> Int {
            var rows = 0
            try engine.scan(in: keyspace) { _, _ in
                rows += 1
                return true
            }
            return rows
        }
        #expect(try await TestNode.eventually { try rows() == 5 * 200 })
        #expect(try await client.call("HLEN", "h0") == .integer(200))
        #expect(try await client.call("EXISTS", "h1") == .integer(0))
        try engine.compact(in: keyspace)
        #expect(try engine.approximateSize(in: keyspace) < 5 * 200 * 130)
        try await node.stop()
    }

    @Test("a key that became a large hash before it was known that its database is new is not forgotten")
    func lateNews() {
        let keys = LargeKeys()
        let (key, other) = (Array("key".utf8), Array("other".utf8))
        key.withSlice { keys.insert(3, $0) }
        keys.isNew(3)
        #expect(key.withSlice { keys.mayContain(3, $0) })
        #expect(!keys.isEmpty(3))
        #expect(!other.withSlice { keys.mayContain(3, $0) })
        // What is known is not taken back.
        keys.isNew(4)
        key.withSlice { keys.insert(4, $0) }
        keys.isNew(4)
        #expect(key.withSlice { keys.mayContain(4, $0) })
    }

    @Test("the fields of a hash are told whatever its values take, in memory, on the disk and within a transaction")
    func fieldsAlone() async throws {
        let node = try await TestNode.start(scratch) { $0.maximumReply = 256 << 10 }
        let client = try await node.client()
        let fields = (0..<200).map { "f\(1000 + $0)" }
        for field in fields { try await client.call("HSET", "h", field, String(repeating: "x", count: 10_000)) }
        for isOnDisk in [false, true] {
            if isOnDisk { try #require(node.node.engine).flush() }
            #expect(try await client.call("HGETALL", "h").isError)
            #expect(try await client.call("HKEYS", "h").values.compactMap(\.text).sorted() == fields)
            #expect(try await client.call("HRANDFIELD", "h").text.map { fields.contains($0) } == true)
            #expect(try await client.call("HRANDFIELD", "h", "200").values.compactMap(\.text).sorted() == fields)
            #expect(try await client.call("HRANDFIELD", "h", "-300").values.count == 300)
            #expect(try await client.call("HRANDFIELD", "h", "200", "WITHVALUES").isError)
        }
        for command in [["MULTI"], ["HSET", "h", "fresh", "y"], ["HDEL", "h", fields[0]], ["HKEYS", "h"]] {
            try await client.call(command)
        }
        let replies = try await client.call("EXEC").values
        #expect(replies.last?.values.compactMap(\.text).sorted() == Array(fields.dropFirst()) + ["fresh"])
        try await node.stop()
    }
}
