import Deadline
import Foundation
import GodwitReplication
import GodwitServer
import Testing

/// Every command of the operators' pages runs as it stands there: all `sh` blocks of a page, in order, in one shell.
@Suite(.deadline(seconds: 300)) struct RunbookTests {
    /// Two regions with configuration files and fixed ports, as the pages suppose them.
    private final class Setting {
        let scratch = Scratch()
        let ports = (0..<4).map { _ in Setting.freePort() }
        var us: ServedNode?
        var eu: ServedNode?

        init() throws {
            for (place, region) in ["us-east", "eu-west"].enumerated() {
                let follow = place == 1 ? "follow: 127.0.0.1:\(ports[0])\n" : ""
                _ = try scratch.file(
                    region + ".yaml",
                    """
                    data: \(scratch.path)/\(region)
                    region: \(region)
                    replication: 127.0.0.1:\(ports[place * 2])
                    admin: 127.0.0.1:\(ports[place * 2 + 1])
                    redis: 127.0.0.1:0
                    heartbeat: 100ms
                    \(follow)
                    """)
            }
            try FileManager.default.createSymbolicLink(
                atPath: scratch.path + "/scripts", withDestinationPath: packageDirectory + "/scripts")
        }

        /// Adds lines to both configurations.
        func configure(_ lines: String) throws {
            for region in ["us-east", "eu-west"] {
                let path = scratch.path + "/" + region + ".yaml"
                let text = try String(contentsOfFile: path, encoding: .utf8) + "\n" + lines
                try text.write(toFile: path, atomically: true, encoding: .utf8)
            }
        }

        func startBoth() async throws {
            us = try ServedNode(["--config", scratch.path + "/us-east.yaml"], in: scratch)
            eu = try ServedNode(["--config", scratch.path + "/eu-west.yaml"], in: scratch)
            let written = try await us?.client().put(
                "greeting", Array("hello".utf8), in: "default", "level=durable(1)&wait=20s")
            #expect(written?.confirmed == true)
        }

        /// Runs a page of `docs/`.
        func run(_ page: String) throws {
            let text = try String(contentsOfFile: packageDirectory + "/docs/" + page, encoding: .utf8)
            let blocks = text.matches(of: /(?m)^ *```sh\n((?s:.*?))^ *```$/).map { String($0.1) }
            #expect(!blocks.isEmpty)
            let addresses = zip(["US", "US_ADMIN", "EU", "EU_ADMIN"], ports).map { "\($0)=127.0.0.1:\($1)" }
            let script = """
                set -euo pipefail
                cd '\(scratch.path)'
                export PATH='\(URL(fileURLWithPath: Command.path("godwit")).deletingLastPathComponent().path)':"$PATH"
                \(addresses.joined(separator: "\n"))
                trap 'trap - EXIT; kill $(jobs -p) 2>/dev/null || true; wait' EXIT
                \(blocks.joined(separator: "\n"))
                """
            let command = try Command.launch("/usr/bin/env", ["timeout", "-k", "10", "90", "bash", "-c", script])
            #expect(command.status == 0, "\(page): \(command.text)\(command.errors)")
        }

        private static func freePort() -> Int {
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            defer { close(descriptor) }
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            unsafe withUnsafeMutablePointer(to: &address) { pointer in
                unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bound in
                    _ = unsafe bind(descriptor, bound, length)
                    _ = unsafe getsockname(descriptor, bound, &length)
                }
            }
            return Int(UInt16(bigEndian: address.sin_port))
        }
    }

    @Test("replication.md: two regions start, and verify equal")
    func replication() throws { try Setting().run("replication.md") }

    @Test("lost-region.md: the follower is promoted and takes writes")
    func lostRegion() async throws {
        let setting = try Setting()
        try await setting.startBoth()
        setting.us?.killNow()
        try setting.run("runbooks/lost-region.md")
        let written = try await setting.eu?.client().put("a", [1])
        #expect(written?.heldBy == ["eu-west"])
    }

    @Test("failback.md: the lost region comes back, and has the role again")
    func failback() async throws {
        let setting = try Setting()
        try await setting.startBoth()
        setting.us?.killNow()
        try await setting.eu?.client().promote()
        _ = try await setting.eu?.client().put("a", [1])
        try setting.run("runbooks/failback.md")
        #expect(try await setting.eu?.client().status().role == "follower")
    }

    @Test("slot-lost.md: the follower comes back and is equal")
    func slotLost() async throws {
        let setting = try Setting()
        try setting.configure("retention-size: 64KiB\nmemory: 16MiB\n")
        try await setting.startBoth()
        #expect(setting.eu?.stop() == 0)
        let client = try #require(setting.us?.client())
        var isLost = false
        var random = SystemRandomNumberGenerator()
        for round in 0..<400 where !isLost {
            // Random, so that nothing compresses it.
            let bytes = (0..<1 << 19).map { _ in UInt8.random(in: 0...255, using: &random) }
            _ = try await client.put("big\(round % 8)", bytes)
            isLost = try await client.status().slots.contains { $0.isLost }
        }
        #expect(isLost, "the log is kept past its cap")
        try setting.run("runbooks/slot-lost.md")
        #expect(try await client.status().slots.allSatisfy { !$0.isLost })
    }

    @Test("disk-full.md: the role moves to the region that has room")
    func diskFull() async throws {
        let setting = try Setting()
        try await setting.startBoth()
        try setting.run("runbooks/disk-full.md")
        #expect(try await setting.eu?.client().status().role == "primary")
    }

    @Test("damaged-table.md: a follower with damaged data takes a full copy and is equal")
    func damagedTable() async throws {
        let setting = try Setting()
        try await setting.startBoth()
        for number in 0..<200 { _ = try await setting.us?.client().put("k\(number)", Array("value \(number)".utf8)) }
        _ = try await setting.us?.client().put("last", [1], in: "default", "level=durable(1)&wait=20s")
        #expect(setting.eu?.stop() == 0)
        let directory = setting.scratch.path + "/eu-west"
        #expect(try Command.godwit(["compact", "--data", directory]).status == 0)
        let tables = try FileManager.default.contentsOfDirectory(atPath: directory).filter { $0.hasSuffix(".sst") }
        let table = try #require(tables.sorted().last)
        var bytes = try Data(contentsOf: URL(filePath: directory + "/" + table))
        bytes[bytes.count / 3] ^= 0x10
        try bytes.write(to: URL(filePath: directory + "/" + table))
        let damage = try Command.godwit(["verify", "--data", directory])
        #expect(damage.status == 2 && damage.text.contains(table), "\(damage.text)\(damage.errors)")
        try setting.run("runbooks/damaged-table.md")
    }

    @Test("backup-and-restore.md: what was backed up is there again")
    func backup() async throws {
        let setting = try Setting()
        try await setting.startBoth()
        #expect(setting.eu?.stop() == 0)
        try setting.run("runbooks/backup-and-restore.md")
        let greeting = try Command.godwit(["get", "--data", setting.scratch.path + "/restored", "greeting"])
        #expect(greeting.text == "hello")
    }
}
