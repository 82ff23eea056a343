import Deadline
import Foundation
import GodwitNode
import Logging
import Testing

@testable import GodwitServer

/// CONFIG, and the settings that a listener is started with.
@Suite(.deadline(seconds: 60)) struct ConfigurationTests {
    private let scratch = Scratch()

    @Test("a port that is taken is refused where it was asked for, and else another is picked")
    func takenPort() async throws {
        let first = try await TestNode.start(scratch, region: "first")
        let taken = first.listener.address
        await #expect(throws: NodeError.self) {
            _ = try await RedisListener.start(
                first.node, RedisSettings(address: taken), logger: Logger(label: "taken"))
        }
        let second = try await TestNode.start(scratch, region: "second") { settings in
            settings.address = taken
            settings.takesAnyPort = true
        }
        #expect(second.listener.address.port != taken.port)
        let client = try await second.client()
        #expect(try await client.call("PING") == .simple("PONG"))
        try await second.stop()
        try await first.stop()
    }

    @Test("of several settings all are changed or none, and the password that a rule gave `default` stays")
    func allOrNone() async throws {
        let node = try await TestNode.start(scratch)
        let client = try await node.client()
        #expect(try await client.call("ACL", "SETUSER", "default", "resetpass", ">from-a-rule") == .simple("OK"))
        for (settings, reason) in [
            (["requirepass", "new", "maxclients", "x"], "'maxclients') - argument couldn't be parsed into an integer"),
            (["slowlog-max-len", "5", "maxclients", "0"], "'maxclients') - argument must be between 1 and 4294967295"),
            (["requirepass", "new", "port", "1"], "'port') - can't set immutable config"),
            (["requirepass", "new", "requirepass", ""], "'requirepass') - duplicate parameter"),
        ] {
            let reply = try await client.call(["CONFIG", "SET"] + settings)
            #expect(reply.isError && reply.text?.contains(reason) == true, "\(settings): \(reply)")
        }
        let other = try await node.client()
        #expect(try await other.call("GET", "k") == .error("NOAUTH Authentication required."))
        #expect(try await other.call("AUTH", "new").isError)
        #expect(try await other.call("AUTH", "from-a-rule") == .simple("OK"))
        #expect(
            try await client.call("CONFIG", "GET", "slowlog-max-len")
                == .array([.bulk("slowlog-max-len"), .bulk("128")]))
        #expect(try await client.call("CONFIG", "SET", "maxclients", "77", "slowlog-max-len", "5") == .simple("OK"))
        #expect(try await client.call("CONFIG", "GET", "maxclients").values.last == .bulk("77"))
        #expect(try await client.call("CONFIG", "GET", "slowlog-max-len").values.last == .bulk("5"))
        client.send(
            Array("*4\r\n$6\r\nCONFIG\r\n$3\r\nSET\r\n$11\r\nrequirepass\r\n$2\r\n".utf8) + [0xFF, 0xFE, 13, 10])
        let refusal = try await client.reply()
        #expect(refusal.isError && refusal.text?.contains("UTF-8") == true, "a password that AUTH would not find")
        #expect(try await other.call("AUTH", "from-a-rule") == .simple("OK"))
        try await node.stop()
    }

    @Test("where others reach the listener nobody can take the password of `default` away, unless --insecure was said")
    func stayClosed() async throws {
        let password = "sixteen-or-more-letters"
        for isInsecure in [false, true] {
            let node = try await TestNode.start(scratch, region: "insecure-\(isInsecure)") {
                $0.address = HostPort(host: "0.0.0.0", port: 0)
                $0.password = password
                $0.isInsecure = isInsecure
            }
            let client = try await node.client()
            #expect(try await client.call("AUTH", password) == .simple("OK"))
            for opening in [
                ["CONFIG", "SET", "requirepass", ""], ["CONFIG", "SET", "maxclients", "5", "requirepass", ""],
                ["ACL", "SETUSER", "default", "nopass"], ["ACL", "SETUSER", "default", "off", "nopass", "on"],
            ] {
                let reply = try await client.call(opening)
                #expect(
                    isInsecure ? reply == .simple("OK") : reply.text?.contains("others can reach") == true, "\(opening)"
                )
            }
            // Who is switched off lets nobody in.
            #expect(try await client.call("ACL", "SETUSER", "default", "off", "nopass") == .simple("OK"))
            #expect(try await client.call("ACL", "SETUSER", "default", "on").isError == !isInsecure)
            let other = try await node.client()
            #expect(
                try await other.call("GET", "k") == (isInsecure ? .null : .error("NOAUTH Authentication required.")))
            #expect(
                try await client.call("CONFIG", "GET", "maxclients").values.last == .bulk(isInsecure ? "5" : "10000"))
            try await node.stop()
        }
    }

    @Test("the port that CONFIG tells is the one that was picked")
    func port() async throws {
        let node = try await TestNode.start(scratch)
        let reply = try await node.client().call("CONFIG", "GET", "port")
        #expect(reply == .array([.bulk("port"), .bulk("\(node.listener.address.port)")]))
        try await node.stop()
    }

    @Test("a file that holds a secret holds one word: white space around it does not count, and within it is refused")
    func secrets() async throws {
        let path = scratch.path + "/password"
        func read(_ content: String) async throws -> String? {
            try Data(content.utf8).write(to: URL(filePath: path))
            let flags = ["data": scratch.path + "/s", "region": "r", "redis-password-file": path]
            return try await SettingsReader.read(flags: flags, file: nil).redis?.password
        }
        #expect(try await read(" \tsixteen-or-more-letters\r\n\n") == "sixteen-or-more-letters")
        for damaged in ["sixteen-or-more-letters and more", "sixteen-or-more-letters\nsecond-line", "", "short\n"] {
            await #expect(throws: NodeError.self, "\(damaged)") { try await read(damaged) }
        }
    }
}
