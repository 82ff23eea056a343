internal import Synchronization

/// A hybrid logical clock (Kulkarni et al., "Logical Physical Clocks", 2014): stamps that follow the wall clock, never
/// go back and never repeat. A stamp is `milliseconds << 16 | counter`.
///
/// A wall clock that leaves the monotonic one by more than a minute is not believed at once: an event is raised, and
/// the physical part runs 10 % faster or slower until both agree again.
final class HybridClock: Sendable {
    private static let jumpLimit: Int64 = 60_000

    private let clock: any Clock
    private let events: EventHub
    private let state: Locked<State>

    private struct State {
        var lastStamp: UInt64
        var lastPhysical: UInt64
        var lastMonotonic: UInt64
        var isSlewing = false

        mutating func settle(at physical: UInt64, _ monotonic: UInt64) {
            lastPhysical = physical
            lastMonotonic = monotonic
        }
    }

    /// Starts at `stamp` (the newest one known from the log) or at the wall clock, whichever is later.
    init(clock: any Clock, after stamp: UInt64, events: EventHub) {
        self.clock = clock
        self.events = events
        state = Locked(
            State(
                lastStamp: stamp, lastPhysical: max(stamp >> 16, clock.wallMilliseconds()),
                lastMonotonic: clock.monotonicNanoseconds()))
    }

    /// Milliseconds since 1970, never going back: what expiry is judged by.
    func now() -> UInt64 {
        state.withLock { advance(&$0) }
    }

    /// A stamp later than every earlier one.
    func stamp() -> UInt64 {
        state.withLock { state in
            state.lastStamp = max(advance(&state) << 16, state.lastStamp + 1)
            return state.lastStamp
        }
    }

    /// Takes note of a stamp made elsewhere, or before the store was opened: later stamps are above it, and what had
    /// expired by then stays so.
    func observe(_ stamp: UInt64) {
        state.withLock { state in
            state.lastStamp = max(state.lastStamp, stamp)
            state.lastPhysical = max(state.lastPhysical, stamp >> 16)
        }
    }

    private func advance(_ state: inout State) -> UInt64 {
        let monotonic = clock.monotonicNanoseconds()
        let elapsed = Int64((monotonic - min(state.lastMonotonic, monotonic)) / 1_000_000)
        let wall = Int64(clock.wallMilliseconds())
        let expected = Int64(state.lastPhysical) + elapsed
        let gap = wall - expected
        if abs(gap) <= Self.jumpLimit {
            state.isSlewing = false
            state.settle(at: max(UInt64(max(wall, 0)), state.lastPhysical), monotonic)
            return state.lastPhysical
        }
        if !state.isSlewing {
            state.isSlewing = true
            events.tell(.clockJumped(milliseconds: gap))
        }
        // Whole steps of 10 ms only, so that a tenth of the elapsed time is never lost to rounding.
        let steps = elapsed / 10
        if steps > 0 {
            let slewed = Int64(state.lastPhysical) + steps * (gap > 0 ? 11 : 9)
            state.settle(at: UInt64(slewed), state.lastMonotonic + UInt64(steps) * 10_000_000)
        }
        return state.lastPhysical
    }
}
