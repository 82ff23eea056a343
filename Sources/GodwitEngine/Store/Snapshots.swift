/// The sequence numbers that somebody still reads at: compaction keeps what they see.
final class Snapshots: @unchecked Sendable {
    private let lock = Lock()
    private var held: [UInt64: (sequence: SequenceNumber, since: UInt64)] = [:]
    private var nextID: UInt64 = 0

    /// Holds the sequence number that `sequence` reads, taken under the lock so that no compaction misses it.
    func take(at sequence: () -> SequenceNumber, now: UInt64) -> (id: UInt64, sequence: SequenceNumber) {
        lock.withLock {
            nextID += 1
            let taken = sequence()
            held[nextID] = (taken, now)
            return (nextID, taken)
        }
    }

    /// Lets go.
    func release(_ id: UInt64) { lock.withLock { _ = held.removeValue(forKey: id) } }

    /// The numbers held, ascending, each once.
    var sequences: [SequenceNumber] { lock.withLock { Array(Set(held.values.map(\.sequence))).sorted() } }

    /// When the oldest was taken (monotonic nanoseconds); nil when none is held.
    var oldest: UInt64? { lock.withLock { held.values.map(\.since).min() } }

    /// How many are held.
    var count: Int { lock.withLock { held.count } }
}
