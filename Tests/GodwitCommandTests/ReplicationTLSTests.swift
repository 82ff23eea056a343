import Deadline
import Foundation
import GodwitReplication
import GodwitServer
import Testing

/// `godwit serve` processes that talk to each other over TLS.
@Suite(.deadline(seconds: 240)) struct ReplicationTLSTests {
    private let scratch = Scratch()

    /// Has `make-certificates` make an authority and certificates of regions, which say what `names` says.
    private func makeCertificates(_ folder: String, _ names: KeyValuePairs<String, String>) throws {
        let script = packageDirectory + "/scripts/make-certificates"
        let made = try Command.launch(
            "/bin/sh", [script, "\(scratch.path)/\(folder)"] + names.map { "\($0.key)=IP:127.0.0.1,\($0.value)" })
        #expect(made.status == 0, "\(made.errors)")
    }

    private func serve(
        _ region: String, certificates folder: String, data: String? = nil, _ more: [String] = []
    ) throws -> ServedNode {
        let files = "\(scratch.path)/\(folder)/"
        return try ServedNode(
            [
                "--data", "\(scratch.path)/data-\(data ?? region)", "--region", region, "--heartbeat", "100ms",
                "--tls-certificate", "\(files)\(region).pem", "--tls-key", "\(files)\(region).key",
                "--tls-authorities", files + "authority.pem",
            ] + more, in: scratch)
    }

    @Test(
        "nodes link up by the certificates of make-certificates; one kept to a keyspace gets that only, a stranger none"
    )
    func links() async throws {
        try makeCertificates(
            "own",
            [
                "us-east": "URI:godwit:keyspace/*", "eu-west": "URI:godwit:keyspace/*",
                "ap-south": "URI:godwit:keyspace/routes",
            ])
        try makeCertificates("strange", ["sa-east": "URI:godwit:keyspace/*"])
        let primary = try serve("us-east", certificates: "own")
        let leader = ["--follow", "\(primary.replication)"]
        _ = try await primary.client().put("k", [1], in: "secret")
        _ = try await primary.client().put("k", [1], in: "routes")
        let stranger = try serve("sa-east", certificates: "strange", leader)
        let follower = try serve("eu-west", certificates: "own", leader)
        let written = try await primary.client().put("k", [2], in: "routes", "level=durable(1)&wait=30s")
        #expect(written.heldBy == ["us-east", "eu-west"])
        #expect(try await follower.client().get("k", in: "secret") == [1])
        #expect(try await primary.client().verify().equal)

        let limited = try serve("ap-south", certificates: "own", leader + ["--keyspaces", "routes"])
        #expect(try await comes { try await limited.client().get("k", in: "routes") == [2] })
        #expect(try await limited.client().get("k", in: "secret") == nil)
        #expect(limited.stop() == 0)
        // All keyspaces are more than its certificate allows.
        let greedy = try serve("ap-south", certificates: "own", data: "greedy", leader)
        #expect(try await comes { try await primary.client().status().refusals["notAuthorised", default: 0] > 0 })
        for node in [greedy, stranger] {
            #expect(try await node.client().status().store.isEmpty)
            let refusal = await #expect(throws: NodeClient.Refusal.self) { _ = try await node.client().get("k") }
            #expect(refusal?.code == "notReady")
        }
        #expect(try await !primary.client().status().members.contains { $0.region == "sa-east" })
    }
}
