import Deadline
import Foundation
import GodwitEngine
import Testing

/// put, get and delete, as a shell sees them.
@Suite(.deadline(seconds: 300)) struct PointCommandTests {
    private let scratch = Scratch()
    private var data: String { scratch.path + "/store" }

    @Test("a value put is got, byte for byte and with nothing after it")
    func putAndGet() throws {
        let put = try Command.godwit(["put", "--data", data, "plane/N14228", "{\"flights\":111}"])
        #expect(put.status == 0)
        #expect(put.text == "" && put.errors == "")
        let get = try Command.godwit(["get", "--data", data, "plane/N14228"])
        #expect(get.status == 0)
        #expect(get.text == "{\"flights\":111}")
    }

    @Test("keys and values are UTF-8; a value that begins with a dash goes after --")
    func text() throws {
        try Command.godwit(["put", "--data", data, "żółw", "🐢"])
        #expect(try Command.godwit(["get", "--data", data, "żółw"]).text == "🐢")
        try Command.godwit(["put", "--data", data, "--", "-k", "--v"])
        #expect(try Command.godwit(["get", "--data", data, "--", "-k"]).text == "--v")
    }

    @Test("bytes that are no text come out as they are")
    func binary() throws {
        let bytes = (0...255).map { UInt8($0) }
        let engine = try Engine.open(at: data)
        try engine.put("all", bytes)
        try engine.close()
        #expect(try Command.godwit(["get", "--data", data, "all"]).output == bytes)
    }

    @Test("get: 1 for an absent key, silently")
    func absent() throws {
        try Command.godwit(["put", "--data", data, "a", "1"])
        let get = try Command.godwit(["get", "--data", data, "b"])
        #expect(get.status == 1)
        #expect(get.text == "" && get.errors == "")
    }

    @Test("get: 2 and a message for any error, and no store is made")
    func errors() throws {
        let missing = try Command.godwit(["get", "--data", data, "a"])
        #expect(missing.status == 2)
        #expect(missing.errors.contains("there is no store"))
        #expect(!FileManager.default.fileExists(atPath: data))
        let usage = try Command.godwit(["get", "--data", data])
        #expect(usage.status == 2)
        #expect(usage.errors.contains("<key>"))
        try Command.godwit(["put", "--data", data, "a", "1"])
        let keyspace = try Command.godwit(["get", "--data", data, "--keyspace", "none", "a"])
        #expect(keyspace.status == 2)
        #expect(keyspace.errors.contains("there is no keyspace `none`; this store has: default"))
    }

    @Test("delete removes a key; one that is not there is no error")
    func delete() throws {
        try Command.godwit(["put", "--data", data, "a", "1"])
        #expect(try Command.godwit(["delete", "--data", data, "a"]).status == 0)
        #expect(try Command.godwit(["get", "--data", data, "a"]).status == 1)
        #expect(try Command.godwit(["delete", "--data", data, "a"]).status == 0)
    }

    @Test("keyspaces are apart; put makes them")
    func keyspaces() throws {
        try Command.godwit(["put", "--data", data, "--keyspace", "one", "a", "1"])
        try Command.godwit(["put", "--data", data, "--keyspace", "two", "a", "2"])
        #expect(try Command.godwit(["get", "--data", data, "--keyspace", "one", "a"]).text == "1")
        #expect(try Command.godwit(["get", "--data", data, "--keyspace", "two", "a"]).text == "2")
        #expect(try Command.godwit(["get", "--data", data, "a"]).status == 1)
    }

    @Test("a value is gone after its TTL")
    func timeToLive() throws {
        try Command.godwit(["put", "--data", data, "--ttl", "200ms", "short", "1"])
        try Command.godwit(["put", "--data", data, "--ttl", "7d", "long", "1"])
        Thread.sleep(forTimeInterval: 0.3)
        #expect(try Command.godwit(["get", "--data", data, "short"]).status == 1)
        #expect(try Command.godwit(["get", "--data", data, "long"]).status == 0)
    }

    @Test("a TTL that is no duration is refused", arguments: ["0s", "5", "s", "-1s", "1w", "1.5h", "99999999999d"])
    func badTimeToLive(ttl: String) throws {
        let put = try Command.godwit(["put", "--data", data, "--ttl=" + ttl, "a", "1"])
        #expect(put.status == 2)
        #expect(!FileManager.default.fileExists(atPath: data))
    }

    @Test("a store that is open elsewhere is refused with the holder's process id")
    func locked() throws {
        let engine = try Engine.open(at: data)
        try engine.put("a", "1")
        for arguments in [["get", "--data", data, "a"], ["put", "--data", data, "a", "2"]] {
            let refused = try Command.godwit(arguments)
            #expect(refused.status == 2)
            #expect(refused.errors.contains("open in process \(ProcessInfo.processInfo.processIdentifier)"))
        }
        try engine.close()
        #expect(try Command.godwit(["get", "--data", data, "a"]).text == "1")
    }

    @Test("help of the command and of each subcommand shows examples and exits 0")
    func help() throws {
        let help = try Command.godwit(["--help"])
        #expect(help.status == 0)
        #expect(help.text.contains("Examples:"))
        let names =
            help.text.split(separator: "SUBCOMMANDS:").last?.split(separator: "\n")
            .filter { $0.hasPrefix("  ") && !$0.hasPrefix("   ") && !$0.contains("help <subcommand>") }
            .compactMap { $0.split(separator: " ").first.map(String.init) } ?? []
        #expect(names.count >= 6)
        for name in names {
            let help = try Command.godwit([name, "--help"])
            #expect(help.status == 0)
            #expect(help.text.contains("godwit \(name) ") && help.text.contains("Example"), "\(name)")
        }
    }
}
