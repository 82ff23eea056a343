import GodwitEngine
import GodwitNode
import Logging

@testable import GodwitServer

/// A node with a Redis listener, in this process.
struct TestNode {
    let node: Node
    let listener: RedisListener

    static func start(
        _ scratch: Scratch, region: String = "us-east", following leader: Node? = nil, memory: Int = 32 << 20,
        _ change: (inout RedisSettings) -> Void = { _ in }
    ) async throws -> TestNode {
        var options = NodeOptions(directory: scratch.path + "/" + region, region: region)
        options.follow = leader?.address
        options.heartbeat = 100
        options.engine.memoryBudget = memory
        options.logger.logLevel = .critical
        var settings = RedisSettings(address: HostPort(host: "127.0.0.1", port: 0))
        change(&settings)
        let node = try await Node.start(options)
        return TestNode(
            node: node, listener: try await RedisListener.start(node, settings, logger: options.logger))
    }

    func client() async throws -> TestClient { try await TestClient.connect(listener.address) }

    func stop() async throws {
        await listener.stop()
        try await node.close()
    }

    /// Waits for something that comes soon.
    static func eventually(_ condition: () async throws -> Bool) async throws -> Bool {
        for _ in 0..<4000 {
            if try await condition() { return true }
            try await Task.sleep(for: .milliseconds(5))
        }
        return false
    }
}
