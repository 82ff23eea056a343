internal import Synchronization

/// Looks twice a second for readers that hold memory back for long, and tells of each when it has held for a second, and
/// again each time that has doubled.
final class Watch: Sendable {
    private static let interval: UInt64 = 500_000_000
    private static let patience: UInt64 = 1_000_000_000

    private let clock: any Clock
    private let events: EventHub
    /// How long a reader must have held before the next event.
    private let threshold = Atomic<UInt64>(Watch.patience)

    init(_ clock: any Clock, _ events: EventHub) {
        self.clock = clock
        self.events = events
    }

    /// One look.
    func step() -> StepResult {
        let now = clock.monotonicNanoseconds()
        let held = EpochDomain.oldestHeldNanoseconds(now: now)
        if held >= threshold.load(ordering: .relaxed) {
            events.tell(.readerHeldLong(milliseconds: held / 1_000_000))
            threshold.store(held * 2, ordering: .relaxed)
        } else if held < Self.patience {
            threshold.store(Self.patience, ordering: .relaxed)
        }
        return .waiting(until: now + Self.interval)
    }
}
