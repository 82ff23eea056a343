internal import GodwitEngine

/// What a follower knows of the age of its data. A heartbeat echoes a moment of this node's clock at which the leader
/// had not got further than `end`: once `end` is applied, everything committed by that moment is seen here.
struct FreshnessTracker {
    private static let limit = 16

    /// Ascending in both; the last few suffice.
    private var claims: [(end: SequenceNumber, asOf: UInt64)] = []
    /// The latest moment of which everything is seen.
    private(set) var asOf: UInt64?

    init(asOf: UInt64? = nil) { self.asOf = asOf }

    /// A heartbeat came.
    mutating func heard(end: SequenceNumber, asOf: UInt64) {
        if let last = claims.last, asOf <= last.asOf { return }
        claims.append((end, asOf))
        // One in the middle goes: the oldest is the next to come true, the newest the best.
        if claims.count > Self.limit { claims.remove(at: Self.limit / 2) }
    }

    /// Everything up to a sequence number is applied.
    mutating func applied(_ sequence: SequenceNumber) {
        guard let last = claims.lastIndex(where: { $0.end <= sequence }) else { return }
        asOf = max(asOf ?? 0, claims[last].asOf)
        claims.removeFirst(last + 1)
    }
}
