import Deadline
import Foundation
import GodwitNode
import GodwitReplication
import GodwitServer
import Testing

/// `godwit serve` and the commands that talk to it, as processes.
@Suite(.deadline(seconds: 300)) struct ServeTests {
    private func serve(
        _ scratch: Scratch, _ region: String, _ more: [String] = [], environment: [String: String] = [:]
    ) throws -> ServedNode {
        try ServedNode(
            ["--data", scratch.path + "/" + region, "--region", region, "--heartbeat", "100ms"] + more,
            environment: environment, in: scratch)
    }

    private func text(_ bytes: [UInt8]?) -> String? { bytes.map { String(decoding: $0, as: UTF8.self) } }

    @Test("one line says that it serves and where; SIGTERM stops it in order, and the data is there again")
    func readyAndStop() async throws {
        let scratch = Scratch()
        let node = try serve(scratch, "us-east")
        #expect(
            node.readyLine.wholeMatch(
                of:
                    /ready region=us-east role=primary replication=127\.0\.0\.1:\d+ admin=127\.0\.0\.1:\d+ redis=127\.0\.0\.1:\d+/
            )
                != nil)
        _ = try await node.client().put("a", Array("1".utf8))
        #expect(node.stop() == 0, "\(node.log)")
        let get = try Command.godwit(["get", "--data", scratch.path + "/us-east", "a"])
        #expect(get.text == "1")
        let again = try serve(scratch, "us-east")
        #expect(text(try await again.client().get("a")) == "1")
    }

    @Test("keys over HTTP: any bytes, TTLs, absence, deletes, batches, and what is wrong is said")
    func keys() async throws {
        let scratch = Scratch()
        let node = try serve(scratch, "us-east")
        let client = node.client()
        let bytes = (0...255).map { UInt8($0) }
        let written = try await client.put("a/ü %\u{0}b", bytes, in: "blobs")
        #expect(written.confirmed)
        #expect(written.heldBy == ["us-east"])
        #expect(try await client.get("a/ü %\u{0}b", in: "blobs") == bytes)
        #expect(try await client.get("none") == nil)
        _ = try await client.delete("a/ü %\u{0}b", in: "blobs")
        #expect(try await client.get("a/ü %\u{0}b", in: "blobs") == nil)
        _ = try await client.put("short", [1], in: "default", "ttl=50ms")
        #expect(try await comes { try await client.get("short") == nil })
        let batch = try await client.write([.put("x", "1"), .put("y", "2", in: "other"), .delete("x")])
        #expect(try await client.get("x", in: "default", "after=\(batch.position)") == nil)
        #expect(text(try await client.get("y", in: "other")) == "2")
        for (path, status) in [
            ("/v1/keys/default/a?ttl=5", 400), ("/v1/keys/default/a?level=durable(0)", 400), ("/v1/keys/nowhere", 404),
        ] {
            let refusal = await #expect(throws: NodeClient.Refusal.self) { _ = try await client.json("PUT", path) }
            #expect(refusal?.status == status, "\(path)")
        }
        let large = await #expect(throws: (any Error).self) {
            _ = try await client.put("large", [UInt8](repeating: 0, count: 17 << 20))
        }
        #expect((large as? NodeClient.Refusal)?.status ?? 413 == 413)
    }

    @Test("a follower serves reads, refuses writes, and is healthy without its primary")
    func follower() async throws {
        let scratch = Scratch()
        let primary = try serve(scratch, "us-east")
        let follower = try serve(scratch, "eu-west", ["--follow", "\(primary.replication)"])
        #expect(follower.readyLine.contains("role=follower"))
        let written = try await primary.client().put("a", Array("1".utf8), in: "default", "level=durable(1)&wait=10s")
        #expect(written.heldBy == ["us-east", "eu-west"])
        let reader = follower.client()
        #expect(
            text(try await reader.get("a", in: "default", "after=\(written.position)&maxStaleness=5s&wait=5s")) == "1")
        let refusal = await #expect(throws: NodeClient.Refusal.self) { _ = try await reader.put("b", [1]) }
        #expect(refusal?.code == "notWritable")
        _ = try await reader.text("/readyz")
        primary.killNow()
        _ = try await reader.text("/healthz")
        let strict = await #expect(throws: NodeClient.Refusal.self) {
            _ = try await reader.text("/healthz?role=primary")
        }
        #expect(strict?.status == 503)
        #expect(
            try await comes {
                do {
                    _ = try await reader.text("/healthz?maxLag=200ms")
                    return false
                } catch { return true }
            })
        let metrics = try await reader.text("/metrics")
        #expect(metrics.contains("godwit_role{role=\"follower\"} 1"))
        #expect(metrics.contains("godwit_link_lag_seconds{"))
    }

    @Test("a deposed node says so when it serves, is well, is not ready, and keeps no bound of lag")
    func deposed() async throws {
        let scratch = Scratch()
        let old = try serve(scratch, "us-east")
        let new = try serve(scratch, "eu-west", ["--follow", "\(old.replication)"])
        _ = try await old.client().put("a", [1], in: "default", "level=durable(1)&wait=20s")
        _ = try await new.client().json("POST", "/v1/promote")
        // It brings its epoch to the old primary, which will not lead it.
        _ = try await new.client().json("POST", "/v1/rejoin?leader=\(old.replication)")
        #expect(try await comes { try await old.client().status().role == "deposed" })
        #expect(old.stop() == 0)
        let again = try serve(scratch, "us-east")
        #expect(again.readyLine.contains(" role=deposed "))
        _ = try await again.client().text("/healthz")
        for path in ["/readyz", "/healthz?maxLag=1h"] {
            let refusal = await #expect(throws: NodeClient.Refusal.self) { _ = try await again.client().text(path) }
            #expect(refusal?.status == 503, "\(path)")
        }
    }

    @Test("what became of an old primary's writes is listed batch by batch, on both nodes")
    func batches() async throws {
        let scratch = Scratch()
        let old = try serve(scratch, "us-east")
        var new = try serve(scratch, "eu-west", ["--follow", "\(old.replication)"])
        _ = try await old.client().put("a", [1], in: "default", "level=durable(1)&wait=20s")
        #expect(new.stop() == 0)
        let written = try await old.client().put("alone", [1])
        old.killNow()
        new = try serve(scratch, "eu-west", ["--follow", "\(old.replication)"])
        _ = try await new.client().json("POST", "/v1/promote?allowDataLoss=true")
        let back = try serve(scratch, "us-east", ["--follow", "\(new.replication)"])
        for node in [back, new] {
            #expect(try await comes { try await !node.client().status().recovery.isEmpty })
            let listed = try Command.godwit(["status", "--admin", "\(node.admin)", "--batches"])
            #expect(listed.status == 0 && listed.text.contains("  \(written.position) recovered, written again\n"))
        }
        #expect(text(try await new.client().get("alone")) == "\u{1}")
    }

    @Test("the operator's commands: status, verify, switchover, promote, rejoin")
    func commands() async throws {
        let scratch = Scratch()
        let first = try serve(scratch, "us-east")
        let second = try serve(scratch, "eu-west", ["--follow", "\(first.replication)"])
        _ = try await first.client().put("a", Array("1".utf8), in: "default", "level=durable(1)&wait=10s")
        func godwit(_ arguments: String...) throws -> Command { try Command.godwit(arguments) }
        let status = try godwit("status", "--admin", "\(first.admin)")
        #expect(status.text.contains("primary (open) in us-east"))
        #expect(status.text.contains("eu-west: streaming"))
        let json = try godwit("status", "--admin", "\(second.admin)", "--json")
        #expect(try JSONDecoder().decode(ReplicaStatus.self, from: Data(json.output)).role == "follower")
        let verify = try godwit("verify", "--admin", "\(first.admin)")
        #expect(verify.status == 0, "\(verify.errors)")
        #expect(verify.text.contains("eu-west: equal"))
        let over = try godwit("switchover", "--admin", "\(first.admin)", "--to", "eu-west")
        #expect(over.status == 0, "\(over.text)\(over.errors)")
        #expect(try await comes { try await first.client().status().stage == "streaming" })
        // A primary stores who follows it once a second; killed before, it would come back believing that nobody does.
        try await Task.sleep(for: .milliseconds(1500))
        second.killNow()
        let promoted = try godwit("promote", "--admin", "\(first.admin)", "--json")
        #expect(promoted.status == 0, "\(promoted.errors)")
        #expect(promoted.text.contains("\"epoch\":\"3."))
        let back = try serve(scratch, "eu-west", ["--follow", "\(first.replication)"])
        let rejoin = try godwit("rejoin", "--admin", "\(back.admin)", "--leader", "\(first.replication)")
        #expect(rejoin.status == 0, "\(rejoin.errors)")
        #expect(try await comes { try await back.client().status().stage == "streaming" })
        let nobody = try godwit("status", "--admin", "127.0.0.1:1")
        #expect(nobody.status == 2)
        #expect(nobody.errors.contains("127.0.0.1:1"))
    }

    @Test("a key of the YAML file that is no setting is refused, with the one it was meant to be")
    func misspelledKeys() async throws {
        let scratch = Scratch()
        for (text, wrong, meant) in [
            ("regoin: us\ndata: x", "regoin", "region"),
            ("region: us\nretention_size: 1MiB", "retention_size", "retention-size"),
            ("tls: { kee: a }", "tls.kee", "tls.key"), ("tls-key: a", "tls-key", "tls.key"),
        ] {
            let file = try scratch.file("wrong.yaml", text)
            await #expect {
                _ = try await SettingsReader.read(flags: ["data": scratch.path], file: file)
            } throws: {
                let message = "\($0)"
                return message.contains("`\(wrong)`") && message.contains("`\(meant)`")
            }
        }
    }

    @Test("a node that will not come back is forgotten by its region")
    func forget() async throws {
        let scratch = Scratch()
        let primary = try serve(scratch, "us-east")
        let follower = try serve(scratch, "eu-west", ["--follow", "\(primary.replication)"])
        _ = try await primary.client().put("a", [1], in: "default", "level=durable(1)&wait=20s")
        let admin = ["--admin", "\(primary.admin)", "--node", "eu-west"]
        let busy = try Command.godwit(["forget"] + admin)
        #expect(busy.status == 2 && busy.errors.contains("follows this one now"), "\(busy.errors)")
        #expect(follower.stop() == 0)
        var forgotten = try Command.godwit(["forget"] + admin)
        for _ in 0..<100 where forgotten.status != 0 {
            try await Task.sleep(for: .milliseconds(50))
            forgotten = try Command.godwit(["forget"] + admin)
        }
        #expect(forgotten.text == "forgotten: eu-west\n")
        #expect(try await primary.client().status().slots.isEmpty)
    }

    @Test("settings: flags before the environment before the YAML file; each wrong one is named")
    func settings() async throws {
        let scratch = Scratch()
        let file = try scratch.file(
            "godwit.yaml", "data: \(scratch.path)/yaml\nregion: from-yaml\nheartbeat: 100ms\nlog-level: error\n")
        #expect(try ServedNode(["--config", file], in: scratch).readyLine.contains("region=from-yaml"))
        let environment = ["GODWIT_REGION": "from-environment", "GODWIT_DATA": scratch.path + "/environment"]
        #expect(
            try ServedNode(["--config", file], environment: environment, in: scratch).readyLine
                .contains("region=from-environment"))
        let flags = ["--config", file, "--region", "from-flag", "--data", scratch.path + "/flag"]
        #expect(
            try ServedNode(flags, environment: environment, in: scratch).readyLine.contains("region=from-flag"))
        for (arguments, word) in [
            (["--data", scratch.path + "/none"], "--region"), (["--config", file, "--heartbeat", "5"], "--heartbeat"),
            (["--config", file, "--follow", "nowhere"], "--follow"),
            (["--config", scratch.path + "/missing"], "missing"),
            (["--config", file, "--region", "other"], "from-yaml"),
            (["--config", file, "--tls-key", "k"], "--tls-certificate"),
        ] {
            let refused = try Command.godwit(["serve"] + arguments)
            #expect(refused.status == 2)
            #expect(refused.errors.contains(word), "\(arguments): \(refused.errors)")
        }
    }

    @Test("addresses that others reach need TLS and a token, or --insecure")
    func exposure() async throws {
        let scratch = Scratch()
        let data = ["--data", scratch.path + "/store", "--region", "us-east"]
        for exposed in [
            ["--admin", "0.0.0.0:0"], ["--redis", "0.0.0.0:0"],
            ["--replication", "0.0.0.0:0", "--advertise", "127.0.0.1:1"],
        ] {
            let refused = try Command.godwit(["serve"] + data + exposed)
            #expect(refused.status == 2)
            #expect(refused.errors.contains("nsecure"), "\(refused.errors)")
        }
        let token = try scratch.file("token", "0123456789abcdef\n")
        let keyToken = try scratch.file("key-token", "fedcba9876543210")
        let node = try ServedNode(
            data + ["--admin", "0.0.0.0:0", "--token-file", token, "--data-token-file", keyToken], in: scratch)
        let address = HostPort(host: "127.0.0.1", port: node.admin.port)
        for wrong in [nil, "", "0123456789abcdeX"] {
            let refusal = await #expect(throws: NodeClient.Refusal.self) {
                _ = try await NodeClient(address, token: wrong).status()
            }
            #expect(refusal?.status == 401)
        }
        _ = try await NodeClient(address).text("/healthz")
        _ = try await NodeClient(address, token: "0123456789abcdef").status()
        _ = try await NodeClient(address, token: "fedcba9876543210").put("a", [1])
        let keysOnly = await #expect(throws: NodeClient.Refusal.self) {
            _ = try await NodeClient(address, token: "fedcba9876543210").promote()
        }
        #expect(keysOnly?.status == 403)
        let command = try Command.godwit(["status", "--admin", "\(address)", "--token-file", token])
        #expect(command.status == 0, "\(command.errors)")
    }

    @Test(
        "HTTP speaks TLS 1.3, to callers with a certificate where that is asked for, and takes new certificates under load"
    )
    func secureHTTP() async throws {
        let scratch = Scratch()
        let folder = packageDirectory + "/fixtures/certificates/"
        let (certificate, key) = (scratch.path + "/http.pem", scratch.path + "/http.key")
        func install(_ name: String) throws {
            for (ending, target) in [("pem", certificate), ("key", key)] {
                let bytes = try Data(contentsOf: URL(filePath: "\(folder)\(name).\(ending)"))
                try bytes.write(to: URL(filePath: target), options: .atomic)
            }
        }
        try install("us-east")
        let own = ["--admin-tls-certificate", certificate, "--admin-tls-key", key]
        let asking = ["--admin-tls-authorities", folder + "authority.pem"]
        let data = ["--data", scratch.path + "/store", "--region", "us-east"]
        let node = try ServedNode(data + own + asking, in: scratch)
        let mine = ["--tls-certificate", folder + "eu-west.pem", "--tls-key", folder + "eu-west.key"]
        let trust = ["--tls-authorities", folder + "authority.pem"]
        let status = ["status", "--admin", "\(node.admin)"]
        let told = try Command.godwit(status + trust + mine)
        #expect(told.status == 0, "\(told.errors)")
        for arguments in [
            [], trust, mine, ["--tls-authorities", folder + "us-east.pem"] + mine, trust + [mine[0], mine[1]],
        ] {
            let refused = try Command.godwit(status + arguments)
            #expect(refused.status == 2, "\(arguments): \(refused.text)")
        }
        let verified = try Command.godwit(["verify", "--admin", "\(node.admin)"] + trust + mine)
        #expect(!verified.errors.contains("no answer"), "\(verified.errors)")
        try install("eu-west")
        let tls = try NodeTLS(authorities: trust[1], certificate: mine[1], key: mine[3])
        let client = NodeClient(node.admin, tls: tls)
        for round in 0..<20 {
            _ = try await client.put("k\(round)", [1])
            try await Task.sleep(for: .milliseconds(100))
        }
        func shown(_ version: String) throws -> String {
            try Command.launch("/usr/bin/openssl", ["s_client", "-connect", "\(node.admin)", version]).text
                .replacing(" = ", with: "=")
        }
        #expect(try shown("-tls1_3").contains("CN=eu-west"))
        #expect(try !shown("-tls1_2").contains("CN=eu-west"))
        #expect(node.stop() == 0)
    }
}
