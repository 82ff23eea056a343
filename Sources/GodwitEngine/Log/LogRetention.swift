internal import Synchronization

/// Decides how much log is kept: what memtables, ingests, rewind points and retention holds still need. Holds and points that
/// reach further back than the cap are given up.
final class LogRetention: @unchecked Sendable {
    /// Holds of bulk ingests in progress are named with this.
    static let ingestPrefix = "ingest-"

    private let store: Store
    private let directory: LogDirectory
    private let segments: LogSegments
    private let rewind: RewindPoints
    private let ingests: IngestReceiver
    private let lock = Lock()
    /// Held while the floor moves, files included.
    private let advancing = Lock()
    private var holds: [String: SequenceNumber] = [:]
    /// The first sequence numbers of segments that were looked at: the headers never change.
    private var starts: [UInt64: SequenceNumber] = [:]

    init(
        store: Store, directory: LogDirectory, segments: LogSegments, rewind: RewindPoints, ingests: IngestReceiver
    ) {
        self.ingests = ingests
        self.store = store
        self.directory = directory
        self.segments = segments
        self.rewind = rewind
        holds = store.options.holds
    }

    /// Bytes of the segments in use.
    var bytes: UInt64 { segments.liveBytes }

    /// Keeps the log after `sequence` under a name; a hold of the same name is moved.
    func hold(_ name: String, after sequence: SequenceNumber) {
        lock.withLock { holds[name] = sequence }
    }

    /// Lets go of a hold.
    func release(_ name: String) { lock.withLock { _ = holds.removeValue(forKey: name) } }

    /// The holds: name and the sequence number after which the log is kept.
    var allHolds: [(name: String, after: SequenceNumber)] {
        lock.withLock { holds.sorted { $0.key < $1.key }.map { ($0.key, $0.value) } }
    }

    /// Whether an ingest has chunks in the log that it may yet commit.
    var hasIngest: Bool { ingestFloor != nil }

    /// After which sequence number the log has chunks of ingests, made here or elsewhere, that may yet be committed.
    private var ingestFloor: SequenceNumber? {
        let own = lock.withLock { holds.filter { $0.key.hasPrefix(Self.ingestPrefix) }.values.min() }
        let others = ingests.keepsAfter
        guard let own, let others else { return own ?? others }
        return min(own, others)
    }

    /// Lets nothing be given back while `body` runs: what memory holds is in disorder meanwhile, so that it cannot be told
    /// what of the log is still needed. `body` may touch files; it must not wait for background work.
    func holdingAll<R>(_ body: () throws(EngineError) -> R) throws(EngineError) -> R { try advancing.withLock(body) }

    /// Moves the floor up to what is needed, first in the manifest, then on the disk.
    func advance() throws(EngineError) { try advancing.withLock(advanceAlone) }

    private func advanceAlone() throws(EngineError) {
        // Before anything else, so that an ingest that begins meanwhile is above it.
        let flushed = flushedThrough()
        try giveUpWhatPassesTheCap(flushed)
        let needed = min(
            flushed, lock.withLock { holds.values.min() } ?? .max, rewind.all.first?.position.sequence ?? .max,
            ingestFloor ?? .max)
        guard let floor = try floor(for: needed) else { return }
        if floor > store.manifest.state.logFloor {
            // Recovery will begin with this segment: its header must not be lost with the power, whoever needs its records.
            if let start = try start(of: floor) { _ = try store.syncLog(start + 1) }
            try store.manifest.commit { state in
                var edit = VersionEdit([.logFloor(segment: floor)])
                self.rewind.record(in: &edit, unless: state)
                return edit
            }
        }
        segments.release(below: floor)
        lock.withLock { starts = starts.filter { $0.key >= floor } }
    }

    /// Everything up to here is in tables.
    private func flushedThrough() -> SequenceNumber {
        // Read first: what is written meanwhile is above it.
        var flushed = store.visible.load(ordering: .acquiring)
        for tree in store.allTrees {
            for memtable in tree.view.memtables where !memtable.isEmpty {
                flushed = min(flushed, memtable.firstSequence - 1)
            }
        }
        return flushed
    }

    /// Gives up holds and rewind points that reach further back than the cap, where that gives log back: not where
    /// memtables or an ingest keep it anyway. An ingest whose latest chunk is as old is one that nobody goes on with.
    private func giveUpWhatPassesTheCap(_ flushed: SequenceNumber) throws(EngineError) {
        guard let reach = try reachOfTheCap(flushed) else { return }
        var lost = ingests.giveUp(before: reach).map { "ingest \($0)" }
        let limit = min(reach, flushed, ingestFloor ?? .max)
        lost += rewind.giveUp(before: limit).map { "rewind point \($0)" }
        lost += lock.withLock {
            let given = holds.filter { $0.value < limit }.keys.sorted()
            for name in given { holds[name] = nil }
            return given
        }
        for name in lost { store.events.tell(.retentionLost(name: name)) }
    }

    /// The sequence number from which on no more than the cap is kept beside what memtables need; nil when that is all of the
    /// log.
    private func reachOfTheCap(_ flushed: SequenceNumber) throws(EngineError) -> SequenceNumber? {
        guard let needed = try floor(for: flushed) else { return nil }
        var left = UInt64(store.options.retentionSize)
        let live = segments.liveSizes
        var oldest = needed
        for segment in live.reversed() where segment.number < needed {
            if segment.size > left { break }
            left -= segment.size
            oldest = segment.number
        }
        return oldest == live.first?.number ? nil : try start(of: oldest)
    }

    /// The sequence number before the newest `bytes` of log, in whole segments: what is older lies further back. 0 where there
    /// is no more log than that.
    func reach(of bytes: Int) throws(EngineError) -> SequenceNumber {
        let live = segments.liveSizes
        var left = UInt64(bytes)
        let newest = live.reversed().prefix { segment in
            guard segment.size <= left else { return false }
            left -= segment.size
            return true
        }
        guard newest.count < live.count, let oldest = newest.last else { return 0 }
        return try start(of: oldest.number) ?? 0
    }

    /// The last segment that begins at or before `needed`: all of it may be needed, nothing before it.
    private func floor(for needed: SequenceNumber) throws(EngineError) -> UInt64? {
        var floor: UInt64?
        for segment in segments.live {
            guard let start = try start(of: segment), start <= needed else { break }
            floor = segment
        }
        return floor
    }

    private func start(of segment: UInt64) throws(EngineError) -> SequenceNumber? {
        if let known = lock.withLock({ starts[segment] }) { return known }
        guard let header = try directory.header(of: segment) else { return nil }
        lock.withLock { starts[segment] = header.start.position.sequence }
        return header.start.position.sequence
    }
}
