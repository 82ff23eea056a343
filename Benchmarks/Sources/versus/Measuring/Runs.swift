import Foundation
import Histogram

/// Nanoseconds of the monotonic clock.
@inline(__always)
func now() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

/// One operation of a workload: `key` is room for a key, `number` what the order says. Returns a digest of what it read.
typealias Operation = (_ session: any Session, _ key: borrowing KeyBuffer, _ number: Int) -> Int64

typealias LatencyHistogram = Histogram<UInt64>

/// What one run of a workload over one store gave.
struct Outcome {
    var operations = 0
    var nanoseconds: UInt64 = 0
    /// The sum of all digests: the same for every engine that read the same.
    var digest: Int64 = 0

    var perSecond: Double { Double(operations) * 1e9 / Double(max(nanoseconds, 1)) }
}

/// Runs operations over a store, as many threads as there are orders; timed from when all are let go until the last
/// is done.
func run(_ store: any Store, _ orders: [[UInt32]], _ operation: @escaping Operation) -> Outcome {
    let results = onThreads(orders.count) { index, start in
        let session = store.session()
        let key = KeyBuffer()
        var digest: Int64 = 0
        start()
        for number in orders[index] { digest &+= operation(session, key, Int(number)) }
        return digest
    }
    return Outcome(
        operations: orders.reduce(0) { $0 + $1.count }, nanoseconds: results.nanoseconds,
        digest: results.values.reduce(0, &+))
}

/// The same with a clock read before and after each operation: the latencies.
func runTimed(_ store: any Store, _ orders: [[UInt32]], _ operation: @escaping Operation) -> LatencyHistogram {
    let results = onThreads(orders.count) { index, start in
        let session = store.session()
        let key = KeyBuffer()
        var histogram = LatencyHistogram.empty
        start()
        for number in orders[index] {
            let begin = now()
            _ = operation(session, key, Int(number))
            _ = histogram.record(now() - begin)
        }
        return histogram
    }
    var merged = results.values[0]
    for histogram in results.values.dropFirst() { merged.add(histogram) }
    return merged
}

extension Histogram where Count == UInt64 {
    /// Up to 100 s, to three digits.
    static var empty: Self { Self(highestTrackableValue: 100_000_000_000) }
}

/// Runs `body` on `count` threads. Each calls `start` once it is ready, which returns when all are and are let go;
/// the time is counted from then on.
func onThreads<Value>(
    _ count: Int, _ body: @escaping (_ index: Int, _ start: () -> Void) -> Value
) -> (values: [Value], nanoseconds: UInt64) {
    let line = StartLine(count)
    let results = Results<Value>(count)
    let group = DispatchGroup()
    for index in 0..<count {
        group.enter()
        let work = UncheckedWork {
            results.set(index, body(index) { line.wait() })
            group.leave()
        }
        Thread.detachNewThread { work.run() }
    }
    let begin = line.open()
    group.wait()
    return (results.all, now() - begin)
}

/// A thread's work; what it captures is handed over before the thread starts and taken back after it ended.
private struct UncheckedWork: @unchecked Sendable {
    let run: () -> Void

    init(_ run: @escaping () -> Void) { self.run = run }
}

/// Where threads gather before a run.
private final class StartLine: @unchecked Sendable {
    private let condition = NSCondition()
    private var missing: Int
    private var isOpen = false

    init(_ count: Int) { missing = count }

    func wait() {
        condition.lock()
        missing -= 1
        condition.broadcast()
        while !isOpen { condition.wait() }
        condition.unlock()
    }

    /// Waits until all threads have gathered, and lets them go. The time is taken while they are still held: one that
    /// runs before this thread goes on does no work that is not counted.
    func open() -> UInt64 {
        condition.lock()
        defer { condition.unlock() }
        while missing > 0 { condition.wait() }
        isOpen = true
        let time = now()
        condition.broadcast()
        return time
    }
}

private final class Results<Value>: @unchecked Sendable {
    private let lock = NSLock()
    private var values: [Value?]

    init(_ count: Int) { values = Array(repeating: nil, count: count) }

    func set(_ index: Int, _ value: Value) { lock.withLock { values[index] = value } }

    var all: [Value] { values.map { $0! } }
}
