import Deadline
import GodwitEngine
import GodwitNode
import NIOConcurrencyHelpers
import Testing

@testable import GodwitServer

/// What clients of a follower see of the primary's writes.
@Suite(.deadline(seconds: 120)) struct FollowerTests {
    private let scratch = Scratch()
    private static let fields = (0..<300).map { "f\($0)" }

    private func pair() async throws -> (primary: TestNode, follower: TestNode) {
        let primary = try await TestNode.start(scratch)
        let writer = try await primary.client()
        try await writer.call("SET", "begun", "1")
        let follower = try await TestNode.start(scratch, region: "eu-west", following: primary.node)
        let reader = try await follower.client()
        try #require(try await TestNode.eventually { try await reader.call("GET", "begun") == .bulk("1") })
        return (primary, follower)
    }

    /// Writes batches that each change everything, until told to stop.
    private func write(_ node: TestNode, _ isOver: NIOLockedValueBox<Bool>) async throws -> Int {
        let client = try await node.client()
        try await client.call("SET", "here", "1")
        var round = 0
        while !isOver.withLockedValue({ $0 }) {
            round += 1
            let hash = Self.fields.flatMap { [$0, "\(round)"] }
            let batches = [
                [["SET", "a", "\(round)"], ["SET", "b", "\(round)"]],
                [["HSET", "same"] + hash],
                [["DEL", "fresh"], ["HSET", "fresh"] + hash],
                [["RENAME", "here", "there"]],
                [["RENAME", "there", "here"]],
            ]
            for batch in batches {
                client.send(([["MULTI"]] + batch + [["EXEC"]]).flatMap { TestClient.request($0) })
                for _ in 0..<(batch.count + 1) { _ = try await client.reply() }
                guard case .array = try await client.reply() else { throw TestClient.Lost() }
            }
        }
        await client.close()
        return round
    }

    @Test("one command, and one EXEC, sees a batch of the primary's whole or not at all")
    func oneMoment() async throws {
        let (primary, follower) = try await pair()
        let isOver = NIOLockedValueBox(false)
        let writer = Task { try await write(primary, isOver) }
        let reader = try await follower.client()
        #expect(try await TestNode.eventually { try await reader.call("HLEN", "fresh") == .integer(300) })
        let requests: [[String]] = [
            ["MULTI"], ["GET", "a"], ["GET", "b"], ["EXEC"], ["HMGET", "same"] + Self.fields, ["HGETALL", "fresh"],
            ["HMGET", "fresh"] + Self.fields, ["EXISTS", "here", "there"], ["MULTI"], ["EXISTS", "here"],
            ["EXISTS", "there"], ["EXEC"],
        ]
        let pipeline = requests.flatMap { TestClient.request($0) }
        for _ in 0..<100 {
            for _ in 0..<5 { reader.send(pipeline) }
            for _ in 0..<5 {
                var replies: [RedisValue] = []
                for _ in requests { replies.append(try await reader.reply()) }
                #expect(replies[3].values.count == 2 && replies[3].values[0] == replies[3].values[1], "\(replies[3])")
                for hash in [replies[4], replies[6]] { #expect(Set(hash.values.compactMap(\.text)).count == 1) }
                #expect(replies[5].values.count == 600, "HGETALL has \(replies[5].values.count)")
                #expect(replies[7] == .integer(1))
                #expect(replies[11].values.contains(.integer(1)) && replies[11].values.contains(.integer(0)))
            }
        }
        isOver.withLockedValue { $0 = true }
        #expect(try await writer.value > 10)
        try await follower.stop()
        try await primary.stop()
    }

    @Test("a follower's transaction is not carried out when the primary has written what it watches")
    func watchedThere() async throws {
        let (primary, follower) = try await pair()
        let (writer, reader, other) = (
            try await primary.client(), try await follower.client(), try await follower.client()
        )
        var marks = 0
        /// Watches, has the primary write, waits until that is here, and says what EXEC answers.
        func exec(watching key: String, _ write: [String]) async throws -> RedisValue {
            #expect(try await reader.call("WATCH", key) == .simple("OK"))
            try await writer.call(write)
            marks += 1
            let mark = "\(marks)"
            try await writer.call("SET", "mark", mark)
            #expect(try await TestNode.eventually { try await other.call("GET", "mark") == .bulk(mark) })
            try await reader.call("MULTI")
            try await reader.call("GET", "mark")
            let outcome = try await reader.call("EXEC")
            if outcome == .null { return .null }
            #expect(outcome == .array([.bulk(mark)]))
            return .simple("carried out")
        }
        #expect(try await exec(watching: "k", ["SET", "k", "1"]) == .null)
        #expect(try await exec(watching: "k", ["SET", "k", "1"]) == .null)
        #expect(try await exec(watching: "k", ["SET", "else", "1"]) == .simple("carried out"))
        #expect(try await exec(watching: "k", ["DEL", "k"]) == .null)
        let large = Self.fields.flatMap { [$0, "1"] }
        #expect(try await exec(watching: "h", ["HSET", "h"] + large) == .null)
        #expect(try await exec(watching: "h", ["HINCRBY", "h", "f7", "1"]) == .null)
        #expect(try await exec(watching: "h", ["FLUSHDB"]) == .null)
        // Of what tables hold nobody can tell when it was written.
        #expect(try await reader.call("WATCH", "k") == .simple("OK"))
        try await writer.call("SET", "k", "2")
        #expect(try await TestNode.eventually { try await other.call("GET", "k") == .bulk("2") })
        try #require(follower.node.engine).flush()
        try await reader.call("MULTI")
        try await reader.call("GET", "k")
        #expect(try await reader.call("EXEC") == .null)
        try await follower.stop()
        try await primary.stop()
    }

    @Test("a follower's transaction reads of a moment at which what it watches was not written yet")
    func watchedThenRead() async throws {
        let (primary, follower) = try await pair()
        let isOver = NIOLockedValueBox(false)
        let writer = Task {
            let client = try await primary.client()
            while !isOver.withLockedValue({ $0 }) { try await client.call("INCR", "counter") }
        }
        let reader = try await follower.client()
        let requests = [["WATCH", "counter"], ["GET", "counter"], ["MULTI"], ["GET", "counter"], ["EXEC"]]
        let pipeline = requests.flatMap { TestClient.request($0) }
        var carriedOut = 0
        for _ in 0..<500 {
            reader.send(pipeline)
            var replies: [RedisValue] = []
            for _ in requests { replies.append(try await reader.reply()) }
            if replies[4] == .null { continue }
            carriedOut += 1
            #expect(replies[4] == .array([replies[1]]))
        }
        isOver.withLockedValue { $0 = true }
        try await writer.value
        #expect(carriedOut > 0)
        try await follower.stop()
        try await primary.stop()
    }

    @Test("WAIT on a follower is refused before its arguments are looked at, WAITAOF after")
    func waitOnFollower() async throws {
        let (primary, follower) = try await pair()
        let reader = try await follower.client()
        #expect(
            try await reader.call("WAIT", "x", "-1").text?.hasPrefix("ERR WAIT cannot be used with replica") == true)
        #expect(
            try await reader.call("WAITAOF", "x", "0", "0") == .error("ERR value is not an integer or out of range"))
        #expect(
            try await reader.call("WAITAOF", "0", "0", "0").text?.hasPrefix("ERR WAITAOF cannot be used with") == true)
        try await follower.stop()
        try await primary.stop()
    }
}
