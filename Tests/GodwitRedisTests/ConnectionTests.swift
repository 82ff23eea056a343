import Foundation
import GodwitEngine
import GodwitNode
import NIOConcurrencyHelpers
import NIOCore
import NIOSSL
import Testing

@testable import GodwitServer

/// What clients may do to the listener, and what becomes of it.
@Suite struct ConnectionTests {
    private let scratch = Scratch()

    @Test("a client that closes in the middle of a command leaves nothing behind")
    func halfCommandThenClose() async throws {
        let node = try await TestNode.start(scratch)
        let other = try await node.client()
        let whole = TestClient.request(["SET", "a", "1"])
        for length in 1..<whole.count {
            let client = try await node.client()
            client.send(Array(whole[..<length]))
            await client.close()
        }
        #expect(
            try await TestNode.eventually {
                try await other.call("CLIENT", "LIST").text?.split(separator: "\n").count == 1
            })
        #expect(try await other.call("EXISTS", "a") == .integer(0))
        try await node.stop()
    }

    @Test("a client that says it sends nothing more still gets its replies, then the end")
    func halfClosed() async throws {
        let node = try await TestNode.start(scratch) { $0.syncsAlways = true }
        let client = try await node.client()
        client.send("SET a 1\r\nGET a\r\nKEYS *\r\n")
        try await client.channel.close(mode: .output)
        #expect(try await client.reply() == .simple("OK"))
        #expect(try await client.reply() == .bulk("1"))
        #expect(try await client.reply() == .array([.bulk("a")]))
        #expect(try await client.isClosed())
        let silent = try await node.client()
        try await silent.channel.close(mode: .output)
        #expect(try await silent.isClosed())
        try await node.stop()
    }

    @Test("garbage behind good commands: those are answered, then comes the error, then the end")
    func pipelinedGarbage() async throws {
        let node = try await TestNode.start(scratch)
        let client = try await node.client()
        client.send(
            TestClient.request(["SET", "a", "1"]) + TestClient.request(["GET", "a"]) + Array("*1\r\n!garbage\r\n".utf8)
                + TestClient.request(["SET", "a", "2"]))
        #expect(try await client.reply() == .simple("OK"))
        #expect(try await client.reply() == .bulk("1"))
        #expect(try await client.reply() == .error("ERR Protocol error: expected '$', got '!'"))
        #expect(try await client.isClosed())
        let other = try await node.client()
        #expect(try await other.call("GET", "a") == .bulk("1"))
        try await node.stop()
    }

    @Test("a bulk string that says it is huge is refused before memory is taken")
    func hugeBulkLength() async throws {
        let node = try await TestNode.start(scratch)
        for length in ["16777217", "4294967296", "9223372036854775807", "-5"] {
            let client = try await node.client()
            client.send("*3\r\n$3\r\nSET\r\n$1\r\na\r\n$\(length)\r\n")
            #expect(try await client.reply() == .error("ERR Protocol error: invalid bulk length"))
            #expect(try await client.isClosed())
        }
        let client = try await node.client()
        #expect(try await client.call("SET", "a", String(repeating: "x", count: 1 << 20)) == .simple("OK"))
        #expect(try await client.call("STRLEN", "a") == .integer(1 << 20))
        try await node.stop()
    }

    @Test("a client that does not read is held back, then cut, and takes bounded memory")
    func slowReader() async throws {
        let node = try await TestNode.start(scratch) { $0.slowReaderPatience = .milliseconds(500) }
        let other = try await node.client()
        _ = try await other.call("SET", "a", String(repeating: "x", count: 1 << 20))
        let slow = try await TestClient.connect(node.listener.address, reads: false)
        for _ in 0..<2000 { slow.send(TestClient.request(["GET", "a"])) }
        #expect(
            try await TestNode.eventually {
                try await other.call("INFO", "stats").text?.contains("output_buffer_limit_disconnections:1") ?? false
            })
        let stats = try await other.call("INFO", "commandstats").text ?? ""
        let line = stats.split(separator: "\r\n").first { $0.hasPrefix("cmdstat_get:") } ?? ""
        let calls = line.split(separator: "=").dropFirst().first?.split(separator: ",").first.flatMap { Int($0) }
        // The sockets' own buffers take some; of 2,000 answers of 1 MiB few may have been made.
        #expect(calls ?? .max < 100, "\(line)")
        #expect(try await other.call("PING") == .simple("PONG"))
        try await node.stop()
    }

    @Test("a thousand idle connections are held while others are served, and one over the limit is refused")
    func thousandIdleConnections() async throws {
        let node = try await TestNode.start(scratch) { $0.maximumClients = 1001 }
        var idle: [TestClient] = []
        for _ in 0..<1000 { idle.append(try await node.client()) }
        let client = try await node.client()
        #expect(try await client.call("SET", "a", "1") == .simple("OK"))
        let refused = try await node.client()
        #expect(try await refused.reply() == .error("ERR max number of clients reached"))
        #expect(try await refused.isClosed())
        for (number, client) in idle.enumerated() where number % 100 == 0 {
            #expect(try await client.call("GET", "a") == .bulk("1"))
        }
        for client in idle { await client.close() }
        #expect(
            try await TestNode.eventually {
                try await client.call("INFO", "clients").text?.contains("connected_clients:1\r\n") ?? false
            })
        try await node.stop()
    }

    @Test("where a password is set, nothing is served before it is given")
    func authBeforeAnything() async throws {
        let node = try await TestNode.start(scratch) { $0.password = "0123456789abcdef" }
        let client = try await node.client()
        for command in CommandTable.shared.commands {
            if ["auth", "hello", "quit", "reset"].contains(command.container) { continue }
            if command.name == command.container, !CommandTable.shared.subcommands(of: command).isEmpty { continue }
            var words = command.name.split(separator: "|").map(String.init)
            while words.count < abs(command.arity) { words.append("1") }
            let reply = try await client.call(words)
            let refusal = "NOAUTH Authentication required."
            let expected =
                command.name == "exec" ? "EXECABORT Transaction discarded because of: \(refusal)" : refusal
            #expect(reply == .error(expected), "\(command.name)")
        }
        #expect(try await client.call("HELLO", "3").text?.hasPrefix("NOAUTH HELLO") ?? false)
        #expect(
            try await client.call("AUTH", "wrong")
                == .error("WRONGPASS invalid username-password pair or user is disabled."))
        #expect(try await client.call("AUTH", "0123456789abcdef") == .simple("OK"))
        #expect(try await client.call("SET", "a", "1") == .simple("OK"))
        #expect(try await client.call("RESET") == .simple("RESET"))
        #expect(try await client.call("GET", "a") == .error("NOAUTH Authentication required."))
        try await node.stop()
    }

    @Test("certificates are replaced under load and no request fails")
    func certificateRotatedUnderLoad() async throws {
        let (certificate, key) = (scratch.path + "/listener.pem", scratch.path + "/listener.key")
        func install(_ name: String) throws {
            for (file, target) in [("\(name).pem", certificate), ("\(name).key", key)] {
                let bytes = try Data(contentsOf: URL(filePath: fixtures + "/certificates/" + file))
                try bytes.write(to: URL(filePath: target), options: .atomic)
            }
        }
        try install("us-east")
        let node = try await TestNode.start(scratch) {
            $0.tls = ListenerTLS(certificate: certificate, key: key, clientAuthorities: nil)
        }
        let authority = try NIOSSLCertificate.fromPEMFile(fixtures + "/certificates/authority.pem")
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.trustRoots = .certificates(authority)
        let context = try NIOSSLContext(configuration: configuration)
        let address = node.listener.address
        let isOver = NIOLockedValueBox(false)
        let load = (0..<4).map { worker in
            Task {
                var served = 0
                let lasting = try await TestClient.connect(address, tls: context)
                while !isOver.withLockedValue({ $0 }) {
                    let fresh = try await TestClient.connect(address, tls: context)
                    #expect(try await fresh.call("SET", "k\(worker)", "\(served)") == .simple("OK"))
                    #expect(try await lasting.call("GET", "k\(worker)") == .bulk("\(served)"))
                    await fresh.close()
                    served += 1
                }
                return served
            }
        }
        func shown() async throws -> [UInt8]? {
            let client = try await TestClient.connect(address, tls: context)
            _ = try await client.call("PING")
            let found = try await client.channel.pipeline.handler(type: NIOSSLClientHandler.self).map {
                try? $0.peerCertificate?.toDERBytes()
            }.get()
            await client.close()
            return found
        }
        let first = try await shown()
        try install("eu-west")
        #expect(try await TestNode.eventually { try await shown() != first })
        try install("us-east")
        #expect(try await TestNode.eventually { try await shown() == first })
        isOver.withLockedValue { $0 = true }
        for task in load { #expect(try await task.value > 0) }
        try await node.stop()
    }

    @Test("a client that must show a certificate is refused without one")
    func mutualTLS() async throws {
        let folder = fixtures + "/certificates/"
        let node = try await TestNode.start(scratch) {
            $0.tls = ListenerTLS(
                certificate: folder + "us-east.pem", key: folder + "us-east.key",
                clientAuthorities: folder + "authority.pem")
        }
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(folder + "authority.pem"))
        let without = try await TestClient.connect(
            node.listener.address, tls: try NIOSSLContext(configuration: configuration))
        await #expect(throws: (any Error).self) { try await without.call("PING") }
        configuration.certificateChain = try NIOSSLCertificate.fromPEMFile(folder + "eu-west.pem").map {
            .certificate($0)
        }
        configuration.privateKey = .privateKey(try NIOSSLPrivateKey(file: folder + "eu-west.key", format: .pem))
        let with = try await TestClient.connect(
            node.listener.address, tls: try NIOSSLContext(configuration: configuration))
        #expect(try await with.call("PING") == .simple("PONG"))
        try await node.stop()
    }

    @Test("who has not logged in is shown, and killed, as `default`")
    func withoutLogin() async throws {
        let node = try await TestNode.start(scratch) { $0.password = "0123456789abcdef" }
        let (client, silent) = (try await node.client(), try await node.client())
        #expect(try await silent.call("PING").isError)
        #expect(try await client.call("AUTH", "0123456789abcdef") == .simple("OK"))
        let list = try #require(try await client.call("CLIENT", "LIST").text)
        #expect(list.split(separator: "\n").count == 2)
        #expect(list.split(separator: "\n").allSatisfy { $0.contains(" user=default ") })
        #expect(try await client.call("CLIENT", "KILL", "USER", "default") == .integer(1))
        #expect(try await silent.isClosed())
        try await node.stop()
    }

    @Test("CLIENT LIST ID gives the connections in the order that was asked, and takes any number")
    func listed() async throws {
        let node = try await TestNode.start(scratch)
        let clients = [try await node.client(), try await node.client(), try await node.client()]
        var ids: [String] = []
        for client in clients { ids.append(try #require(try await client.call("CLIENT", "ID").text)) }
        let list = try await clients[0].call("CLIENT", "LIST", "ID", ids[2], "0", "-1", ids[0], "99999999").text ?? ""
        #expect(list.split(separator: "\n").map { $0.prefix { $0 != " " } } == ["id=\(ids[2])", "id=\(ids[0])"])
        #expect(try await clients[0].call("CLIENT", "LIST", "ID", "0") == .bulk(""))
        #expect(try await clients[0].call("CLIENT", "LIST", "ID", ids[0], "x") == .error("ERR Invalid client ID"))
        let help = try await clients[0].call("CLIENT", "HELP").values.compactMap(\.text)
        for command in CommandTable.shared.commands where command.container == "client" && command.name != "client" {
            let name = command.name.dropFirst("client|".count).uppercased()
            #expect(help.contains { $0.prefix { $0 != " " } == name }, "\(name)")
        }
        try await node.stop()
    }

    @Test("CLIENT LIST tells what a transaction has queued, and what waits for the socket")
    func memoryListed() async throws {
        let node = try await TestNode.start(scratch)
        let (client, other) = (try await node.client(), try await node.client())
        try await other.call("SET", "a", String(repeating: "x", count: 1 << 20))
        func value(_ name: String, _ id: String) async throws -> Int {
            let line = try await other.call("CLIENT", "LIST", "ID", id).text ?? ""
            let words = line.split(separator: " ")
            return words.first { $0.hasPrefix("\(name)=") }.flatMap { Int($0.dropFirst(name.count + 1)) } ?? -1
        }
        let id = try await client.call("CLIENT", "ID").text ?? ""
        #expect(try await value("multi-mem", id) == 0)
        for command in [["MULTI"], ["SET", "k", String(repeating: "x", count: 5000)]] { try await client.call(command) }
        let queued = try await value("multi-mem", id)
        #expect((5000..<6000).contains(queued))
        #expect(try await value("omem", id) == 0)
        let slow = try await TestClient.connect(node.listener.address, reads: false)
        slow.send(TestClient.request(["CLIENT", "SETNAME", "slow"]))
        for _ in 0..<100 { slow.send(TestClient.request(["GET", "a"])) }
        #expect(
            try await TestNode.eventually {
                let lines = try await other.call("CLIENT", "LIST").text?.split(separator: "\n") ?? []
                guard let line = lines.first(where: { $0.contains(" name=slow ") }) else { return false }
                return line.contains(/omem=[1-9]\d{5,} tot-mem=[1-9]\d{5,}/)
            })
        try await node.stop()
    }
}
