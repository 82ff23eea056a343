import Deadline
import GodwitEngine
import GodwitNode
import Testing

@testable import GodwitServer

/// What has become of a write when its reply leaves.
@Suite(.deadline(seconds: 120)) struct CommitTests {
    private let scratch = Scratch()

    /// Whether the log holds a row under a key, and durably.
    private func isDurable(_ key: String, _ node: TestNode) throws -> Bool {
        let engine = try #require(node.node.engine)
        var isThere = false
        for keyspace in engine.keyspaces {
            let value: [UInt8]? = try engine.get(key, in: keyspace)
            if value != nil { isThere = true }
        }
        return isThere && engine.durablePoint == engine.historyPoint
    }

    @Test("where writes are synced, what comes after one in a pipeline is on the disk too when it is answered")
    func syncedPipelines() async throws {
        let node = try await TestNode.start(scratch) { $0.syncsAlways = true }
        let client = try await node.client()
        for round in 0..<20 {
            client.send("SET a\(round) 1\r\nMULTI\r\nSET b\(round) 2\r\nEXEC\r\n")
            for _ in 0..<3 { _ = try await client.reply() }
            #expect(try await client.reply() == .array([.simple("OK")]))
            #expect(try isDurable("b\(round)", node))

            let pairs = (0..<600).flatMap { ["m\(round)/\($0)", "v"] }
            client.send(TestClient.request(["SET", "c\(round)", "1"]) + TestClient.request(["MSET"] + pairs))
            for _ in 0..<2 { #expect(try await client.reply() == .simple("OK")) }
            #expect(try isDurable("m\(round)/599", node))

            client.send("SET d\(round) 1\r\nKEYS d*\r\nSET e\(round) 1\r\n")
            for _ in 0..<3 { _ = try await client.reply() }
            #expect(try isDurable("e\(round)", node))
        }
        try await node.stop()
    }

    @Test("a transaction that is too large for a batch is given up as a whole, and says so once")
    func tooLargeTransaction() async throws {
        let node = try await TestNode.start(scratch)
        let client = try await node.client()
        try await client.call("MULTI")
        try await client.call("SET", "a", "1")
        for index in 0..<5 { try await client.call("SETRANGE", "s\(index)", "16777190", "x") }
        try await client.call("SET", "b", "2")
        guard case .error(let text) = try await client.call("EXEC") else {
            Issue.record("EXEC was carried out")
            return
        }
        #expect(text.hasPrefix("EXECABORT"))
        #expect(try await client.call("EXISTS", "a", "b", "s0", "s4") == .integer(0))
        #expect(try await client.call("SET", "a", "3") == .simple("OK"))
        try await node.stop()
    }

    @Test("a command that is too large for a batch is refused while somebody watches, and the node goes on")
    func tooLargeCommand() async throws {
        let node = try await TestNode.start(scratch, memory: 256 << 20)
        let (client, watcher) = (try await node.client(), try await node.client())
        try await watcher.call("WATCH", "k")
        let value = String(repeating: "x", count: 15 << 20)
        let pairs = (0..<5).flatMap { ["big\($0)", value] }
        client.send(TestClient.request(["SET", "a", "1"]) + TestClient.request(["MSET"] + pairs))
        _ = try await client.reply()
        guard case .error = try await client.reply() else {
            Issue.record("80 MB went into one batch")
            return
        }
        #expect(try await watcher.call("PING") == .simple("PONG"))
        #expect(try await client.call("EXISTS", "big0", "big4") == .integer(0))
        try await node.stop()
    }

    @Test("whoever says QUIT as the last request of a turn is not served further")
    func quitAtTheEndOfATurn() async throws {
        let node = try await TestNode.start(scratch)
        let client = try await node.client()
        client.send(String(repeating: "PING\r\n", count: 1023) + "QUIT\r\nSET after 1\r\n")
        #expect(try await client.isClosed())
        let other = try await node.client()
        #expect(try await other.call("EXISTS", "after") == .integer(0))
        try await node.stop()
    }

    @Test("a web page's request is closed before its lines are carried out")
    func crossProtocol() async throws {
        let node = try await TestNode.start(scratch)
        for first in ["POST / HTTP/1.1", "GET / HTTP/1.1"] {
            let client = try await node.client()
            client.send(first + "\r\nHost: localhost\r\n\r\nSET stolen 1\r\n")
            #expect(try await client.isClosed())
        }
        let other = try await node.client()
        #expect(try await other.call("EXISTS", "stolen") == .integer(0))
        try await node.stop()
    }

    @Test("the slow log takes any threshold, and shows no password")
    func slowLog() async throws {
        let node = try await TestNode.start(scratch)
        let client = try await node.client()
        #expect(
            try await client.call("CONFIG", "SET", "slowlog-log-slower-than", "\(Int.max)") == .simple("OK"))
        #expect(try await client.call("PING") == .simple("PONG"))
        try await client.call("CONFIG", "SET", "slowlog-log-slower-than", "0")
        try await client.call("AUTH", "default", "sekret")
        try await client.call("ACL", "SETUSER", "bob", "on", ">sekret")
        #expect(!"\(try await client.call("SLOWLOG", "GET"))".contains("sekret"))
        try await node.stop()
    }

    @Test("WAITAOF behind WAIT in a transaction asks for itself")
    func waitsWithin() async throws {
        let node = try await TestNode.start(scratch)
        let client = try await node.client()
        for round in 0..<20 {
            client.send("SET a \(round)\r\nMULTI\r\nWAIT 0 0\r\nWAITAOF 1 0 0\r\nEXEC\r\n")
            for _ in 0..<4 { _ = try await client.reply() }
            #expect(try await client.reply() == .array([.integer(0), .array([.integer(1), .integer(0)])]))
        }
        try await node.stop()
    }
}
