import Deadline
import GodwitEngine
import GodwitNode
import Testing

@testable import GodwitServer

/// What the background does on its own.
@Suite(.deadline(seconds: 120)) struct SweepTests {
    private let scratch = Scratch()

    @Test("a promoted node removes the rows of expired large hashes though nobody asks it anything")
    func sweepAfterPromotion() async throws {
        let primary = try await TestNode.start(scratch)
        let follower = try await TestNode.start(scratch, region: "eu-west", following: primary.node)
        let client = try await primary.client()
        try await client.call(["HSET", "h"] + (0..<300).flatMap { ["f\($0)", "v"] })
        try await client.call("PEXPIRE", "h", "3000")
        func rows() throws -> Int {
            guard let engine = follower.node.engine, let fields = engine.keyspace("redis.0.fields") else { return 0 }
            var count = 0
            try engine.scan(in: fields) { _, _ in
                count += 1
                return true
            }
            return count
        }
        try #require(try await TestNode.eventually { try rows() == 300 })
        await primary.listener.stop()
        try await primary.node.close()
        try await follower.node.promote(allowDataLoss: true)
        #expect(try await TestNode.eventually { try rows() == 0 })
        try await follower.stop()
    }
}
