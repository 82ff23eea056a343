import GodwitEngine
import GodwitNode
import Testing

@testable import GodwitServer

/// Commands on a node in this process. What each replies to the letter is shown beside redis-server (`Tests/redis`).
@Suite struct CommandTests {
    private let scratch = Scratch()

    @Test("what was written is there after a restart, with its deadlines")
    func restart() async throws {
        var node = try await TestNode.start(scratch)
        var client = try await node.client()
        _ = try await client.call("SET", "a", "1")
        _ = try await client.call("SET", "b", "2", "PXAT", "4000000000000")
        _ = try await client.call("HSET", "h", "f", "v")
        _ = try await client.call(["HSET", "large"] + (0..<300).flatMap { ["f\($0)", "v\($0)"] })
        _ = try await client.call("SELECT", "3")
        _ = try await client.call("SET", "a", "other")
        try await node.stop()
        node = try await TestNode.start(scratch)
        client = try await node.client()
        #expect(try await client.call("GET", "a") == .bulk("1"))
        #expect(try await client.call("PEXPIRETIME", "b") == .integer(4_000_000_000_000))
        #expect(try await client.call("HGET", "h", "f") == .bulk("v"))
        #expect(try await client.call("HLEN", "large") == .integer(300))
        #expect(try await client.call("HGET", "large", "f299") == .bulk("v299"))
        // A write that replaces a large hash blindly still removes its fields.
        #expect(try await client.call("SET", "large", "string") == .simple("OK"))
        let engine = try #require(node.node.engine)
        let fields = try #require(engine.keyspace("redis.0.fields"))
        var left = 0
        try engine.scan(in: fields) { _, _ in
            left += 1
            return true
        }
        #expect(left == 0)
        try await node.stop()
    }

