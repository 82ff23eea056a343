internal import Glibc

/// The computer's clocks.
public struct SystemClock: Clock {
    /// Makes a view of the computer's clocks.
    public init() {}

    /// Milliseconds since 1970.
    public func wallMilliseconds() -> UInt64 { Self.read(CLOCK_REALTIME) / 1_000_000 }

    /// Nanoseconds since the computer started.
    public func monotonicNanoseconds() -> UInt64 { Self.read(CLOCK_MONOTONIC) }

    private static func read(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        unsafe clock_gettime(clock, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
