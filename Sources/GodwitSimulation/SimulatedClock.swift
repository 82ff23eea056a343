internal import Synchronization
public import GodwitEngine

/// A clock that stands still until it is moved.
public final class SimulatedClock: Clock {
    private struct Time {
        var monotonic: UInt64
        var wallOffset: Int64
    }

    private let time: Locked<Time>

    /// Starts at a wall-clock millisecond (by default in November 2023) and a monotonic nanosecond.
    public init(wallMilliseconds: UInt64 = 1_700_000_000_000, monotonicNanoseconds: UInt64 = 1_000_000_000) {
        time = Locked(
            Time(
                monotonic: monotonicNanoseconds,
                wallOffset: Int64(wallMilliseconds) - Int64(monotonicNanoseconds / 1_000_000)))
    }

    /// Milliseconds since 1970, as far as this clock was moved.
    public func wallMilliseconds() -> UInt64 {
        time.withLock { UInt64(max(0, Int64($0.monotonic / 1_000_000) + $0.wallOffset)) }
    }

    /// Nanoseconds of simulated time.
    public func monotonicNanoseconds() -> UInt64 { time.withLock { $0.monotonic } }

    /// Lets time pass on both clocks.
    public func advance(nanoseconds: UInt64) { time.withLock { $0.monotonic += nanoseconds } }

    /// Lets time pass on both clocks.
    public func advance(milliseconds: UInt64) { advance(nanoseconds: milliseconds * 1_000_000) }

    /// Lets time pass until the monotonic clock shows at least `nanoseconds`.
    public func advance(toMonotonic nanoseconds: UInt64) {
        time.withLock { $0.monotonic = max($0.monotonic, nanoseconds) }
    }

    /// Sets the wall clock alone, forward or back.
    public func setWall(milliseconds: UInt64) {
        time.withLock { $0.wallOffset = Int64(milliseconds) - Int64($0.monotonic / 1_000_000) }
    }

    /// Moves the wall clock alone, forward or back.
    public func jumpWall(milliseconds: Int64) { time.withLock { $0.wallOffset += milliseconds } }
}
