import Deadline
import Foundation
import GodwitReplication
import Logging
import NIOConcurrencyHelpers
import NIOPosix
import Testing

@testable import GodwitNode

/// Links between two transports on loopback: bytes, TLS, flow.
@Suite(.deadline(seconds: 120)) struct TransportTests {
    /// Collects what a transport delivers.
    private final class Collector: Sendable {
        private let events = NIOLockedValueBox<[NetworkEvent]>([])

        func take(_ event: NetworkEvent) { events.withLockedValue { $0.append(event) } }

        var all: [NetworkEvent] { events.withLockedValue { $0 } }

        /// Waits until an event that `pick` accepts is there.
        func wait<R>(for pick: (NetworkEvent) -> R?) async throws -> R {
            for _ in 0..<1000 {
                for event in all { if let found = pick(event) { return found } }
                try await Task.sleep(for: .milliseconds(10))
            }
            throw NodeError(.timeout, "no such event in 10 s; there were \(all)")
        }

        var receivedCount: Int {
            all.reduce(0) { sum, event in
                if case .received(_, let bytes) = event { return sum + bytes.count }
                return sum
            }
        }
    }

    private let logger = Logger(label: "transport") { _ in SwiftLogNoOpLogHandler() }

    private func files(_ name: String, authority: String = "") -> TLSFiles {
        let folder = fixtures + "/certificates/"
        return TLSFiles(
            certificate: folder + name + ".pem", key: folder + name + ".key",
            authorities: folder + authority + "authority.pem")
    }

    /// A listening transport and one that dials it, and what each delivers.
    private func withPair(
        server: TLSFiles? = nil, client: TLSFiles? = nil,
        _ body: (_ server: Transport, Collector, _ client: Transport, Collector, _ link: LinkID) async throws -> Void
    ) async throws {
        let (atServer, atClient) = (Collector(), Collector())
        let group = MultiThreadedEventLoopGroup.singleton
        let listening = Transport(group: group, tls: try server?.watched(logger)) { atServer.take($0) }
        let dialling = Transport(group: group, tls: try client?.watched(logger)) { atClient.take($0) }
        let port = try await listening.listen(at: HostPort(host: "127.0.0.1", port: 0))
        dialling.dial(LinkID(2), "127.0.0.1:\(port)")
        try await body(listening, atServer, dialling, atClient, LinkID(2))
        await dialling.stop()
        await listening.stop()
    }

    private func accepted(_ event: NetworkEvent) -> (LinkID, PeerIdentity?)? {
        if case .accepted(let link, let peer) = event { (link, peer) } else { nil }
    }

    private func closedReason(_ event: NetworkEvent) -> String? {
        if case .closed(_, let reason) = event { reason } else { nil }
    }

    @Test("pieces arrive in order over one link, and both ends hear of its end")
    func order() async throws {
        try await withPair { server, atServer, client, atClient, link in
            let (_, peer) = try await atServer.wait(for: accepted)
            #expect(peer == nil)
            for start in 0..<100 {
                client.send(link, (0..<10).map { [UInt8](repeating: UInt8(start), count: $0 * 100 + 1) })
            }
            let expected = (0..<100).flatMap { start in [UInt8](repeating: UInt8(start), count: 4510) }
            for _ in 0..<1000 where atServer.receivedCount < expected.count {
                try await Task.sleep(for: .milliseconds(10))
            }
            let received = atServer.all.flatMap { event -> [UInt8] in
                if case .received(_, let bytes) = event { bytes } else { [] }
            }
            #expect(received == expected)
            client.close(link)
            _ = try await atServer.wait(for: closedReason)
            _ = try await atClient.wait(for: closedReason)
        }
    }

    @Test("a thread that takes nothing stops the socket within the bound, and taking starts it again")
    func flow() async throws {
        try await withPair { server, atServer, client, _, link in
            let (arrived, _) = try await atServer.wait(for: accepted)
            let piece = [UInt8](repeating: 7, count: 1 << 20)
            for _ in 0..<48 { client.send(link, [piece]) }
            var (last, still) = (-1, 0)
            for _ in 0..<1000 where still < 20 {
                try await Task.sleep(for: .milliseconds(20))
                still = atServer.receivedCount == last ? still + 1 : 0
                last = atServer.receivedCount
            }
            #expect(last >= LinkFlow.inboundLimit)
            #expect(last < LinkFlow.inboundLimit + 8 << 20, "one more read at most")
            #expect(client.waiting(link).outbound > 0)
            var consumed = 0
            for _ in 0..<10_000 where atServer.receivedCount < 48 << 20 {
                let now = atServer.receivedCount
                server.consumed(arrived, now - consumed)
                consumed = now
                try await Task.sleep(for: .milliseconds(2))
            }
            #expect(atServer.receivedCount == 48 << 20)
            for _ in 0..<500 where client.waiting(link).outbound > 0 { try await Task.sleep(for: .milliseconds(10)) }
            #expect(client.waiting(link).outbound == 0)
        }
    }

    @Test("a link with more bytes waiting than credit allows for is given up")
    func outboundBound() async throws {
        try await withPair { _, atServer, client, atClient, link in
            _ = try await atServer.wait(for: accepted)
            let piece = [UInt8](repeating: 7, count: 8 << 20)
            for _ in 0..<16 { client.send(link, [piece]) }
            _ = try await atClient.wait(for: closedReason)
        }
    }

    @Test("a dial that nobody answers is told as closed, once")
    func refusedDial() async throws {
        let collector = Collector()
        let transport = Transport(group: MultiThreadedEventLoopGroup.singleton, tls: nil) { collector.take($0) }
        transport.dial(LinkID(2), "127.0.0.1:1")
        transport.dial(LinkID(4), "no address")
        let reason = try await collector.wait { event in
            if case .closed(LinkID(2), let reason) = event { reason } else { nil }
        }
        #expect(reason.contains("127.0.0.1:1"))
        #expect(collector.all.count == 2)
        await transport.stop()
    }

    @Test("with TLS both ends know the node and the keyspaces that the certificate names")
    func mutualTLS() async throws {
        try await withPair(server: files("us-east"), client: files("ap-south")) { _, atServer, client, atClient, link in
            let (_, peer) = try await atServer.wait(for: accepted)
            #expect(peer == PeerIdentity(name: "ap-south", keyspaces: ["routes"]))
            _ = try await atClient.wait { event in if case .opened = event { true } else { nil } }
            client.send(link, [[1, 2, 3]])
            let bytes = try await atServer.wait { event in
                if case .received(_, let bytes) = event { bytes } else { nil }
            }
            #expect(bytes == [1, 2, 3])
        }
    }

    @Test("files that are replaced count for new links only, and not while they are half replaced")
    func replacedFiles() async throws {
        let scratch = Scratch()
        let own = TLSFiles(
            certificate: scratch.path + "/own.pem", key: scratch.path + "/own.key",
            authorities: fixtures + "/certificates/authority.pem")
        func install(_ name: String, _ ends: [String]) throws {
            for end in ends {
                let bytes = try Data(contentsOf: URL(filePath: fixtures + "/certificates/" + name + end))
                try bytes.write(to: URL(filePath: scratch.path + "/own" + end), options: .atomic)
            }
        }
        try install("us-east", [".pem", ".key"])
        let (atServer, atClient) = (Collector(), Collector())
        let group = MultiThreadedEventLoopGroup.singleton
        let (server, client) = (try own.watched(logger), try own.watched(logger))
        let listening = Transport(group: group, tls: server) { atServer.take($0) }
        let dialling = Transport(group: group, tls: client) { atClient.take($0) }
        let port = try await listening.listen(at: HostPort(host: "127.0.0.1", port: 0))
        func dial(_ link: UInt64) async throws -> String {
            let before = atServer.all.count { accepted($0) != nil }
            dialling.dial(LinkID(link), "127.0.0.1:\(port)")
            return try await atServer.wait { (_) -> String? in
                let all = atServer.all.compactMap(accepted)
                return all.count > before ? all.last?.1?.name : nil
            }
        }
        #expect(try await dial(2) == "us-east")
        try install("eu-west", [".pem"])
        client.refresh()
        let half = try await dial(4)
        #expect(half == "us-east")
        try install("eu-west", [".key"])
        client.refresh()
        let whole = try await dial(6)
        #expect(whole == "eu-west")
        // A listener that shows a stranger's certificate is not followed any more; links that are open go on.
        try install("stranger/eu-west", [".pem", ".key"])
        server.refresh()
        dialling.dial(LinkID(8), "127.0.0.1:\(port)")
        let reason = try await atClient.wait { event in
            if case .closed(LinkID(8), let reason) = event { reason } else { nil }
        }
        #expect(reason.contains("TLS"))
        for link in [2, 4, 6] as [UInt64] { dialling.send(LinkID(link), [[1, 2, 3]]) }
        for _ in 0..<1000 where atServer.receivedCount < 9 { try await Task.sleep(for: .milliseconds(10)) }
        #expect(atServer.receivedCount == 9)
        await dialling.stop()
        await listening.stop()
    }

    @Test(
        "a peer whose certificate is another authority's, names no node, or is missing is turned away and told of, no link",
        arguments: ["stranger/eu-west", "nameless", ""])
    func refusedPeers(name: String) async throws {
        try await withPair(
            server: files("us-east"), client: name.isEmpty ? nil : files(name)
        ) { _, atServer, client, atClient, link in
            client.send(link, [[1, 2, 3]])
            _ = try await atClient.wait(for: closedReason)
            let reason = try await atServer.wait { if case .turnedAway(let reason) = $0 { reason } else { nil } }
            #expect(!reason.isEmpty)
            try await Task.sleep(for: .milliseconds(100))
            #expect(atServer.all.count == 1, "\(atServer.all)")
        }
    }

    @Test("a leader whose certificate is another authority's is not followed")
    func refusedLeader() async throws {
        try await withPair(
            server: files("stranger/eu-west", authority: "stranger/"), client: files("us-east")
        ) { _, _, _, atClient, _ in
            let reason = try await atClient.wait(for: closedReason)
            #expect(reason.contains("TLS"))
        }
    }

    @Test("a certificate names exactly one node; `*` stands for all keyspaces")
    func names() {
        #expect(PeerNames.identity(["godwit:node/a", "godwit:keyspace/*"]) == PeerIdentity(name: "a", keyspaces: nil))
        #expect(PeerNames.identity(["godwit:node/a"]) == PeerIdentity(name: "a", keyspaces: []))
        #expect(PeerNames.identity(["godwit:node/a", "godwit:node/b"]) == nil)
        #expect(PeerNames.identity(["godwit:node/", "godwit:keyspace/x"]) == nil)
        #expect(PeerNames.identity(["https://a", "godwit:keyspace/x"]) == nil)
    }
}
