import Foundation
import GodwitEngine
import GodwitNode
import GodwitReplication
import Logging

/// A primary in this process.
struct Primary {
    let node: Node
    let engine: Engine
    let directory: String

    init(_ directory: String, certificates: String? = nil) async throws {
        var options = NodeOptions(directory: directory, region: "us-east")
        options.tls = certificates.map { TLSFiles(folder: $0, name: "us-east") }
        options.retentionSize = 8 << 30
        options.logger = Logger(label: "primary") { _ in SwiftLogNoOpLogHandler() }
        node = try await Node.start(options)
        guard let engine = node.engine else { throw NodeError(.notReady, "the primary has no data") }
        self.engine = engine
        self.directory = directory
    }

    /// Puts of 100 bytes, half of them compressible, under keys of 16 bytes that are drawn from as many as there are
    /// puts.
    func write(_ count: Int) throws { try write(count, keys: UInt64(max(count, 1))) }

    /// Writes until the tables, compacted, have about so many bytes. Keys are drawn from so many that none comes twice.
    func fill(_ size: Int) throws {
        while try engine.approximateSize() < size {
            // Tables of about 14 MB, so that the last batch does not go far beyond the size.
            try write(200_000, keys: 10_000_000_000_000_000)
            try engine.flush()
        }
        try engine.compact()
    }

    private func write(_ count: Int, keys: UInt64) throws {
        var random = SystemRandomNumberGenerator()
        var value = [UInt8](repeating: 0, count: 100)
        for index in value.indices.prefix(50) { value[index] = UInt8.random(in: 0...255, using: &random) }
        for _ in 0..<count {
            let number = random.next() % keys
            let digits = String(number)
            let key = String(repeating: "0", count: 16 - digits.utf8.count) + digits
            value[Int(number % 50)] &+= 1
            try engine.put(key, value, durability: .buffered)
        }
    }

    /// The follower whose link is there.
    func connected() async throws -> LinkStatus? { try await node.status().followers.first(where: \.isConnected) }

    /// Waits until a follower streams, for the first time or again.
    func waitForFollower() async throws {
        while try await connected()?.stage != "streaming" {
            try await Task.sleep(for: .milliseconds(2))
        }
    }

    /// Waits until the follower has applied everything.
    func waitUntilApplied() async throws {
        let end = engine.position.sequence
        while try await connected()?.applied ?? 0 < end {
            try await Task.sleep(for: .milliseconds(1))
        }
    }

    /// CPU seconds of this process.
    static func processorTime() -> Double {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
        return seconds(usage.ru_utime) + seconds(usage.ru_stime)
    }
}

extension TLSFiles {
    /// A node's files in a folder of certificates, as `fixtures/certificates` is one.
    init(folder: String, name: String) {
        self.init(
            certificate: "\(folder)/\(name).pem", key: "\(folder)/\(name).key", authorities: "\(folder)/authority.pem")
    }
}