    @Test("a transaction happens whole, a watched key that was written stops it, and errors within do not")
    func transactions() async throws {
        let node = try await TestNode.start(scratch)
        let (client, other) = (try await node.client(), try await node.client())
        _ = try await client.call("WATCH", "a")
        _ = try await client.call("MULTI")
        #expect(try await client.call("INCR", "a") == .simple("QUEUED"))
        #expect(try await client.call("HGET", "a", "f") == .simple("QUEUED"))
        #expect(try await client.call("INCR", "a") == .simple("QUEUED"))
        #expect(try await other.call("EXISTS", "a") == .integer(0))
        let replies = try await client.call("EXEC").values
        #expect(replies.count == 3)
        #expect(replies.first == .integer(1))
        #expect(replies.dropFirst().first?.isError ?? false)
        #expect(replies.last == .integer(2))
        _ = try await client.call("WATCH", "a")
        _ = try await other.call("SET", "a", "7")
        _ = try await client.call("MULTI")
        _ = try await client.call("SET", "a", "8")
        #expect(try await client.call("EXEC") == .null)
        #expect(try await client.call("GET", "a") == .bulk("7"))
        _ = try await client.call("MULTI")
        #expect(try await client.call("NOSUCH").isError)
        #expect(
            try await client.call("EXEC")
                == .error("EXECABORT Transaction discarded because of previous errors."))
        try await node.stop()
    }

    @Test("a transaction that must read the disk, scan or make a database runs whole all the same")
    func transactionThatWaits() async throws {
        let node = try await TestNode.start(scratch)
        let client = try await node.client()
        _ = try await client.call(["HSET", "large"] + (0..<300).flatMap { ["f\($0)", "v"] })
        for words in [
            ["MULTI"], ["HSET", "large", "new", "1"], ["HGETALL", "large"], ["SELECT", "5"], ["SET", "a", "1"],
            ["KEYS", "*"], ["SELECT", "0"], ["HDEL", "large", "new"], ["HLEN", "large"], ["INFO", "replication"],
            ["SELECT", "5"], ["DBSIZE"], ["WAIT", "1", "0"], ["SET", "b", "1"], ["DEL", "a"], ["SCAN", "0"],
            ["RANDOMKEY"], ["SET", "a", "1"], ["DEL", "b"], ["SET", "gone", "1", "PXAT", "1"], ["KEYS", "g*"],
        ] { _ = try await client.call(words) }
        let replies = try await client.call("EXEC").values
        try #require(replies.count == 20)
        #expect(replies[19] == .array([]))
        // Scans within see what the transaction has written.
        #expect(replies[14] == .array([.bulk("0"), .array([.bulk("b")])]))
        #expect(replies[15] == .bulk("b"))
        // Nobody waits within a transaction.
        #expect(replies[11] == .integer(0))
        #expect(replies[10] == .integer(1))
        #expect(try await client.call("GET", "a") == .bulk("1"))
        #expect(try await client.call("EXISTS", "large") == .integer(0))
        #expect(replies[0] == .integer(1))
        #expect(replies[1].values.count == 602)
        #expect(replies[4] == .array([.bulk("a")]))
        #expect(replies[7] == .integer(300))
        try await node.stop()
    }

    @Test("a follower serves reads and refuses writes, and goes on as a primary with large hashes known")
    func follower() async throws {
        let primary = try await TestNode.start(scratch)
        let follower = try await TestNode.start(scratch, region: "eu-west", following: primary.node)
        let (writer, reader) = (try await primary.client(), try await follower.client())
        _ = try await writer.call(["HSET", "large"] + (0..<300).flatMap { ["f\($0)", "v"] })
        _ = try await writer.call("SET", "a", "1", "PXAT", "4000000000000")
        #expect(try await writer.call("WAIT", "1", "5000") == .integer(1))
        #expect(try await writer.call("WAITAOF", "1", "1", "5000") == .array([.integer(1), .integer(1)]))
        #expect(try await TestNode.eventually { try await reader.call("GET", "a") == .bulk("1") })
        #expect(try await reader.call("PEXPIRETIME", "a") == .integer(4_000_000_000_000))
        #expect(try await reader.call("HGETALL", "large").values.count == 600)
        #expect(
            try await reader.call("SET", "a", "2") == .error("READONLY You can't write against a read only replica."))
        #expect(try await reader.call("ROLE").values.first == .bulk("slave"))
        #expect(try await writer.call("ROLE").values.first == .bulk("master"))
        #expect(try await writer.call("INFO", "replication").text?.contains("connected_slaves:1") ?? false)
        #expect(try await reader.call("REPLICAOF", "no", "one").text?.contains("godwit promote") ?? false)
        try await follower.node.promote(allowDataLoss: true)
        #expect(try await TestNode.eventually { try await reader.call("SET", "large", "s") == .simple("OK") })
        #expect(try await reader.call("GET", "large") == .bulk("s"))
        try await follower.stop()
        try await primary.stop()
    }

    @Test("a command that is refused spoils its transaction, and a refused EXEC ends it")
    func refusedTransactions() async throws {
        let primary = try await TestNode.start(scratch)
        let follower = try await TestNode.start(scratch, region: "eu-west", following: primary.node)
        let (writer, reader) = (try await primary.client(), try await follower.client())
        #expect(try await TestNode.eventually { try await reader.call("GET", "a") == .null })
        _ = try await reader.call("MULTI")
        #expect(try await reader.call("GET", "a") == .simple("QUEUED"))
        #expect(
            try await reader.call("SET", "a", "1")
                == .error("READONLY You can't write against a read only replica."))
        #expect(
            try await reader.call("EXEC")
                == .error("EXECABORT Transaction discarded because of previous errors."))
        _ = try await writer.call("MULTI")
        #expect(
            try await writer.call("EXEC", "0")
                == .error(
                    "EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command"))
        #expect(try await writer.call("SET", "a", "1") == .simple("OK"))
        try await follower.stop()
        try await primary.stop()
    }

    @Test("the last deadline there is can be set, shown and taken away")
    func lastDeadline() async throws {
        let node = try await TestNode.start(scratch)
        let client = try await node.client()
        _ = try await client.call("HSET", "h", "f", "v")
        #expect(try await client.call("PEXPIREAT", "h", "9223372036854775807") == .integer(1))
        #expect(try await client.call("PEXPIRETIME", "h") == .integer(.max))
        #expect(try await client.call("EXPIRETIME", "h") == .integer(9_223_372_036_854_776))
        #expect(try await client.call("PERSIST", "h") == .integer(1))
        #expect(try await client.call("EXPIRETIME", "h") == .integer(-1))
        try await node.stop()
    }

    @Test("bytes of a client's that are no text stand in an error as they came")
    func errorBytes() {
        let name: [UInt8] = [0xFF, 0xC3, 0x41, 0, 0x42]
        let text: ErrorText = "ERR unknown \(name.withSlice { Dispatch.clipped($0, 128) }) of \(3)\r\n"
        #expect(text.bytes == Array("ERR unknown ".utf8) + [0xFF, 0xC3, 0x41] + Array(" of 3\r\n".utf8))
        #expect(text.code == "ERR")
        #expect(text.withoutGenericCode.bytes.starts(with: "unknown".utf8))
        let reply = Reply(limit: 1024)
        reply.error(text)
        #expect(reply.bytes.slice.array.suffix(5) == [UInt8(ascii: "3"), 32, 32, 13, 10])
    }

    @Test("while clients are paused their requests wait, of all or of those that write, and are carried out after")
    func pause() async throws {
        let node = try await TestNode.start(scratch)
        let (client, other) = (try await node.client(), try await node.client())
        #expect(try await client.call("CLIENT", "PAUSE", "600000", "WRITE") == .simple("OK"))
        other.send(TestClient.request(["SET", "a", "1"]))
        #expect(try await client.call("GET", "a") == .null)
        try await Task.sleep(for: .milliseconds(100))
        #expect(try await client.call("EXISTS", "a") == .integer(0))
        #expect(try await client.call("CLIENT", "UNPAUSE") == .simple("OK"))
        #expect(try await other.reply() == .simple("OK"))
        #expect(try await client.call("CLIENT", "PAUSE", "300") == .simple("OK"))
        let begin = ContinuousClock.now
        #expect(try await client.call("GET", "a") == .bulk("1"))
        #expect(ContinuousClock.now - begin >= .milliseconds(250))
        try await node.stop()
    }

    @Test("replies to writes wait for the sync where that is asked for, and a pipeline is answered in order")
    func syncedWrites() async throws {
        let node = try await TestNode.start(scratch) { $0.syncsAlways = true }
        let client = try await node.client()
        client.send(
            (0..<200).flatMap { TestClient.request(["INCR", "a"]) + TestClient.request(["SET", "b\($0)", "1"]) })
        for number in 1...200 {
            #expect(try await client.reply() == .integer(number))
            #expect(try await client.reply() == .simple("OK"))
        }
        let engine = try #require(node.node.engine)
        #expect(engine.durablePoint.position == engine.position)
        try await node.stop()
    }

    @Test("HTTP reads the keyspaces of databases and does not write them")
    func databasesOverHTTP() throws {
        for name in Database.names(0) { #expect(throws: Failure.self) { try NodeWriter.checkWritable(name) } }
        try NodeWriter.checkWritable("default")
    }
}
