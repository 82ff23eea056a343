import Foundation
import GodwitNode
import GodwitServer

/// A `godwit serve` process, killed when the last reference goes.
final class ServedNode {
    let admin: HostPort
    let replication: HostPort
    let readyLine: String
    private let process: Process
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
        try process.run()
        var text = ""
        while !text.contains("\n") {
            let bytes = output.fileHandleForReading.availableData
            if bytes.isEmpty { break }
            text += String(decoding: bytes, as: UTF8.self)
        }
        let line = String(text.prefix { $0 != "\n" })
        readyLine = line
        func field(_ name: String) -> HostPort? {
            line.split(separator: " ").first { $0.hasPrefix(name + "=") }
                .flatMap { HostPort(String($0.dropFirst(name.count + 1))) }
        }
        guard let admin = field("admin"), let replication = field("replication") else {
            process.terminate()
            process.waitUntilExit()
            throw NotServing(errors: (try? String(contentsOfFile: errors, encoding: .utf8)) ?? "")
        }
        (self.admin, self.replication) = (admin, replication)
    }

    deinit {
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        process.waitUntilExit()
    }

    /// The process ended before it served.
    struct NotServing: Error { let errors: String }

    /// Talks to the node.
    func client(token: String? = nil) -> NodeClient { NodeClient(admin, token: token) }

    /// SIGTERM; gives the exit status.
    func stop() -> Int32 {
        process.terminate()
        process.waitUntilExit()
        return process.terminationReason == .exit ? process.terminationStatus : -process.terminationStatus
    }

    /// SIGKILL.
    func killNow() {
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

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
