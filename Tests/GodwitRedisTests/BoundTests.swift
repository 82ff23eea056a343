import Deadline
import GodwitEngine
import GodwitNode
import Testing

@testable import GodwitServer

/// What one request, one reply and one transaction may take.
@Suite(.deadline(seconds: 180)) struct BoundTests {
    private let scratch = Scratch()

    private func isRefused(_ reply: RedisValue, _ words: String) -> Bool {
        guard case .error(let text) = reply else { return false }
        return text.contains(words)
    }

    @Test("a reply past its bound is an error, whatever it is made of, and the connection goes on")
    func largeReplies() async throws {
        let node = try await TestNode.start(scratch, memory: 128 << 20) { $0.maximumReply = 4 << 20 }
        let client = try await node.client()
        let value = String(repeating: "x", count: 1 << 20)
        for key in ["a", "b", "c"] { try await client.call("SET", key, value) }
        try await client.call("HSET", "small", "f", String(repeating: "x", count: 8000))
        try await client.call(["HSET", "large"] + (0..<5).flatMap { ["f\($0)", value] })
        for number in 0..<100 {
            try await client.call(["MSET"] + (0..<1000).flatMap { ["key/\(number)/\($0)", ""] })
        }
        let refused: [[String]] = [
            ["HRANDFIELD", "small", "-1000000", "WITHVALUES"], ["HRANDFIELD", "large", "-1000", "WITHVALUES"],
            ["MGET"] + Array(repeating: "a", count: 100_000), ["HMGET", "large"] + Array(repeating: "f1", count: 5),
            ["HGETALL", "large"], ["HVALS", "large"], ["KEYS", "*"], ["HSCAN", "large", "0", "COUNT", "1000"],
        ]
        for command in refused {
            let reply = try await client.call(command)
            #expect(isRefused(reply, "the reply would take more than 4194304 bytes"), "\(command[0]): \(reply)")
        }
        #expect(try await client.call("MGET", "a", "b", "c").values.count == 3)
        #expect(try await client.call(["HMGET", "large", "f0", "f1", "f2"]).values.count == 3)
        try await node.stop()
    }

    @Test("the values of an MGET that the disk has are not fetched without bound")
    func largeColdReplies() async throws {
        let node = try await TestNode.start(scratch, memory: 32 << 20) { $0.maximumReply = 4 << 20 }
        let client = try await node.client()
        let keys = (0..<60).map { "k\($0)" }
        for key in keys { try await client.call("SET", key, String(repeating: key, count: 1 << 19)) }
        try #require(node.node.engine).flush()
        #expect(isRefused(try await client.call(["MGET"] + keys + keys), "the reply would take more than"))
        #expect(try await client.call(["MGET"] + keys[10..<12]).values.count == 2)
        try await node.stop()
    }

    @Test("a transaction whose replies take too much together is given up, and nothing of it is written")
    func largeTransactionReplies() async throws {
        let node = try await TestNode.start(scratch) { $0.maximumReply = 4 << 20 }
        let client = try await node.client()
        try await client.call("SET", "a", String(repeating: "x", count: 1 << 20))
        try await client.call("MULTI")
        try await client.call("SET", "written", "1")
        for _ in 0..<5 { try await client.call("GET", "a") }
        #expect(
            isRefused(try await client.call("EXEC"), "EXECABORT Transaction discarded because of: the reply would take")
        )
        #expect(try await client.call("EXISTS", "written") == .integer(0))
        #expect(try await client.call("PING") == .simple("PONG"))
        try await node.stop()
    }

    @Test("what a transaction queues is bounded: past that it is refused, and takes no more memory")
    func largeTransactions() async throws {
        let node = try await TestNode.start(scratch) { $0.maximumRequest = 4 << 20 }
        let client = try await node.client()
        try await client.call("MULTI")
        let value = String(repeating: "x", count: 1 << 20)
        for _ in 0..<3 { #expect(try await client.call("SET", "a", value) == .simple("QUEUED")) }
        #expect(isRefused(try await client.call("SET", "a", value), "the transaction takes more than 4194304 bytes"))
        #expect(
            try await client.call("EXEC") == .error("EXECABORT Transaction discarded because of previous errors."))
        try await client.call("MULTI")
        client.send(String(repeating: "PING\r\n", count: 100_000))
        var refused = 0
        for _ in 0..<100_000 where try await client.reply().isError { refused += 1 }
        #expect(refused == 1)
        #expect(try await client.call("EXEC").isError)
        #expect(try await client.call("EXISTS", "a") == .integer(0))
        try await node.stop()
    }

    @Test("a request is bounded as a whole, not only each of its arguments")
    func largeRequests() async throws {
        let node = try await TestNode.start(scratch) { $0.maximumRequest = 4 << 20 }
        let client = try await node.client()
        let value = String(repeating: "x", count: 1 << 20)
        client.send(TestClient.request(["MSET"] + (0..<5).flatMap { ["k\($0)", value] }))
        #expect(try await client.reply() == .error("ERR Protocol error: too big request"))
        #expect(try await client.isClosed())
        let other = try await node.client()
        #expect(try await other.call(["MSET"] + (0..<3).flatMap { ["k\($0)", value] }) == .simple("OK"))
        try await node.stop()
    }

    @Test("what waits for all clients together is bounded: those with most are cut, others are served")
    func largeOutput() async throws {
        let node = try await TestNode.start(scratch, memory: 128 << 20) { $0.maximumOutput = 64 << 20 }
        let other = try await node.client()
        for key in 0..<24 { try await other.call("SET", "k\(key)", String(repeating: "x", count: 1 << 20)) }
        var slow: [TestClient] = []
        for _ in 0..<8 {
            let client = try await TestClient.connect(node.listener.address, reads: false)
            client.send(TestClient.request(["MGET"] + (0..<24).map { "k\($0)" }))
            slow.append(client)
        }
        #expect(
            try await TestNode.eventually {
                let stats = try await other.call("INFO", "stats").text ?? ""
                let line = stats.split(separator: "\r\n").first { $0.hasPrefix("client_output_buffer_limit") } ?? ""
                return (line.split(separator: ":").last.flatMap { Int($0) } ?? 0) >= 4
            })
        #expect(try await other.call("STRLEN", "k1") == .integer(1 << 20))
        try await node.stop()
    }

    @Test("a client that waits for other nodes and goes is waited for no more")
    func waitOfAGoneClient() async throws {
        let node = try await TestNode.start(scratch)
        let (client, other) = (try await node.client(), try await node.client())
        func blocked() async throws -> String {
            let lines = try await other.call("INFO", "clients").text?.split(separator: "\r\n") ?? []
            return String(lines.first { $0.hasPrefix("blocked_clients:") } ?? "")
        }
        client.send("SET a 1\r\nWAIT 3 0\r\n")
        #expect(try await client.reply() == .simple("OK"))
        #expect(try await TestNode.eventually { try await blocked() == "blocked_clients:1" })
        await client.close()
        #expect(try await TestNode.eventually { try await blocked() == "blocked_clients:0" })
        // The same for one that is paused.
        #expect(try await other.call("CLIENT", "PAUSE", "600000", "WRITE") == .simple("OK"))
        let paused = try await node.client()
        #expect(try await paused.call("PING") == .simple("PONG"))
        paused.send("SET paused 1\r\n")
        try await Task.sleep(for: .milliseconds(50))
        await paused.close()
        #expect(
            try await TestNode.eventually {
                try await other.call("CLIENT", "LIST").text?.split(separator: "\n").count == 1
            })
        #expect(try await other.call("CLIENT", "UNPAUSE") == .simple("OK"))
        #expect(try await other.call("EXISTS", "paused") == .integer(0))
        // One with a limit gets its answer when that is over, though it is asked about in parts.
        let begin = ContinuousClock.now
        try await other.call("SET", "a", "2")
        #expect(try await other.call("WAIT", "3", "1500") == .integer(0))
        #expect(ContinuousClock.now - begin >= .milliseconds(1500))
        try await node.stop()
    }

    @Test("a listener that stops answers what it has written")
    func stopAnswers() async throws {
        for round in 0..<10 {
            let scratch = Scratch()
            let node = try await TestNode.start(scratch) { $0.syncsAlways = true }
            var clients: [TestClient] = []
            for _ in 0..<20 { clients.append(try await node.client()) }
            try await clients[0].call("SET", "first", "1")
            for (number, client) in clients.enumerated() { client.send("SET k\(number) 1\r\n") }
            try await Task.sleep(for: .microseconds(200 * round))
            await node.listener.stop()
            let engine = try #require(node.node.engine)
            let keyspace = try #require(engine.keyspace("redis.0"))
            for (number, client) in clients.enumerated() {
                let isAnswered = (try? await client.reply(within: 2)) == .simple("OK")
                #expect(try engine.contains("k\(number)", in: keyspace) == isAnswered, "client \(number)")
            }
            try await node.node.close()
        }
    }

    @Test("small replies that wait count too: of clients that do not read, some are cut at the bound for all")
    func smallOutput() async throws {
        let node = try await TestNode.start(scratch) { $0.maximumOutput = 4 << 20 }
        let other = try await node.client()
        try await other.call("SET", "k", String(repeating: "x", count: 30_000))
        var slow: [TestClient] = []
        for _ in 0..<12 { slow.append(try await TestClient.connect(node.listener.address, reads: false)) }
        func cut() async throws -> Int { try #require(await node.listener.figures()).slowReadersCut }
        for _ in 0..<1500 where try await cut() == 0 {
            for client in slow { client.send(TestClient.request(["GET", "k"])) }
            try await Task.sleep(for: .milliseconds(2))
        }
        #expect(try await cut() > 0)
        #expect(try await other.call("STRLEN", "k") == .integer(30_000))
        try await node.stop()
    }

    /// A node with so many keys that the disk has, and most of which memory has not.
    private func coldKeys(_ count: Int, of length: Int) async throws -> TestNode {
        let node = try await TestNode.start(scratch, memory: 8 << 20) {
            $0.coldReadTarget = 60_000_000_000
            $0.maximumReply = 4 << 20
        }
        let client = try await node.client()
        let value = String(repeating: "v", count: length)
        let step = max(1, (1 << 20) / length)
        for start in stride(from: 0, to: count, by: step) {
            let pairs = (start..<min(count, start + step)).flatMap { ["k\($0)", value] }
            #expect(try await client.call(["MSET"] + pairs) == .simple("OK"))
        }
        try #require(node.node.engine).flush()
        return node
    }

    @Test("commands of thousands of keys that the disk has are carried out, and take little of the values")
    func manyColdKeys() async throws {
        let node = try await coldKeys(6000, of: 12_000)
        let (client, writer) = (try await node.client(), try await node.client())
        let keys = (0..<6000).map { "k\($0)" }
        for command in ["EXISTS", "TOUCH"] { #expect(try await client.call([command] + keys) == .integer(6000)) }
        #expect(try await client.call(["WATCH"] + keys) == .simple("OK"))
        #expect(try await client.call(["MSETNX"] + keys.flatMap { [$0, "1"] }) == .integer(0))
        // Nobody has to wait for it.
        client.send(TestClient.request(["EXISTS"] + keys))
        #expect(try await writer.call("SET", "other", "1") == .simple("OK"))
        #expect(try await client.reply() == .integer(6000))
        #expect(try await client.call(["DEL"] + keys[..<3000]) == .integer(3000))
        #expect(try await client.call(["UNLINK"] + keys) == .integer(3000))
        try await node.stop()
    }

    @Test("what a transaction has fetched is bounded, whatever it is fetched for")
    func largeColdTransactions() async throws {
        let node = try await coldKeys(60, of: 1 << 20)
        let client = try await node.client()
        try await client.call("MULTI")
        for key in 0..<60 { try await client.call("STRLEN", "k\(key)") }
        #expect(isRefused(try await client.call("EXEC"), "would read more than"))
        #expect(try await client.call("STRLEN", "k7") == .integer(1 << 20))
        try await node.stop()
    }
}
