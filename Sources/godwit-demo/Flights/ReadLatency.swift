import Glibc
import GodwitEngine
import Histogram

/// How long point reads take, one by one.
struct ReadLatency {
    private let histogram: Histogram<UInt64>
    /// The median time between two clock reads with nothing between them: part of every figure.
    let clockCost: UInt64

    /// Reads random keys, once over all of them untimed first.
    static func measure(_ engine: Engine, _ keys: [String], reads: Int) throws -> ReadLatency {
        var chance = Chance(seed: 2013)
        let keys = keys.shuffled(using: &chance).map { Array($0.utf8) }
        for key in keys { _ = try engine.contains(key) }
        var histogram = Histogram<UInt64>(highestTrackableValue: 10_000_000_000)
        var bytes = 0
        for _ in 0..<reads {
            let key = keys[Int(chance.next() % UInt64(keys.count))]
            let start = now()
            let size = try engine.get(key) { value in value.byteCount }
            _ = histogram.record(now() - start)
            bytes += size ?? 0
        }
        precondition(bytes > 0 || reads == 0, "read latency: no key had a value")
        return ReadLatency(histogram: histogram, clockCost: measureClock())
    }

    /// p50, p99 and p99.9 in columns.
    func row(minus cost: UInt64) -> String {
        [50.0, 99.0, 99.9].map { percentile in
            let value = histogram.valueAtPercentile(percentile)
            let text = Int(value > cost ? value - cost : 0).grouped
            return String(repeating: " ", count: max(1, 9 - text.count)) + text
        }.joined()
    }

    private static func measureClock() -> UInt64 {
        var histogram = Histogram<UInt64>(highestTrackableValue: 1_000_000_000)
        for _ in 0..<100_000 {
            let start = now()
            _ = histogram.record(now() - start)
        }
        return histogram.median
    }

    private static func now() -> UInt64 {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
