import Foundation

/// A redis-server with a replica, both without persistence.
final class RedisPair {
    private let processes: [Process]
    let primary: RedisConnection
    let replica: RedisConnection

    init(_ directory: String) throws {
        let ports = [Socket.freePort(), Socket.freePort()]
        processes = try ports.enumerated().map { index, port in
            let process = Process()
            process.executableURL = URL(filePath: "/usr/bin/redis-server")
            process.arguments = [
                "--port", "\(port)", "--save", "", "--appendonly", "no", "--dir", directory, "--bind", "127.0.0.1",
                "--repl-diskless-sync-delay", "0",
            ]
            if index == 1 { process.arguments? += ["--replicaof", "127.0.0.1", "\(ports[0])"] }
            process.standardOutput = FileHandle.nullDevice
            try process.run()
            return process
        }
        primary = RedisConnection(ports[0])
        replica = RedisConnection(ports[1])
        while !String(decoding: replica.bulk(["INFO", "replication"]) ?? [], as: UTF8.self).contains(
            "master_link_status:up")
        {
            usleep(10_000)
        }
    }

    /// They keep nothing, and a child of a thread that blocks signals blocks SIGTERM too.
    func stop() {
        for process in processes {
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
        }
    }
}

/// A connection that writes commands together and reads their replies.
final class RedisConnection: @unchecked Sendable {
    private let socket: Int32
    private var output: [UInt8] = []
    private var input: [UInt8] = []
    private var start = 0

    init(_ port: UInt16) {
        var descriptor = Socket.connect(port)
        while descriptor < 0 {
            usleep(10_000)
            descriptor = Socket.connect(port)
        }
        socket = descriptor
    }

    /// Adds a command to those that go out next.
    func add(_ words: [String]) {
        output += Array("*\(words.count)\r\n".utf8)
        for word in words { output += Array("$\(word.utf8.count)\r\n\(word)\r\n".utf8) }
    }

    /// Sends what was added, and reads as many one-line replies.
    func flush(_ count: Int) {
        send()
        for _ in 0..<count { _ = line() }
    }

    /// The value that a command answers; nil for none.
    func bulk(_ words: [String]) -> [UInt8]? {
        add(words)
        send()
        let head = line()
        guard head.first == UInt8(ascii: "$"), let length = Int(String(decoding: head.dropFirst(), as: UTF8.self)),
            length >= 0
        else { return nil }
        while input.count - start < length + 2 { fill() }
        defer { start += length + 2 }
        return Array(input[start..<start + length])
    }

    private func send() {
        var done = 0
        while done < output.count {
            let written = output.withUnsafeBytes { write(socket, $0.baseAddress! + done, $0.count - done) }
            guard written > 0 else { fatalError("redis-server is gone") }
            done += written
        }
        output.removeAll(keepingCapacity: true)
    }

    private func line() -> [UInt8] {
        while true {
            if let end = input[start...].firstIndex(of: 10) {
                defer { start = end + 1 }
                return Array(input[start..<end - 1])
            }
            fill()
        }
    }

    private func fill() {
        if start > 1 << 16 {
            input.removeFirst(start)
            start = 0
        }
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        let count = read(socket, &buffer, buffer.count)
        guard count > 0 else { fatalError("redis-server is gone") }
        input += buffer[..<count]
    }
}
