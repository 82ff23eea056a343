internal import Synchronization

/// A hybrid logical clock (Kulkarni et al., "Logical Physical Clocks", 2014): stamps that follow the wall clock, never
/// go back and never repeat. A stamp is `milliseconds << 16 | counter`.
///
/// A wall clock that leaves the monotonic one by more than a minute is not believed at once: an event is raised, and
/// the physical part runs 10 % faster or slower until both agree again.
final class HybridClock: @unchecked Sendable {
    private static let jumpLimit: Int64 = 60_000

    private let clock: any Clock
    private let events: EventHub
    private let lock = Lock()
    private var lastStamp: UInt64
    private var lastPhysical: UInt64
    private var lastMonotonic: UInt64
    private var isSlewing = false

    /// Starts at `stamp` (the newest one known from the log) or at the wall clock, whichever is later.
    init(clock: any Clock, after stamp: UInt64, events: EventHub) {
        self.clock = clock
        self.events = events
        lastStamp = stamp
        lastPhysical = max(stamp >> 16, clock.wallMilliseconds())
        lastMonotonic = clock.monotonicNanoseconds()
    }

    /// Milliseconds since 1970, never going back: what expiry is judged by.
    func now() -> UInt64 {
        lock.withLock { advance() }
    }

    /// A stamp later than every earlier one.
    func stamp() -> UInt64 {
        lock.withLock {
            lastStamp = max(advance() << 16, lastStamp + 1)
            return lastStamp
        }
    }

    /// Takes note of a stamp made elsewhere, or before the store was opened: later stamps are above it, and what had
    /// expired by then stays so.
    func observe(_ stamp: UInt64) {
        lock.withLock {
            lastStamp = max(lastStamp, stamp)
            lastPhysical = max(lastPhysical, stamp >> 16)
        }
    }

    private func advance() -> UInt64 {
        let monotonic = clock.monotonicNanoseconds()
        let elapsed = Int64((monotonic - min(lastMonotonic, monotonic)) / 1_000_000)
        let wall = Int64(clock.wallMilliseconds())
        let expected = Int64(lastPhysical) + elapsed
        let gap = wall - expected
        if abs(gap) <= Self.jumpLimit {
            isSlewing = false
            settle(at: max(UInt64(max(wall, 0)), lastPhysical), monotonic)
            return lastPhysical
        }
        if !isSlewing {
            isSlewing = true
            events.tell(.clockJumped(milliseconds: gap))
        }
        // Whole steps of 10 ms only, so that a tenth of the elapsed time is never lost to rounding.
        let steps = elapsed / 10
        if steps > 0 {
            let slewed = Int64(lastPhysical) + steps * (gap > 0 ? 11 : 9)
            settle(at: UInt64(slewed), lastMonotonic + UInt64(steps) * 10_000_000)
        }
        return lastPhysical
    }

    private func settle(at physical: UInt64, _ monotonic: UInt64) {
        lastPhysical = physical
        lastMonotonic = monotonic
    }
}
