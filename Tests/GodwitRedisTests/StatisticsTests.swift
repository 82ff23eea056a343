import Deadline
import Foundation
import GodwitNode
import Testing

@testable import GodwitServer

/// What SLOWLOG, LATENCY and INFO tell of commands.
@Suite(.deadline(seconds: 120)) struct StatisticsTests {
    private let scratch = Scratch()

    /// Has all threads of the pool do something else for a second.
    private func occupyPool(_ node: TestNode) {
        for _ in 0..<4 { node.listener.executor.pool.submit { Thread.sleep(forTimeInterval: 1) } }
    }

    /// The arguments of the slow calls, newest first.
    private func slowCalls(_ client: TestClient) async throws -> [[String]] {
        try await client.call("SLOWLOG", "GET", "-1").values.map { $0.values[3].values.compactMap(\.text) }
    }

    @Test("the time that a command waits for the pool is its own, in a transaction too; for other nodes it is not")
    func waitsCount() async throws {
        let node = try await TestNode.start(scratch) { $0.coldReadTarget = 60_000_000_000 }
        let client = try await node.client()
        try await client.call("SET", "k", "v")
        try await client.call("CONFIG", "SET", "slowlog-log-slower-than", "500000")
        // The first write makes its database, which takes its time.
        try await client.call("SLOWLOG", "RESET")
        occupyPool(node)
        #expect(try await client.call("KEYS", "*") == .array([.bulk("k")]))
        #expect(try await slowCalls(client) == [["KEYS", "*"]])
        let keys = try #require(try await client.call("LATENCY", "HISTOGRAM", "keys").values.last)
        let buckets = try #require(keys.values.last)
        // One call, and in no bucket below half a second.
        #expect(keys.values[1] == .integer(1))
        guard case .integer(let least)? = buckets.values.first else { throw TestClient.Lost() }
        #expect(least > 500_000)
        #expect(try await client.call("WAIT", "1", "700") == .integer(0))
        #expect(try await client.call("PING") == .simple("PONG"))
        #expect(try await slowCalls(client) == [["KEYS", "*"]])

        try await client.call("CONFIG", "RESETSTAT")
        try await client.call("SLOWLOG", "RESET")
        for command in [["MULTI"], ["GET", "k"], ["INCR", "k"], ["KEYS", "k*"], ["GET", "k"]] {
            try await client.call(command)
        }
        occupyPool(node)
        #expect(try await client.call("EXEC").values.count == 4)
        #expect(try await slowCalls(client) == [["KEYS", "k*"]])
        // What ran before is counted once, though it ran again.
        let uses = try #require(try await client.call("INFO", "commandstats").text)
        #expect(uses.contains("cmdstat_get:calls=2,"))
        #expect(uses.contains("cmdstat_incr:calls=1,") && uses.contains("failed_calls=1"))
        #expect(try await client.call("INFO", "stats").text?.contains("total_error_replies:1\r\n") == true)
        try await node.stop()
    }

    @Test("SLOWLOG shows the commands of a transaction as they were, and of arguments all but what is secret")
    func shown() async throws {
        let node = try await TestNode.start(scratch)
        let client = try await node.client()
        try await client.call("CONFIG", "SET", "slowlog-log-slower-than", "0")
        for command in [
            ["MULTI"], ["SET", "k", "v"], ["AUTH", "bob", "sekret"], ["EXEC"],
            ["CONFIG", "SET", "slowlog-max-len", "100", "RequirePass", "sekret"], ["AUTH", "sekret"],
            ["HELLO", "2", "SETNAME", "me", "auth", "default", "sekret"], ["HELLO", "2", "AUTH", "sekret"],
            ["ACL", "SETUSER", "eve", ">sekret"], ["CONFIG", "SET", "requirepass", ""],
        ] {
            try await client.call(command)
        }
        let secret = "(redacted)"
        #expect(
            Array(try await slowCalls(client).reversed().dropFirst()) == [
                ["MULTI"], ["SET", "k", "v"], ["AUTH", secret, secret],
                ["CONFIG", "SET", "slowlog-max-len", "100", "RequirePass", secret], ["AUTH", secret],
                ["HELLO", "2", "SETNAME", "me", "auth", secret, secret], ["HELLO", "2", "AUTH", secret],
                ["ACL", "SETUSER", secret, secret], ["CONFIG", "SET", "requirepass", secret],
            ])
        try await node.stop()
    }

    @Test("INFO names each field once, says that there is no cluster, and calls no block a key")
    func info() async throws {
        let node = try await TestNode.start(scratch)
        let client = try await node.client()
        try await client.call("SET", "k", "v")
        let text = try #require(try await client.call("INFO", "everything").text)
        let names = text.split(separator: "\r\n").filter { !$0.hasPrefix("#") }.map { $0.prefix { $0 != ":" } }
        #expect(names.count > 40)
        #expect(Dictionary(grouping: names) { $0 }.filter { $0.value.count > 1 }.isEmpty)
        #expect(try await client.call("INFO", "cluster") == .bulk("# Cluster\r\ncluster_enabled:0\r\n"))
        #expect(try await client.call("INFO").text?.contains("# Cluster\r\ncluster_enabled:0\r\n") == true)
        #expect(!names.contains("keyspace_hits") && names.contains("godwit_block_cache_hits"))
        // Somebody who waits for other nodes is blocked.
        let waiting = try await node.client()
        waiting.send(TestClient.request(["WAIT", "1", "0"]))
        #expect(
            try await TestNode.eventually {
                try await client.call("INFO", "clients").text?.contains("blocked_clients:1\r\n") ?? false
            })
        try await node.stop()
    }
}
