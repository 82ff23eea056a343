import Deadline
import Foundation
import GodwitEngine
import GodwitNode
import Logging
import Testing

@testable import GodwitServer

/// The file of users.
@Suite(.deadline(seconds: 60)) struct AccessTests {
    private let scratch = Scratch()

    @Test("whatever users ACL SAVE writes, ACL LOAD reads, quotes and bytes that are no text included")
    func savedUsersLoad() async throws {
        let path = scratch.path + "/users.acl"
        try Data("user default on nopass ~* &* +@all\n".utf8).write(to: URL(filePath: path))
        try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: path)
        let node = try await TestNode.start(scratch) { $0.aclFile = path }
        let client = try await node.client()
        let users: [[String]] = [
            ["quo'te", "on", ">it's", "~a\"b*", "%R~'c", "&d\"'", "+get"],
            ["", "on", "nopass", "~*", "+@read", "-keys"],
            ["all", "%RW~*", "~later", "%W~x", "allchannels", "+@all", "-@dangerous", "+config|get"],
            ["back\\slash", "off", "~\\x41\\n", "resetchannels", "&*x", "&y"],
            ["none", "on", "#\(PasswordDigest.hexadecimal([1]))"],
        ]
        for user in users { #expect(try await client.call(["ACL", "SETUSER"] + user) == .simple("OK"), "\(user)") }
        client.send(Array("*4\r\n$3\r\nACL\r\n$7\r\nSETUSER\r\n$3\r\nraw\r\n$3\r\n~".utf8) + [0xFF, 0xC3] + [13, 10])
        #expect(try await client.reply() == .simple("OK"))
        for (pattern, what) in [("~a b", "a key"), ("&a b", "a channel"), ("~a\tb", "a key")] {
            #expect(try await client.call("ACL", "SETUSER", "bad", pattern).isError, "\(what) with white space")
        }
        let before = try await client.call("ACL", "LIST")
        #expect(before.values.count == 7)
        #expect(try await client.call("ACL", "SAVE") == .simple("OK"))
        let saved = try Data(contentsOf: URL(filePath: path))
        // Nobody else may read it than before.
        #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o640)
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path).allSatisfy { !$0.hasSuffix(".new") })
        #expect(Array(saved).firstRange(of: [UInt8(ascii: "~"), 0xFF, 0xC3, 32]) != nil)
        #expect(try await client.call("ACL", "LOAD") == .simple("OK"))
        #expect(try await client.call("ACL", "LIST") == before)
        #expect(try await client.call("ACL", "SAVE") == .simple("OK"))
        #expect(try Data(contentsOf: URL(filePath: path)) == saved)
        let other = try await node.client()
        #expect(try await other.call("AUTH", "quo'te", "it's") == .simple("OK"))
        #expect(try await other.call("GET", "a\"bc") == .null)
        #expect(try await other.call("GET", "'c") == .null)
        #expect(try await other.call("GET", "c").isError)
        try await node.stop()
    }

    @Test("a file is split at single spaces, as Redis does it, and taken whole or not at all")
    func parsed() throws {
        func users(_ text: String) throws -> [String: User] { try AccessFile.users(in: Array(text.utf8), of: "f") }
        let found = try users(
            "\n  user a on >p\"q ~x'y  +get \r\nuser  on +get\n# user b on\n\nuser default on nopass\n")
        #expect(found.keys.sorted() == ["", "a", "default"])
        #expect(found["a"]?.opens(Array("p\"q".utf8)) == true)
        #expect(found["a"]?.keyRules == [Array("~x'y".utf8)])
        for damaged in [
            "user", "nobody a on", "user a on\nuser a off", "user a\tb on", "user a +nothing", "user a 'on'",
        ] {
            #expect(throws: AccessFile.Problem.self, "\(damaged)") { try users(damaged) }
        }
    }

    @Test("users are saved and loaded within a transaction, once each, and while the node has no data")
    func savedWithin() async throws {
        let path = scratch.path + "/users.acl"
        try Data("user default on nopass ~* &* +@all\n".utf8).write(to: URL(filePath: path))
        let node = try await TestNode.start(scratch) { $0.aclFile = path }
        let client = try await node.client()
        try await client.call("SET", "k", "1")
        for command in [
            ["MULTI"], ["ACL", "SETUSER", "bob", "on"], ["ACL", "SAVE"], ["KEYS", "*"], ["ACL", "LOAD"],
        ] {
            try await client.call(command)
        }
        #expect(
            try await client.call("EXEC")
                == .array([.simple("OK"), .simple("OK"), .array([.bulk("k")]), .simple("OK")]))
        #expect(try String(contentsOfFile: path, encoding: .utf8).contains("user bob on"))
        try FileManager.default.removeItem(atPath: path)
        #expect(
            try await client.call("ACL", "LOAD")
                == .error("ERR Error loading ACLs, opening file '\(path)': No such file or directory"))
        let nowhere = HostPort(host: "127.0.0.1", port: 1)
        var options = NodeOptions(directory: scratch.path + "/waiting", region: "waiting")
        options.follow = nowhere
        options.logger.logLevel = .critical
        let waiting = try await Node.start(options)
        try Data("user default on nopass ~* &* +@all\n".utf8).write(to: URL(filePath: path))
        var settings = RedisSettings(address: HostPort(host: "127.0.0.1", port: 0))
        settings.aclFile = path
        let listener = try await RedisListener.start(waiting, settings, logger: options.logger)
        let reader = try await TestClient.connect(listener.address)
        #expect(try await reader.call("GET", "k").text?.hasPrefix("LOADING") == true)
        #expect(try await reader.call("ACL", "LOAD") == .simple("OK"))
        #expect(try await reader.call("ROLE").values.first == .bulk("slave"))
        await listener.stop()
        try await waiting.close()
        try await node.stop()
    }

    @Test("users that many save at once are those of the last who did, whole")
    func savedAtOnce() async throws {
        let path = scratch.path + "/users.acl"
        try Data("user default on nopass ~* &* +@all\n".utf8).write(to: URL(filePath: path))
        let node = try await TestNode.start(scratch) { $0.aclFile = path }
        let first = try await node.client()
        for number in 0..<300 {
            try await first.call("ACL", "SETUSER", "user\(number)", "on", ">\(number)", "~*", "+get")
        }
        var clients: [TestClient] = []
        for _ in 0..<12 { clients.append(try await node.client()) }
        for round in 0..<20 {
            for (number, client) in clients.enumerated() {
                client.send(
                    TestClient.request(["ACL", "SETUSER", "saver\(number)", "~\(round)"])
                        + TestClient.request(["ACL", "SAVE"]))
            }
        }
        for client in clients {
            for _ in 0..<40 { #expect(try await client.reply() == .simple("OK")) }
        }
        let users = try await first.call("ACL", "LIST").values.compactMap(\.text)
        let saved = try String(contentsOfFile: path, encoding: .utf8)
        #expect(users.count == 313)
        #expect(saved.split(separator: "\n").map(String.init) == users)
        try await node.stop()
    }

    @Test("of a link to the file of users, the file behind it is written, and others may not read it")
    func savedBehindALink() async throws {
        let (link, path) = (scratch.path + "/users.acl", scratch.path + "/behind.acl")
        try Data("user default on nopass ~* &* +@all\n".utf8).write(to: URL(filePath: path))
        try FileManager.default.setAttributes([.posixPermissions: 0o644], ofItemAtPath: path)
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: path)
        let node = try await TestNode.start(scratch) { $0.aclFile = link }
        let client = try await node.client()
        try await client.call("ACL", "SETUSER", "bob", "on")
        #expect(try await client.call("ACL", "SAVE") == .simple("OK"))
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: link) == path)
        #expect(try String(contentsOfFile: path, encoding: .utf8).contains("user bob on"))
        #expect(try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int == 0o640)
        try await node.stop()
    }

    @Test("where others reach the listener, a file that leaves `default` without a password is refused, and not loaded")
    func openToOthers() throws {
        let path = scratch.path + "/users.acl"
        func settings(_ content: String, host: String = "0.0.0.0") throws -> RedisSettings {
            try Data(content.utf8).write(to: URL(filePath: path))
            var settings = RedisSettings(address: HostPort(host: host, port: 0))
            settings.aclFile = path
            return settings
        }
        for open in ["", "user bob on >secret +@all ~*\n", "user default on nopass +@all ~*\n"] {
            #expect(throws: NodeError.self, "\(open)") { try Access(settings(open)) }
            #expect(try Access(settings(open, host: "127.0.0.1")).initialUser != nil)
            var insecure = try settings(open)
            insecure.isInsecure = true
            #expect(try Access(insecure).initialUser != nil)
        }
        #expect(try Access(settings("user default off\n")).initialUser == nil)
        let access = try Access(settings("user default on >secret +@all ~*\nuser bob on >secret +@all ~*\n"))
        #expect(throws: AccessFile.Problem.self) { try access.load(Array("user eve on >secret +@all ~*\n".utf8)) }
        #expect(access.user("bob") != nil && access.user("eve") == nil && access.initialUser == nil)
        // The password holds where the file does not speak of `default`, and only there.
        var both = try settings("user bob on >secret +@all ~*\n")
        both.password = "sixteen-or-more-letters"
        let kept = try Access(both)
        #expect(kept.initialUser == nil)
        #expect(kept.logIn("default", Array("sixteen-or-more-letters".utf8)) != nil)
        try kept.load(Array("user default on >other +@all ~*\n".utf8))
        #expect(kept.logIn("default", Array("sixteen-or-more-letters".utf8)) == nil)
        try kept.load(Array("user bob on >secret +@all ~*\n".utf8))
        #expect(kept.logIn("default", Array("sixteen-or-more-letters".utf8)) != nil)
    }

    @Test("all that is wrong with a file is said at once, in Redis' words, and nothing of it is taken")
    func damagedFile() async throws {
        let path = scratch.path + "/users.acl"
        let file = URL(filePath: path)
        try Data("user default on nopass ~* &* +@all\n".utf8).write(to: file)
        let node = try await TestNode.start(scratch) { $0.aclFile = path }
        let client = try await node.client()
        let end = " WARNING: ACL errors detected, no change to the previously active ACL rules was performed"
        let unknown = "Unknown command or category name in ACL"
        for (content, problems) in [
            ("user\n", "\(path):1 should start with user keyword followed by the username."),
            (
                "user default on nopass +@all ~*\nnobody a on\nuser a on\nuser a off\nuser a\tb on\nuser b +nothing\n",
                "\(path):2 should start with user keyword followed by the username. "
                    + "WARNING: Duplicate user 'a' found on line 4. "
                    + "'\(path):5: username 'a\tb' contains invalid characters. "
                    + "\(path):6: Error in applying operation '+nothing': \(unknown)."
            ),
            (
                "user b +@nothing >x !zz <y +client|nosuch\n\nuser c 'on'",
                "\(path):1: Error in applying operation '+@nothing': \(unknown). "
                    + "\(path):1: The password hash must be exactly 64 characters and contain only lowercase hexadecimal "
                    + "characters. \(path):1: Error in applying operation '+client|nosuch': \(unknown). "
                    + "\(path):3: Syntax error."
            ),
        ] {
            try Data(content.utf8).write(to: file)
            #expect(try await client.call("ACL", "LOAD") == .error("ERR " + problems + end))
        }
        #expect(try await client.call("ACL", "USERS") == .array([.bulk("default")]))
        try await node.stop()
    }

    @Test("a rule on a command that nobody has is refused, and so is one on a first argument, which would do nothing")
    func commandRules() {
        let unknown = "Unknown command or category name in ACL"
        let subcommands = "Allowing first-arg of a subcommand is not supported"
        let first = "Godwit has no rules on first arguments of commands"
        for (rule, problem) in [
            ("-config|sett", unknown), ("+client|nosuch", unknown), ("-client|nosuch", unknown), ("+nosuch|a", unknown),
            ("-get|x", unknown), ("-select|0", unknown), ("+|x", unknown), ("-config|get|x", unknown),
            ("+client|nosuch|x", unknown), ("+config|get|x", subcommands), ("+acl|whoami|x", subcommands),
            ("+select|", "Syntax error"), ("+config|", "Syntax error"), ("+select|0", first), ("+GET|X", first),
            ("+client|tracking", nil), ("-object|freq", nil), ("+config|rewrite", nil), ("+CONFIG|GET", nil),
            ("-config|get", nil), ("+xinfo|stream", nil), ("+debug|sleep", nil), ("+lpush", nil), ("+waitaof", nil),
        ] as [(String, String?)] {
            #expect(User("u").apply(Array(rule.utf8)) == problem, "\(rule)")
        }
    }

    @Test("what is denied again is noted as of the last time, and a failed login by the command as it was sent")
    func denialsNoted() async throws {
        let node = try await TestNode.start(scratch)
        let (first, second) = (try await node.client(), try await node.client())
        /// Count, context, object and the name of the connection, newest first.
        func log() async throws -> [String] {
            try await first.call("ACL", "LOG").values.map { entry in
                let values = entry.values
                let name = values[13].text?.split(separator: " ").first { $0.hasPrefix("name=") } ?? ""
                return [values[1], values[5], values[7]].compactMap(\.text).joined(separator: " ") + " \(name)"
            }
        }
        try await second.call("CLIENT", "SETNAME", "second")
        for words in [["AUTH", "bob", "x"], ["hello", "3", "auth", "bob", "x"], ["auth", "bob", "x"]] {
            #expect(try await first.call(words).isError)
        }
        #expect(try await log() == ["1 toplevel auth name=", "1 toplevel hello name=", "1 toplevel AUTH name="])
        #expect(try await second.call("AUTH", "bob", "y").isError)
        for words in [["MULTI"], ["AUTH", "bob", "x"], ["EXEC"]] { try await second.call(words) }
        #expect(
            try await log() == [
                "1 multi AUTH name=second", "2 toplevel AUTH name=second", "1 toplevel auth name=",
                "1 toplevel hello name=",
            ])
        try await Task.sleep(for: .milliseconds(1200))
        #expect(try await second.call("AUTH", "bob", "y").isError)
        let newest = try await first.call("ACL", "LOG", "1").values[0].values
        #expect(newest[1] == .integer(3))
        #expect(try #require(newest[11].text.flatMap(Double.init)) < 1)
        try await node.stop()
    }

    @Test("of a long category that nobody knows the error shows the beginning")
    func unknownCategory() async throws {
        let node = try await TestNode.start(scratch)
        let reply = try await node.client().call("ACL", "CAT", String(repeating: "x", count: 300))
        #expect(reply == .error("ERR Unknown category '\(String(repeating: "x", count: 128))'"))
        try await node.stop()
    }
}
