/// How old writes were when a follower acknowledged them: the last 1,024 times, in milliseconds.
struct LagHistogram {
    private static let size = 1024
    private var values: [UInt64] = []
    private var next = 0

    mutating func add(_ milliseconds: UInt64) {
        if values.count < Self.size {
            values.append(milliseconds)
        } else {
            values[next] = milliseconds
        }
        next = (next + 1) % Self.size
    }

    /// What half of them stayed under, what 99 of 100 did, and the longest.
    var figures: (p50: UInt64, p99: UInt64, max: UInt64) {
        guard !values.isEmpty else { return (0, 0, 0) }
        let sorted = values.sorted()
        return (sorted[sorted.count / 2], sorted[sorted.count * 99 / 100], sorted[sorted.count - 1])
    }
}
