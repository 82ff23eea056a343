internal import NIOConcurrencyHelpers
internal import NIOCore

/// Decides whether more dear work is taken: reads that need the disk, and writes that wait for a sync. What is measured
/// is how long work has waited: a queue whose oldest entry is older than the target is not catching up, and whoever
/// comes now would only wait longer. Refusing costs microseconds; so what was admitted keeps its latency.
final class Admission: Sendable {
    /// A place in the queue.
    struct Ticket: Sendable {
        let number: UInt64
        let since: UInt64
    }

    private struct State {
        var next: UInt64 = 0
        /// Waiting work, oldest first: numbers ascend.
        var waiting: CircularBuffer<Ticket> = CircularBuffer(initialCapacity: 64)
        var refused: UInt64 = 0
        var admitted: UInt64 = 0
    }

    /// How long the oldest may have waited before new work is refused, in nanoseconds.
    let target: UInt64
    /// How much may wait at most, however young.
    let limit: Int
    private let state = NIOLockedValueBox(State())

    init(target: UInt64 = 50_000_000, limit: Int = 4096) {
        self.target = target
        self.limit = limit
    }

    /// Whether new work is taken now; counts the refusal where it is not.
    func admits(now: UInt64 = NIODeadline.now().uptimeNanoseconds) -> Bool {
        state.withLockedValue { state in
            let isLate = state.waiting.first.map { now > $0.since && now - $0.since > target } ?? false
            if isLate || state.waiting.count >= limit {
                state.refused += 1
                return false
            }
            return true
        }
    }

    /// Takes a place at the end.
    func enter(now: UInt64 = NIODeadline.now().uptimeNanoseconds) -> Ticket {
        state.withLockedValue { state in
            state.next += 1
            state.admitted += 1
            let ticket = Ticket(number: state.next, since: now)
            state.waiting.append(ticket)
            return ticket
        }
    }

    /// The work has begun, or is done: it waits no more. Tickets leave about in order.
    func begin(_ ticket: Ticket) {
        state.withLockedValue { state in
            if let index = state.waiting.firstIndex(where: { $0.number == ticket.number }) {
                state.waiting.remove(at: index)
            }
        }
    }

    /// How much was refused and taken since the start, and how much waits.
    var figures: (refused: UInt64, admitted: UInt64, waiting: Int) {
        state.withLockedValue { ($0.refused, $0.admitted, $0.waiting.count) }
    }
}
