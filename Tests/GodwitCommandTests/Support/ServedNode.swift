import Foundation
import GodwitNode
import GodwitServer

/// A `godwit serve` process, killed when the last reference goes.
final class ServedNode {
    let admin: HostPort
    let replication: HostPort
    let readyLine: String
    /// How long a node may take to serve, and to stop.
    private static let patience: Double = 60
    private let process: Process
    private let ended: DispatchSemaphore
    private let errors: String

    /// Starts the process and waits until it serves.
    init(_ arguments: [String], environment: [String: String] = [:], in scratch: Scratch) throws {
        errors = scratch.path + "/" + UUID().uuidString + ".log"
        _ = FileManager.default.createFile(atPath: errors, contents: nil)
        let output = Pipe()
        process = Process()
        process.executableURL = URL(fileURLWithPath: Command.path("godwit"))
        process.arguments = ["serve"] + arguments
        // Many nodes on one machine: each picks a port, unless the test says which.
        let own = ["GODWIT_REDIS": "127.0.0.1:0"].merging(environment) { _, new in new }
        process.environment = ProcessInfo.processInfo.environment.merging(own) { _, new in new }
        process.standardOutput = output
        process.standardError = FileHandle(forWritingAtPath: errors)
        process.standardInput = FileHandle.nullDevice
        ended = process.notingEnd()
        try process.run()
        let text = output.fileHandleForReading.firstLine(within: Self.patience)
        let line = String(text.prefix { $0 != "\n" })
        readyLine = line
        func field(_ name: String) -> HostPort? {
            line.split(separator: " ").first { $0.hasPrefix(name + "=") }
                .flatMap { HostPort(String($0.dropFirst(name.count + 1))) }
        }
        guard let admin = field("admin"), let replication = field("replication") else {
            _ = process.status(once: ended, within: 0)
            throw NotServing(errors: (try? String(contentsOfFile: errors, encoding: .utf8)) ?? "")
        }
        (self.admin, self.replication) = (admin, replication)
    }

    deinit { _ = process.status(once: ended, within: 0) }

    /// The process ended before it served, or took too long.
    struct NotServing: Error { let errors: String }

    /// Talks to the node.
    func client(token: String? = nil) -> NodeClient { NodeClient(admin, token: token) }

    /// SIGTERM; gives the exit status, nil for a process that does not stop.
    func stop() -> Int32? {
        process.terminate()
        return process.status(once: ended, within: Self.patience)
    }

    /// SIGKILL.
    func killNow() { _ = process.status(once: ended, within: 0) }

    /// SIGSTOP: the process stands still, and its links stay open.
    func pause() { kill(process.processIdentifier, SIGSTOP) }

    /// SIGCONT.
    func goOn() { kill(process.processIdentifier, SIGCONT) }

    /// What it logged.
    var log: String { (try? String(contentsOfFile: errors, encoding: .utf8)) ?? "" }
}

/// Waits for something that comes within ten seconds; false when it does not.
func comes(_ condition: () async throws -> Bool) async throws -> Bool {
    for _ in 0..<1000 {
        if (try? await condition()) == true { return true }
        try await Task.sleep(for: .milliseconds(10))
    }
    return false
}
