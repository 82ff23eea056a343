import Deadline
import Foundation
import GodwitEngine
import GodwitReplication
import LinkProxy
import Logging
import Testing

@testable import GodwitNode

/// Nodes in this process on real sockets.
@Suite(.deadline(seconds: 120)) struct NodeTests {
    private func options(_ scratch: Scratch, _ region: String, following leader: Node? = nil) -> NodeOptions {
        var options = NodeOptions(directory: scratch.path + "/" + region, region: region)
        options.follow = leader?.address
        options.heartbeat = 100
        options.engine.memoryBudget = 16 << 20
        options.logger.logLevel = .critical
        return options
    }

    private func batch(_ node: Node, _ key: String, _ value: String) throws -> WriteBatch {
        let batch = try #require(node.engine).makeBatch()
        try batch.put(key, value)
        return batch
    }

    /// Waits for something that comes soon.
    private func eventually(_ what: String, _ condition: () async throws -> Bool) async throws {
        for _ in 0..<2000 {
            if try await condition() { return }
            try await Task.sleep(for: .milliseconds(5))
        }
        Issue.record("waited 10 s for \(what)")
    }

    private func withPair(_ body: (Node, Node) async throws -> Void) async throws {
        let scratch = Scratch()
        let primary = try await Node.start(options(scratch, "us-east"))
        let follower = try await Node.start(options(scratch, "eu-west", following: primary))
        try await eventually("the follower to stream") { try await follower.status().stage == "streaming" }
        try await body(primary, follower)
        try await follower.close()
        try await primary.close()
    }

    @Test("a write at a level says which regions hold it, and one that too few reach is unconfirmed, not failed")
    func levels() async throws {
        try await withPair { primary, follower in
            let local = try await primary.write(batch(primary, "a", "1"))
            #expect(local.isConfirmed)
            #expect(local.heldBy == ["us-east"])
            for level in [WriteLevel.received(1), .durable(1)] {
                let outcome = try await primary.write(batch(primary, "b", "\(level)"), level: level)
                #expect(outcome.isConfirmed)
                #expect(outcome.heldBy == ["us-east", "eu-west"])
            }
            let short = try await primary.write(batch(primary, "c", "1"), level: .durable(2), limit: .milliseconds(200))
            #expect(!short.isConfirmed)
            #expect(short.heldBy == ["us-east", "eu-west"])
            let engine = try await follower.readable(after: short.position, limit: .seconds(5))
            let value: [UInt8]? = try engine.get("c")
            #expect(value == [UInt8(ascii: "1")])
        }
    }

    @Test("a follower takes no writes and says so")
    func followerRefuses() async throws {
        try await withPair { _, follower in
            let error = await #expect(throws: NodeError.self) {
                try await follower.write(batch(follower, "a", "1"))
            }
            #expect(error?.code == .notWritable)
        }
    }

    @Test("bounded staleness: served while heard of, refused clearly once the primary is silent for longer")
    func staleness() async throws {
        try await withPair { primary, follower in
            try await primary.write(batch(primary, "a", "1"), level: .durable(1))
            _ = try await follower.readable(maxStaleness: .seconds(1), limit: .seconds(2))
            try await primary.close()
            try await eventually("staleness to pass its bound") {
                do throws(NodeError) {
                    _ = try await follower.readable(maxStaleness: .milliseconds(300))
                    return false
                } catch { return error.code == .stale }
            }
            let value: [UInt8]? = try #require(follower.engine).get("a")
            #expect(value == [UInt8(ascii: "1")], "reads without a bound go on")
        }
    }

    @Test("a read after a position waits for it, is refused past its limit, and learns when the position was lost")
    func afterPosition() async throws {
        try await withPair { primary, follower in
            let write = try await primary.write(batch(primary, "a", "1"))
            _ = try await follower.readable(after: write.position, limit: .seconds(5))
            let ahead = Position(epoch: write.position.epoch, sequence: write.position.sequence + 100)
            let stale = await #expect(throws: NodeError.self) {
                _ = try await follower.readable(after: ahead, limit: .milliseconds(50))
            }
            #expect(stale?.code == .stale)
            try await follower.promote(allowDataLoss: true)
            let lost = await #expect(throws: NodeError.self) {
                _ = try await follower.readable(after: ahead, limit: .milliseconds(50))
            }
            #expect(lost?.code == .positionLost)
            _ = try await follower.readable(after: write.position)
        }
    }

    @Test("promotion fences the old primary off, which rejoins; what it alone had is recovered")
    func promotion() async throws {
        let scratch = Scratch()
        let old = try await Node.start(options(scratch, "us-east"))
        let proxy = try await LinkProxy.start(to: "127.0.0.1", port: old.address.port)
        var following = options(scratch, "eu-west")
        following.follow = HostPort(proxy.address)
        let new = try await Node.start(following)
        try await eventually("the follower to stream") { try await new.status().stage == "streaming" }
        try await old.write(batch(old, "shared", "1"), level: .durable(1))
        proxy.cut()
        try await eventually("the link to be gone") { try await new.status().stage != "streaming" }
        try await old.write(batch(old, "alone", "1"))
        try await old.write(batch(old, "both", "old"))
        try await new.promote()
        try await new.write(batch(new, "both", "new"))
        #expect(new.isPrimary)
        try await old.rejoin(new.address)
        try await eventually("the tail to be reported") { try await !new.recoveryReports().isEmpty }
        let report = try #require(try await new.recoveryReports().first)
        #expect(report.count(of: .recovered) == 1)
        #expect(report.count(of: .superseded) + report.count(of: .conflicting) == 1)
        try await eventually("the old primary to follow") {
            let (there, here) = (try await new.status(), try await old.status())
            return here.stage == "streaming" && here.chain == there.chain
        }
        let engine = try #require(old.engine)
        let alone: [UInt8]? = try engine.get("alone")
        let both: [UInt8]? = try engine.get("both")
        #expect(alone == [UInt8(ascii: "1")])
        #expect(both == Array("new".utf8))
        #expect(try await new.verify().isEqual)
        try await old.close()
        try await new.close()
        await proxy.stop()
    }

    @Test("a planned switchover by region loses nothing, and one to nobody is refused")
    func switchover() async throws {
        try await withPair { primary, follower in
            try await primary.write(batch(primary, "a", "1"))
            let refused = await #expect(throws: NodeError.self) { _ = try await primary.switchover(to: "ap-south") }
            #expect(refused?.code == .refused)
            #expect(try await primary.switchover(to: "eu-west") == .done)
            try await follower.write(batch(follower, "b", "1"), level: .durable(1))
            #expect(follower.isPrimary)
            #expect(!primary.isPrimary)
        }
    }

    @Test("readers go on while a full copy replaces the engine under them")
    func engineSwap() async throws {
        let scratch = Scratch()
        let primary = try await Node.start(options(scratch, "us-east"))
        for number in 0..<2000 { try #require(primary.engine).put("k/\(number)", "v\(number)", durability: .buffered) }
        try #require(primary.engine).sync()
        let follower = try await Node.start(options(scratch, "eu-west", following: primary))
        let readers = (0..<4).map { reader in
            Task {
                var served = 0
                while !Task.isCancelled {
                    guard let engine = follower.engine else {
                        try await Task.sleep(for: .microseconds(100))
                        continue
                    }
                    do {
                        let value: [UInt8]? = try engine.get("k/\(served % 2000)")
                        if let value { #expect(value == Array("v\(served % 2000)".utf8)) }
                        served += 1
                        // Readers must not keep the few threads of the pool from everybody else.
                        if served % 32 == 0 { await Task.yield() }
                    } catch let error as EngineError {
                        #expect(error.code == .unavailable, "reader \(reader): \(error)")
                    }
                }
                return served
            }
        }
        try await eventually("the follower to stream") { try await follower.status().stage == "streaming" }
        try await Task.sleep(for: .milliseconds(50))
        for reader in readers { reader.cancel() }
        for reader in readers { #expect(try await reader.value > 0) }
        try await follower.close()
        try await primary.close()
    }

    @Test("nodes talk over mutual TLS, and one without a certificate is not let in")
    func mutualTLS() async throws {
        let scratch = Scratch()
        func tls(_ name: String) -> TLSFiles {
            let folder = fixtures + "/certificates/"
            return TLSFiles(
                certificate: folder + name + ".pem", key: folder + name + ".key", authorities: folder + "authority.pem")
        }
        var leading = options(scratch, "us-east")
        leading.tls = tls("us-east")
        let primary = try await Node.start(leading)
        var following = options(scratch, "eu-west", following: primary)
        following.tls = tls("eu-west")
        let follower = try await Node.start(following)
        let stranger = try await Node.start(options(scratch, "ap-south", following: primary))
        let outcome = try await primary.write(batch(primary, "a", "1"), level: .durable(1), limit: .seconds(10))
        #expect(outcome.heldBy == ["us-east", "eu-west"])
        #expect(stranger.engine == nil)
        #expect(try await primary.status().followers.count == 1)
        try await eventually("the stranger to be counted") {
            try await primary.status().refusals["notAuthorised", default: 0] > 0
        }
        try await stranger.close()
        try await follower.close()
        try await primary.close()
    }

    @Test("a node uses certificates that replace those it was started with")
    func replacedCertificates() async throws {
        let scratch = Scratch()
        let own = TLSFiles(
            certificate: scratch.path + "/own.pem", key: scratch.path + "/own.key",
            authorities: fixtures + "/certificates/authority.pem")
        func install(_ name: String) throws {
            for end in [".pem", ".key"] {
                let bytes = try Data(contentsOf: URL(filePath: fixtures + "/certificates/" + name + end))
                try bytes.write(to: URL(filePath: scratch.path + "/own" + end), options: .atomic)
            }
        }
        try install("stranger/eu-west")
        var leading = options(scratch, "us-east")
        leading.tls = own
        let primary = try await Node.start(leading)
        var following = options(scratch, "eu-west", following: primary)
        following.tls = TLSFiles(
            certificate: fixtures + "/certificates/eu-west.pem", key: fixtures + "/certificates/eu-west.key",
            authorities: own.authorities)
        let follower = try await Node.start(following)
        try await Task.sleep(for: .milliseconds(300))
        #expect(follower.engine == nil)
        try install("us-east")
        try await eventually("the follower to stream") { try await follower.status().stage == "streaming" }
        try await follower.close()
        try await primary.close()
    }

    @Test("a node of another region than its data is refused, and so is plain TCP to other machines")
    func refusedStarts() async throws {
        let scratch = Scratch()
        try await Node.start(options(scratch, "us-east")).close()
        var other = options(scratch, "us-east")
        other.region = "eu-west"
        let mismatch = await #expect(throws: NodeError.self) { _ = try await Node.start(other) }
        #expect(mismatch?.message.contains("us-east") == true)
        var open = options(scratch, "us-east")
        open.listen = HostPort(host: "0.0.0.0", port: 0)
        let refused = await #expect(throws: NodeError.self) { _ = try await Node.start(open) }
        #expect(refused?.code == .invalidArgument)
        try await Node.start(options(scratch, "us-east")).close()
    }

    @Test("a closed node answers everybody: readers, writers, operators")
    func closed() async throws {
        try await withPair { primary, follower in
            let waiting = Task {
                try await follower.readable(
                    after: Position(epoch: Epoch(number: 9, tag: 1), sequence: 1), limit: .seconds(60))
            }
            try await Task.sleep(for: .milliseconds(50))
            try await follower.close()
            let error = await #expect(throws: NodeError.self) { _ = try await waiting.value }
            #expect(error?.code == .closed)
            let late = await #expect(throws: NodeError.self) { _ = try await follower.status() }
            #expect(late?.code == .closed)
            #expect(follower.engine == nil)
        }
    }

    @Test("whoever asks while a node closes is answered")
    func askedWhileClosing() async throws {
        let scratch = Scratch()
        for round in 0..<50 {
            let node = try await Node.start(options(scratch, "us-east"))
            let askers = (0..<8).map { asker in
                Task {
                    while (try? await node.status()) != nil {
                        if asker % 2 == 0, let engine = node.engine, let batch = try? engine.makeBatch() {
                            try? batch.put("k\(asker)", "v")
                            _ = try? await node.write(batch, level: .received(1), limit: .milliseconds(1))
                        }
                    }
                }
            }
            try await Task.sleep(for: .microseconds(round % 10 * 300))
            try await node.close()
            for asker in askers { await asker.value }
        }
    }
}
