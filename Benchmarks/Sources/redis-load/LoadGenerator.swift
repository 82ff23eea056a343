import Foundation

/// When a run ends.
struct Limits {
    var requests = Int.max
    var nanoseconds = UInt64.max
}

/// Nanoseconds of the monotonic clock.
func now() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

/// Drives all connections from one thread.
final class LoadGenerator {
    private let sockets: [ClientSocket]
    private var template: RequestTemplate
    private let pipeline: Int
    private let limits: Limits
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 16)
    private var polled: [pollfd]
    private var outcome = Outcome()

    init(_ sockets: [ClientSocket], _ template: RequestTemplate, pipeline: Int, _ limits: Limits) {
        self.sockets = sockets
        self.template = template
        self.pipeline = pipeline
        self.limits = limits
        polled = sockets.map { pollfd(fd: $0.descriptor, events: Int16(POLLIN), revents: 0) }
    }

    deinit { buffer.deallocate() }

    /// Each connection sends again when its pipeline was answered.
    func closed() throws -> Outcome {
        let begin = now()
        for socket in sockets { try refill(socket, begin) }
        while outcome.replies < outcome.requests {
            try receive(milliseconds: -1)
            let time = now()
            let goesOn = time - begin < limits.nanoseconds
            for index in ready {
                if goesOn && sockets[index].waiting == 0 { try refill(sockets[index], time) }
                try sockets[index].flush()
            }
            try flushLate()
        }
        outcome.nanoseconds = now() - begin
        return outcome
    }

    /// Requests leave when they are due, on the connections in turn. What was not answered a moment after the end does not
    /// count as answered.
    func open(perSecond rate: Double) throws -> Outcome {
        let begin = now()
        var turn = 0
        while true {
            let elapsed = now() - begin
            guard elapsed < limits.nanoseconds, outcome.requests < limits.requests else { break }
            let dueByNow = min(Int(Double(elapsed) * rate / 1e9), limits.requests)
            while outcome.requests < dueByNow {
                let socket = sockets[turn]
                turn = (turn + 1) % sockets.count
                socket.add(&template, due: begin + UInt64(Double(outcome.requests) * 1e9 / rate))
                outcome.requests += 1
            }
            for socket in sockets where socket.hasPending { try socket.flush() }
            try receive(milliseconds: 1)
        }
        outcome.nanoseconds = now() - begin
        return outcome
    }

    private var ready: [Int] = []

    private func refill(_ socket: ClientSocket, _ time: UInt64) throws {
        let count = min(pipeline, limits.requests - outcome.requests)
        for _ in 0..<count { socket.add(&template, due: time) }
        outcome.requests += count
        try socket.flush()
    }

    /// Goes on with what sockets did not take at once: requests longer than their buffers.
    private func flushLate() throws {
        for socket in sockets where socket.hasPending { try socket.flush() }
    }

    /// Reads from every connection that has something.
    private func receive(milliseconds: Int32) throws {
        ready.removeAll(keepingCapacity: true)
        guard poll(&polled, nfds_t(polled.count), milliseconds) > 0 else { return }
        for index in polled.indices where polled[index].revents != 0 {
            ready.append(index)
            try sockets[index].receive(into: buffer) { kind, due in
                outcome.record(kind, max(now() - due, 1))
            }
        }
    }
}
