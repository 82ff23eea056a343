import ArgumentParser
import Foundation
import GodwitEngine
import GodwitNode
import Logging

/// The other process: follows until its input ends, then prints what it has seen of the stamps.
struct Follower: AsyncParsableCommand {
    @Option var data: String
    @Option var follow: String
    @Option var certificates: String?

    func run() async throws {
        guard let leader = HostPort(follow) else { throw ValidationError("--follow should be HOST:PORT") }
        var options = NodeOptions(directory: data, region: "eu-west")
        options.tls = certificates.map { TLSFiles(folder: $0, name: "eu-west") }
        options.follow = leader
        options.logger = Logger(label: "follower") { _ in SwiftLogNoOpLogHandler() }
        let node = try await Node.start(options)
        let observer = Observer { (try? node.engine?.get(Stamp.key)) ?? nil }
        observer.start()
        FileHandle.standardOutput.write(Data("ready\n".utf8))
        while readLine() != nil {}
        observer.stop()
        print(observer.latencies.map { "\(Int($0 * 1e9))" }.joined(separator: " "))
        try await node.close()
    }
}

/// A key whose value is the time at which it was written.
enum Stamp {
    static let key = "stamp"
    static func value() -> String { String(now()) }
}

/// Looks at a stamp again and again: how old each new one is when it is first seen.
final class Observer: @unchecked Sendable {
    private let read: () -> [UInt8]?
    private let lock = NSLock()
    private var isRunning = true
    private let done = DispatchSemaphore(value: 0)
    private(set) var latencies: [Double] = []

    init(_ read: @escaping () -> [UInt8]?) { self.read = read }

    func start() {
        Thread { [self] in
            var last: [UInt8] = []
            while lock.withLock({ isRunning }) {
                if let bytes = read(), bytes != last, let written = Double(String(decoding: bytes, as: UTF8.self)) {
                    last = bytes
                    latencies.append(now() - written)
                }
                usleep(50)
            }
            done.signal()
        }.start()
    }

    func stop() {
        lock.withLock { isRunning = false }
        done.wait()
    }
}

/// A follower as a process.
final class FollowerProcess {
    private let process = Process()
    private let input = Pipe()
    private let output = Pipe()

    /// Starts it; returns once it serves.
    init(_ directory: String, following address: String, certificates: String? = nil) throws {
        process.executableURL = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        process.arguments =
            ["follower", "--data", directory, "--follow", address] + (certificates.map { ["--certificates", $0] } ?? [])
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        _ = output.fileHandleForReading.availableData
    }

    /// Stops it; returns how old the stamps were that it saw.
    @discardableResult
    func stop() throws -> [Double] {
        try input.fileHandleForWriting.close()
        let text = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        return String(decoding: text, as: UTF8.self).split(whereSeparator: \.isWhitespace).compactMap { Double($0) }
            .map { $0 / 1e9 }
    }
}
