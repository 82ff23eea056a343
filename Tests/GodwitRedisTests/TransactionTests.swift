import Deadline
import GodwitEngine
import GodwitNode
import Testing

@testable import GodwitServer

/// Transactions that must wait for the disk and run again from the start.
@Suite(.deadline(seconds: 120)) struct TransactionTests {
    private let scratch = Scratch()

    /// Queues commands and says what EXEC answers.
    private func exec(_ client: TestClient, _ commands: [String]...) async throws -> RedisValue {
        client.send(([["MULTI"]] + commands + [["EXEC"]]).flatMap { TestClient.request($0) })
        #expect(try await client.reply() == .simple("OK"))
        for _ in commands { #expect(try await client.reply() == .simple("QUEUED")) }
        return try await client.reply()
    }

    @Test("a transaction that makes a large hash and reads all of it comes to its end")
    func largeHashWithin() async throws {
        let node = try await TestNode.start(scratch)
        let client = try await node.client()
        try await client.call("SET", "here", "1")
        let pairs = (0..<300).flatMap { ["f\($0)", "v"] }
        let replies = try await exec(
            client, ["HSET", "h"] + pairs, ["HGETALL", "h"], ["HSET", "other"] + pairs, ["HLEN", "other"],
            ["HKEYS", "other"], ["DEL", "h"], ["HSET", "h"] + pairs, ["HVALS", "h"]
        ).values
        #expect(replies.map(\.values.count) == [0, 600, 0, 0, 300, 0, 0, 300])
        #expect(replies.first == .integer(300))
        try await node.stop()
    }

    @Test("a transaction that asks for keys by chance more than once comes to its end")
    func keysByChance() async throws {
        let node = try await TestNode.start(scratch)
        let client = try await node.client()
        for number in 0..<50 { try await client.call("SET", String(repeating: "k", count: number) + "x", "1") }
        let command = ["RANDOMKEY"]
        for _ in 0..<20 {
            let replies = try await exec(client, command, ["PING"], command, ["DBSIZE"], command).values
            #expect(replies.count == 5)
            #expect(replies.allSatisfy { !$0.isError && $0 != .null })
        }
        try await node.stop()
    }

    @Test("a transaction that empties the database does not give itself up for what it watches")
    func flushesWhatItWatches() async throws {
        let node = try await TestNode.start(scratch)
        let (client, other) = (try await node.client(), try await node.client())
        for key in ["k", "l"] { try await client.call("SET", key, "1") }
        try await client.call("WATCH", "k", "l")
        try await other.call("WATCH", "k")
        let pairs = (0..<300).flatMap { ["f\($0)", "v"] }
        let replies = try await exec(client, ["FLUSHDB"], ["KEYS", "*"], ["HSET", "h"] + pairs, ["HKEYS", "h"]).values
        try #require(replies.count == 4)
        #expect(replies[0] == .simple("OK"))
        #expect(replies[1] == .array([]))
        #expect(replies[3].values.count == 300)
        // Whoever else watched is told.
        #expect(try await exec(other, ["PING"]) == .null)
        try await node.stop()
    }

    @Test("what nothing takes back is done once, however often the transaction around it must run")
    func doneOnce() async throws {
        let node = try await TestNode.start(scratch)
        let client = try await node.client()
        try await client.call("SET", "k", "1")
        try await client.call("SELECT", "1")
        try await client.call("SET", "there", "1")
        try await client.call("SELECT", "0")
        try await client.call("ACL", "SETUSER", "bob", "on", ">secret")
        let replies = try await exec(
            client, ["ACL", "DELUSER", "bob"], ["SELECT", "1"], ["KEYS", "*"], ["ACL", "SETUSER", "eve", ">a"],
            ["ACL", "SETUSER", "eve", "<a"], ["KEYS", "t*"], ["SELECT", "0"], ["KEYS", "*"]
        ).values
        let there = RedisValue.array([.bulk("there")])
        #expect(
            replies == [
                .integer(1), .simple("OK"), there, .simple("OK"), .simple("OK"), there, .simple("OK"),
                .array([.bulk("k")]),
            ])
        #expect(try await client.call("GET", "k") == .bulk("1"))
        try await node.stop()
    }

    @Test("a transaction sees one moment, though it waits for the disk and others write meanwhile")
    func oneMoment() async throws {
        let node = try await TestNode.start(scratch)
        let (client, writer) = (try await node.client(), try await node.client())
        try await writer.call("SET", "k", "0")
        let writes = Task {
            for number in 1...2000 { try await writer.call(["SET", "k\(number)", "1"]) }
        }
        for _ in 0..<200 {
            let replies = try await exec(client, ["KEYS", "*"], ["DBSIZE"], ["KEYS", "k*"]).values
            try #require(replies.count == 3)
            #expect(replies[0].values.count == replies[2].values.count)
            #expect(replies[1] == .integer(replies[0].values.count))
        }
        try await writes.value
        try await node.stop()
    }

    @Test("what was fetched for a command is not taken for what is there once others were let before it")
    func overtakenWhileWaiting() async throws {
        let node = try await TestNode.start(scratch, memory: 8 << 20) { $0.coldReadTarget = 60_000_000_000 }
        let (client, other) = (try await node.client(), try await node.client())
        let value = String(repeating: "v", count: 4000)
        for start in stride(from: 0, to: 20_000, by: 500) {
            let pairs = (start..<start + 500).flatMap { ["k\($0)", value] }
            #expect(try await client.call(["MSET"] + pairs) == .simple("OK"))
        }
        try await client.call(["HSET", "h"] + (0..<300).flatMap { ["f\($0)", "old"] })
        // The pool is busy, so that the fields to be copied come late.
        var scans: [TestClient] = []
        for _ in 0..<8 {
            let client = try await node.client()
            for _ in 0..<2 { client.send(TestClient.request(["KEYS", "nothing*"])) }
            scans.append(client)
        }
        client.send("PING\r\nCOPY h copied\r\n")
        #expect(try await client.reply() == .simple("PONG"))
        #expect(try await other.call("CLIENT", "PAUSE", "3000", "WRITE") == .simple("OK"))
        // Waits before the copy does, and so is carried out before it; and committed, for what follows it is a scan.
        other.send(
            TestClient.request(["HSET", "h"] + (0..<300).flatMap { ["f\($0)", "new"] })
                + TestClient.request(["KEYS", "nothing*"]))
        #expect(try await client.reply() == .integer(1))
        #expect(try await other.reply() == .integer(0))
        #expect(try await other.reply() == .array([]))
        #expect(try await client.call("HVALS", "copied").values.allSatisfy { $0 == .bulk("new") })
        for client in scans { for _ in 0..<2 { #expect(try await client.reply() == .array([])) } }
        try await node.stop()
    }

    @Test("a database is emptied in a time that grows with what is watched, not with its square")
    func flushedUnderWatches() async throws {
        let node = try await TestNode.start(scratch)
        let (client, watcher) = (try await node.client(), try await node.client())
        let keys = (0..<60_000).map { "key/\($0)" }
        try await client.call(["MSET"] + keys.flatMap { [$0, "1"] })
        #expect(try await watcher.call(["WATCH"] + keys) == .simple("OK"))
        let begin = ContinuousClock.now
        #expect(try await client.call("FLUSHDB") == .simple("OK"))
        #expect(ContinuousClock.now - begin < .seconds(5))
        #expect(try await exec(watcher, ["PING"]) == .null)
        try await node.stop()
    }
}
