internal import Synchronization

/// The sequence numbers that somebody still reads at: compaction keeps what they see.
final class Snapshots: @unchecked Sendable {
    /// One moment that is held.
    final class Hold: Sendable {
        let sequence: SequenceNumber
        let since: UInt64
        private let lost = Atomic<Bool>(false)

        init(_ sequence: SequenceNumber, since: UInt64) {
            self.sequence = sequence
            self.since = since
        }

        /// Whether a rewind has taken back what the hold saw.
        var isLost: Bool { lost.load(ordering: .acquiring) }

        fileprivate func lose() { lost.store(true, ordering: .releasing) }
    }

    private let lock = Lock()
    private var held: [ObjectIdentifier: Hold] = [:]

    /// Holds the sequence number that `sequence` reads, taken under the lock so that no compaction misses it.
    func take(at sequence: () -> SequenceNumber, now: UInt64) -> Hold {
        lock.withLock {
            let hold = Hold(sequence(), since: now)
            held[ObjectIdentifier(hold)] = hold
            return hold
        }
    }

    /// Lets go.
    func release(_ hold: Hold) { lock.withLock { _ = held.removeValue(forKey: ObjectIdentifier(hold)) } }

    /// Marks the holds above a sequence number as lost: a rewind took back what they saw.
    func lose(above sequence: SequenceNumber) {
        lock.withLock { for hold in held.values where hold.sequence > sequence { hold.lose() } }
    }

    /// The numbers held, ascending, each once.
    var sequences: [SequenceNumber] { lock.withLock { Array(Set(held.values.map(\.sequence))).sorted() } }

    /// When the oldest was taken (monotonic nanoseconds); nil when none is held.
    var oldest: UInt64? { lock.withLock { held.values.map(\.since).min() } }

    /// How many are held.
    var count: Int { lock.withLock { held.count } }
}
