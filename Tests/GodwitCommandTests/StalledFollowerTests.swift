import Deadline
import Foundation
import GodwitReplication
import GodwitServer
import Testing

/// A primary whose follower stands still, as processes.
@Suite(.deadline(seconds: 240)) struct StalledFollowerTests {
    private let scratch = Scratch()

    /// A primary and a follower that has all it has. Their link stays for a while though nothing is heard.
    private func pair(_ more: String...) async throws -> (primary: ServedNode, follower: ServedNode) {
        func serve(_ region: String, _ more: [String]) throws -> ServedNode {
            try ServedNode(
                ["--data", scratch.path + "/" + region, "--region", region, "--heartbeat", "5s"] + more, in: scratch)
        }
        let primary = try serve("us-east", more)
        let follower = try serve("eu-west", ["--follow", "\(primary.replication)"])
        #expect(try await primary.client().put("a", [1], in: "default", "level=durable(1)&wait=30s").confirmed)
        return (primary, follower)
    }

    @Test("a switchover to a follower that stands still is aborted: the command exits 1, and the primary goes on")
    func switchoverAborted() async throws {
        let (primary, follower) = try await pair()
        follower.pause()
        #expect(try await primary.client().put("alone", [1]).heldBy == ["us-east"])
        let over = try Command.godwit([
            "switchover", "--admin", "\(primary.admin)", "--to", "eu-west", "--limit", "300ms",
        ])
        #expect(over.status == 1, "\(over.errors)")
        #expect(over.text == "switchover: aborted\n")
        let unconfirmed = try await primary.client().put("b", [1], in: "default", "level=received(1)&wait=50ms")
        #expect(!unconfirmed.confirmed && unconfirmed.heldBy == ["us-east"])
        follower.goOn()
        #expect(try await primary.client().put("c", [1], in: "default", "level=durable(1)&wait=30s").confirmed)
        #expect(try await follower.client().get("alone") == [1])
        #expect(try await follower.client().status().role == "follower")
    }

    @Test(
        "--maximum-lag has a primary refuse writes once its follower stands still for so long, and no longer than that")
    func maximumLag() async throws {
        let (primary, follower) = try await pair("--maximum-lag", "1s")
        // Where nothing is written nobody lags.
        try await Task.sleep(for: .milliseconds(1500))
        follower.pause()
        let client = primary.client()
        _ = try await client.put("b", [1])
        var refusal: NodeClient.Refusal?
        #expect(
            try await comes {
                do {
                    _ = try await client.put("c", [1])
                    return false
                } catch let error as NodeClient.Refusal {
                    refusal = error
                    return true
                }
            })
        #expect(refusal?.status == 503 && refusal?.code == "notWritable")
        #expect(try await client.status().refusingWrites?.contains("lag") == true)
        follower.goOn()
        #expect(try await comes { try await client.put("d", [1], in: "default", "level=durable(1)&wait=1s").confirmed })
    }
}
