import Foundation

/// What went wrong outside of the measured commands.
struct LoadFailure: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// A connection that never blocks, with what it still has to send and whose replies it waits for.
final class ClientSocket {
    let descriptor: Int32
    /// Bytes that the socket did not take yet, from `sent` on.
    private(set) var pending: [UInt8] = []
    private var sent = 0
    private var counter = ReplyCounter()
    /// When the requests that wait for replies were due, oldest first from `answered` on.
    private var due: [UInt64] = []
    private var answered = 0

    var waiting: Int { due.count - answered }
    var hasPending: Bool { sent < pending.count }

    init(_ server: String) throws {
        let parts = server.split(separator: ":")
        guard parts.count == 2, let port = UInt16(parts[1]) else { throw LoadFailure("`\(server)` should be HOST:PORT") }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        guard inet_pton(AF_INET, String(parts[0]), &address.sin_addr) == 1 else {
            throw LoadFailure("`\(parts[0])` should be an IPv4 address")
        }
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else { throw LoadFailure("cannot connect to \(server): \(String(cString: strerror(errno)))") }
        var one: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
    }

    deinit { close(descriptor) }

    /// Adds a request that was due at a time; it leaves with `flush`.
    func add(_ template: inout RequestTemplate, due time: UInt64) {
        template.append(to: &pending)
        due.append(time)
    }

    /// Sends what the socket takes.
    func flush() throws {
        while sent < pending.count {
            let count = pending.withUnsafeBytes {
                send(descriptor, $0.baseAddress! + sent, $0.count - sent, Int32(MSG_NOSIGNAL))
            }
            if count < 0 {
                if errno == EAGAIN { return }
                throw LoadFailure("send: \(String(cString: strerror(errno)))")
            }
            sent += count
        }
        pending.removeAll(keepingCapacity: true)
        sent = 0
    }

    /// Reads what has come; calls `ended` for each reply with the time its request was due.
    func receive(into buffer: UnsafeMutableRawBufferPointer, ended: (ReplyCounter.Kind, UInt64) -> Void) throws {
        let count = recv(descriptor, buffer.baseAddress!, buffer.count, 0)
        if count < 0 {
            if errno == EAGAIN { return }
            throw LoadFailure("recv: \(String(cString: strerror(errno)))")
        }
        guard count > 0 else { throw LoadFailure("the server ended a connection") }
        counter.take(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<count])) { kind in
            ended(kind, due[answered])
            answered += 1
        }
        if answered == due.count {
            due.removeAll(keepingCapacity: true)
            answered = 0
        } else if answered > 65_536 {
            due.removeFirst(answered)
            answered = 0
        }
    }
}
