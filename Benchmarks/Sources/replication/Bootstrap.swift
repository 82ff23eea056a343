import Foundation
import GodwitEngine
import GodwitNode
import GodwitReplication

/// Bytes of tables a second of a full copy, until it is installed, against those of a plain copy of the same files over
/// loopback, synced in the end. With a folder of certificates the link speaks TLS; the plain copy never does.
struct Bootstrap {
    private let home: Home
    private let size: Int
    private let rounds: Int
    private let certificates: String?

    init(_ home: Home, _ size: Int, _ rounds: Int, certificates: String? = nil) {
        (self.home, self.size, self.rounds, self.certificates) = (home, size, rounds, certificates)
    }

    func run() async throws -> Row {
        var copied: [Double] = []
        var plain: [Double] = []
        let primary = try await Primary(home.next(), certificates: certificates)
        try primary.fill(size)
        let files = try FileManager.default.contentsOfDirectory(atPath: primary.directory).filter {
            $0.hasSuffix(".sst")
        }
        .map { primary.directory + "/" + $0 }
        let bytes = try files.reduce(0.0) { sum, file in
            sum + (try FileManager.default.attributesOfItem(atPath: file)[.size] as? Double ?? 0)
        }
        for _ in 0..<rounds {
            let target = try home.next()
            plain.append(bytes / (try PlainCopy(files, to: target + "/copy").run()))
            try FileManager.default.removeItem(atPath: target)
            let directory = try home.next()
            let start = now()
            let follower = try FollowerProcess(
                directory, following: "\(primary.node.address)", certificates: certificates)
            try await primary.waitForFollower()
            copied.append(bytes / (now() - start))
            try follower.stop()
            try FileManager.default.removeItem(atPath: directory)
            while try await primary.connected() != nil { try await Task.sleep(for: .milliseconds(10)) }
        }
        try await primary.node.close()
        home.remove()
        let isPlain = certificates == nil
        return Row(
            "replication-bootstrap" + (isPlain ? "" : "-tls"), peer: "plain copy", unit: "B/s",
            target: isPlain ? "≥ 0.5" : "", copied, plain)
    }
}

/// Sends files over a loopback connection into one file.
final class PlainCopy: @unchecked Sendable {
    private let files: [String]
    private let target: String

    init(_ files: [String], to target: String) { (self.files, self.target) = (files, target) }

    /// Seconds until everything is there and synced.
    func run() throws -> Double {
        let (listener, port) = Socket.listen()
        let start = now()
        Thread { [files] in
            let socket = accept(listener, nil, nil)
            for file in files {
                let source = open(file, O_RDONLY)
                Self.copy(from: source, to: socket)
                close(source)
            }
            close(socket)
            close(listener)
        }.start()
        let socket = Socket.connect(port)
        let file = open(target, O_WRONLY | O_CREAT, 0o644)
        Self.copy(from: socket, to: file)
        fsync(file)
        close(file)
        close(socket)
        return now() - start
    }

    private static func copy(from source: Int32, to target: Int32) {
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let count = read(source, &buffer, buffer.count)
            guard count > 0 else { return }
            var done = 0
            while done < count {
                let written = buffer.withUnsafeBytes { write(target, $0.baseAddress! + done, count - done) }
                guard written > 0 else { return }
                done += written
            }
        }
    }
}
