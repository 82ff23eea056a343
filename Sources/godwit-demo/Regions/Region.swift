import CommandSupport
import FoundationEssentials
import GodwitNode
import GodwitReplication
import GodwitServer
import LinkProxy

/// One region: a `godwit serve` process of its own, and a proxy in front of its replication listener, so that the link
/// to it can be cut while it lives on.
final class Region {
    let name: String
    let directory: String
    private let log: String
    private let proxy: LinkProxy
    private var process: ChildProcess?
    private(set) var client: NodeClient
    /// Where Redis clients reach it.
    private(set) var redis: HostPort?

    /// Prepares a region whose data stands below a directory. Nothing runs yet.
    init(_ name: String, below folder: String) async throws {
        self.name = name
        directory = folder + "/" + name
        log = folder + "/" + name + ".log"
        proxy = try await LinkProxy.start(to: "127.0.0.1", port: 1)
        client = NodeClient(HostPort(host: "127.0.0.1", port: 1))
    }

    /// Where other regions reach this one: its proxy.
    var address: String { proxy.address }

    /// Starts the process and waits until it serves.
    func start(following leader: Region? = nil) throws {
        var arguments = [
            "serve", "--data", directory, "--region", name, "--replication", "127.0.0.1:0", "--admin", "127.0.0.1:0",
            "--redis", "127.0.0.1:0", "--advertise", address, "--heartbeat", "250ms", "--memory", "64MiB",
        ]
        if let leader { arguments += ["--follow", leader.address] }
        let child = try ChildProcess(arguments, program: ChildProcess.beside("godwit"), log: log)
        process = child
        let line = try readyLine(of: child)
        guard let replication = field("replication", of: line), let admin = field("admin", of: line) else {
            throw CommandFailure("\(name) said `\(line)` instead of where it serves; see \(log)")
        }
        proxy.lead(to: replication.host, port: replication.port)
        client = NodeClient(admin)
        redis = field("redis", of: line)
    }

    /// SIGKILL: what a lost region looks like to the others.
    func kill() {
        process?.kill()
        _ = process?.wait()
        process = nil
        proxy.drop()
    }

    /// SIGTERM, and whether the process then ended in order.
    func stop() throws {
        guard let child = process else { return }
        child.terminate()
        let ending = child.wait()
        process = nil
        guard ending == .exited(0) else { throw CommandFailure("\(name) did not stop in order: \(ending); see \(log)") }
    }

    /// Cuts the region off: nobody reaches its replication listener, and it goes on alone.
    func cutOff() { proxy.cut() }

    /// Mends the link.
    func mend() { proxy.mend() }

    /// Breaks the links to the region, which may be made again at once.
    func dropLinks() { proxy.drop() }

    /// Whether the node keeps a tail that no primary has reported on.
    var hasUnreportedTail: Bool {
        get throws {
            let folder = directory + "/replication/tails"
            guard FileManager.default.fileExists(atPath: folder) else { return false }
            let names = Set(try FileManager.default.contentsOfDirectory(atPath: folder))
            return names.contains { name in
                ![".report", ".damaged"].contains { name.hasSuffix($0) } && !names.contains(name + ".report")
            }
        }
    }

    /// Waits until the node follows another one and has all that it had a moment ago.
    func waitUntilFollowing(_ leader: Region, limit: Duration = .seconds(60)) async throws {
        let end = try await leader.client.status().sequence
        try await wait(limit, "\(name) to follow \(leader.name) up to \(end)") { status in
            status.role == "follower" && status.stage == "streaming" && status.sequence >= end
                && status.leader == leader.address
        }
    }

    /// Waits for something that the node's status shows.
    func wait(_ limit: Duration, _ what: String, for condition: (ReplicaStatus) -> Bool) async throws {
        let end = ContinuousClock.now + limit
        var last: ReplicaStatus?
        while ContinuousClock.now < end {
            last = try? await client.status()
            if let last, condition(last) { return }
            try await Task.sleep(for: .milliseconds(5))
        }
        let shown = last.map { "\($0.role), \($0.stage), at \($0.position)" } ?? "no answer"
        throw CommandFailure("waited \(limit) for \(what); \(name) is \(shown); see \(log)")
    }

    private func readyLine(of child: ChildProcess) throws -> String {
        var text: [UInt8] = []
        while !text.contains(UInt8(ascii: "\n")) {
            guard let bytes = try child.read(within: 30_000), !bytes.isEmpty else {
                throw CommandFailure("\(name) did not start; see \(log)")
            }
            text += bytes
        }
        return String(decoding: text.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    }

    private func field(_ name: String, of line: String) -> HostPort? {
        line.split(separator: " ").first { $0.hasPrefix(name + "=") }.flatMap {
            HostPort(String($0.dropFirst(name.count + 1)))
        }
    }
}
