import Deadline
import Foundation
import GodwitReplication
import GodwitServer
import Testing

/// A primary that is started again.
@Suite(.deadline(seconds: 120)) struct RestartTests {
    @Test("one whose followers cannot be reached waits for them before it takes writes; with --force it does not")
    func force() async throws {
        let scratch = Scratch()
        func serve(_ region: String, _ more: [String] = []) throws -> ServedNode {
            try ServedNode(["--data", scratch.path + "/" + region, "--region", region] + more, in: scratch)
        }
        let first = try serve("us-east")
        let follower = try serve("eu-west", ["--follow", "\(first.replication)"])
        _ = try await first.client().put("a", [1], in: "default", "level=durable(1)&wait=20s")
        follower.killNow()
        first.killNow()
        let patient = try serve("us-east", ["--restart-wait", "1h"])
        #expect(try await patient.client().status().stage == "recovering")
        let refusal = await #expect(throws: NodeClient.Refusal.self) { _ = try await patient.client().put("b", [2]) }
        #expect(refusal?.code == "notWritable")
        patient.killNow()
        let forced = try serve("us-east", ["--restart-wait", "1h", "--force"])
        #expect(try await comes { try await forced.client().status().stage == "open" })
        _ = try await forced.client().put("b", [2])
        #expect(try await forced.client().get("a") == [1])
    }
}
