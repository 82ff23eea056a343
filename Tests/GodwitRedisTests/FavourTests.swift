import Deadline
import GodwitEngine
import GodwitNode
import NIOCore
import Testing

@testable import GodwitServer

/// Clients that wait for one that must not be overtaken.
@Suite(.deadline(seconds: 60)) struct FavourTests {
    private let scratch = Scratch()

    /// Has others' writes wait for a client, as when they have overtaken it too often.
    private func favour(_ id: RedisValue, _ node: TestNode) async throws {
        let executor = node.listener.executor
        try await executor.loop.submit {
            executor.favoured = executor.clients.values.first { .integer($0.id) == id }
        }.get()
    }

    @Test("who waits for a client that is killed goes on after the command that killed it, and gets its own reply")
    func killed() async throws {
        for kill in [["CLIENT", "KILL", "USER", "bob"], ["ACL", "DELUSER", "bob"]] {
            let scratch = Scratch()
            let node = try await TestNode.start(scratch)
            let (first, waiting, killer) = (try await node.client(), try await node.client(), try await node.client())
            try await killer.call("ACL", "SETUSER", "bob", "on", "nopass", "+@all", "~*")
            #expect(try await first.call("AUTH", "bob", "any") == .simple("OK"))
            try await favour(try await first.call("CLIENT", "ID"), node)
            waiting.send(TestClient.request(["PING"]) + TestClient.request(["SET", "k", "v"]))
            #expect(try await waiting.reply() == .simple("PONG"))
            killer.send(TestClient.request(kill) + TestClient.request(["ECHO", "after"]))
            #expect(try await killer.reply() == .integer(1))
            #expect(try await killer.reply() == .bulk("after"))
            #expect(try await waiting.reply() == .simple("OK"))
            #expect(try await waiting.call("GET", "k") == .bulk("v"))
            #expect(try await first.isClosed())
            try await node.stop()
        }
    }

    @Test("a pause that meets the one that must not be overtaken ends for all", arguments: [true, false])
    func paused(before: Bool) async throws {
        let node = try await TestNode.start(scratch)
        let (first, second, other) = (try await node.client(), try await node.client(), try await node.client())
        let id = try await first.call("CLIENT", "ID")
        try await other.call("SET", "k", "0")
        if before { try await favour(id, node) }
        #expect(try await other.call("CLIENT", "PAUSE", "600000", "WRITE") == .simple("OK"))
        for client in [second, first] {
            client.send(TestClient.request(["PING"]) + TestClient.request(["INCR", "k"]))
            #expect(try await client.reply() == .simple("PONG"))
        }
        if !before { try await favour(id, node) }
        #expect(try await other.call("CLIENT", "UNPAUSE") == .simple("OK"))
        let replies = [try await first.reply(), try await second.reply()]
        // Whoever must not be overtaken goes first.
        #expect(replies == (before ? [.integer(2), .integer(1)] : [.integer(1), .integer(2)]))
        try await node.stop()
    }

    @Test("whoever waits for the end of a pause holds no snapshot meanwhile")
    func snapshotsLetGo() async throws {
        let node = try await TestNode.start(scratch)
        let (client, other) = (try await node.client(), try await node.client())
        let id = try await client.call("CLIENT", "ID")
        #expect(try await other.call("CLIENT", "PAUSE", "600000", "WRITE") == .simple("OK"))
        let executor = node.listener.executor
        let engine = try #require(node.node.engine)
        let paused = try #require(
            try await executor.loop.submit { executor.clients.values.first { .integer($0.id) == id } }.get())
        try await executor.loop.submit { paused.moment = try engine.snapshot() }.get()
        client.send(TestClient.request(["SET", "k", "v"]))
        #expect(
            try await TestNode.eventually {
                try await executor.loop.submit { executor.blocked.contains { $0 === paused } }.get()
            })
        #expect(try await executor.loop.submit { paused.moment == nil }.get())
        #expect(try await other.call("CLIENT", "UNPAUSE") == .simple("OK"))
        #expect(try await client.reply() == .simple("OK"))
        try await node.stop()
    }
}
