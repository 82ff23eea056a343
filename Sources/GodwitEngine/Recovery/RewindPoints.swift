/// The positions that the store can go back to: taken at memtable rotations, kept like snapshots, together with the log
/// from the oldest on. At most eight; when a ninth comes, the one whose loss leaves the smallest gap goes.
final class RewindPoints: @unchecked Sendable {
    private static let limit = 8

    private let interval: UInt64?
    private let clock: any Clock
    private let lock = Lock()
    private var points: [HistoryPoint]
    private var lastTaken: UInt64 = 0

    /// Begins with the points that the manifest has.
    init(_ points: [HistoryPoint], interval: UInt64?, clock: any Clock) {
        self.points = points
        self.interval = interval
        self.clock = clock
    }

    /// The points, ascending.
    var all: [HistoryPoint] { lock.withLock { points } }

    /// Takes a point, unless the last is too recent or none are wanted.
    func take(_ point: HistoryPoint) {
        guard let interval else { return }
        let now = clock.monotonicNanoseconds()
        lock.withLock {
            guard points.isEmpty || now - lastTaken >= interval * 1_000_000 else { return }
            // Recovery rotates at places that points were taken at before.
            if let last = points.last, last.position >= point.position { return }
            lastTaken = now
            points.append(point)
            if points.count > Self.limit { points.remove(at: leastMissed()) }
        }
    }

    /// The newest point at or below a sequence number.
    func newest(notAbove sequence: SequenceNumber) -> HistoryPoint? {
        lock.withLock { points.last { $0.position.sequence <= sequence } }
    }

    /// Gives up the points below the newest one at or under `floor`: nobody will ask to go back further.
    func drop(below floor: SequenceNumber) {
        lock.withLock {
            guard let kept = points.lastIndex(where: { $0.position.sequence <= floor }) else { return }
            points.removeFirst(kept)
        }
    }

    /// Gives up the points above a sequence number: after a rewind to it.
    func drop(above sequence: SequenceNumber) {
        lock.withLock { points.removeAll { $0.position.sequence > sequence } }
    }

    /// Gives up all points: something happened that cannot be taken back.
    func clear() { lock.withLock { points.removeAll() } }

    /// Gives up the points below a sequence number; returns them.
    func giveUp(before sequence: SequenceNumber) -> [HistoryPoint] {
        lock.withLock {
            let given = points.prefix { $0.position.sequence < sequence }
            points.removeFirst(given.count)
            return Array(given)
        }
    }

    /// Adds the points to an edit when the manifest has others.
    func record(in edit: inout VersionEdit, unless state: ManifestState) {
        let points = all
        if points != state.rewindPoints { edit.append(.rewindPoints(points)) }
    }

    private func leastMissed() -> Int {
        let gaps = (1..<points.count - 1).map { index in
            (points[index + 1].position.sequence - points[index - 1].position.sequence, index)
        }
        return gaps.min { $0 < $1 }?.1 ?? 0
    }
}
