internal import Synchronization

/// How far the log is there for others to read: everything before it is appended, applied and visible.
final class PublishedLogEnd: Sendable {
    private let state: Locked<(LogLocation, HistoryPoint)>
    private let rewinds = Atomic<UInt64>(0)
    /// Opened whenever the end moves, and whenever more of it is durable.
    let moved = Gate()

    init(_ location: LogLocation, _ point: HistoryPoint) { state = Locked((location, point)) }

    /// Moves the end; the engine calls this after a group has been applied.
    func publish(_ location: LogLocation, _ point: HistoryPoint) {
        state.withLock { $0 = (location, point) }
        moved.open()
    }

    /// Moves the end back, or to another history: tails made before are over.
    func rewind(to location: LogLocation, _ point: HistoryPoint) {
        rewinds.add(1, ordering: .acquiringAndReleasing)
        publish(location, point)
    }

    /// How many rewinds there have been.
    var rewindCount: UInt64 { rewinds.load(ordering: .acquiring) }

    /// The end in the local log.
    var location: LogLocation { state.withLock { $0.0 } }
    /// The end in the history.
    var point: HistoryPoint { state.withLock { $0.1 } }
}

/// Records that `LogTail.next` hands out.
struct LogBatch {
    /// Whole records, one after the other; valid until the tail's next call.
    let records: ByteView
    let count: Int
    /// Where the history stands before and after them.
    let first: HistoryPoint
    let last: HistoryPoint
}

/// Follows the log from a point as it grows: what a follower is sent, and what change streams read. Used by one thread
/// at a time; any number of tails read one log.
///
/// The engine keeps the segments that tails need (`LogSegments.release(below:)` with a floor at or under
/// `segment`); a tail whose segment is gone all the same throws `.history`. A rewind ends all tails: they are made
/// anew.
final class LogTail {
    private let directory: LogDirectory
    private let cuts: LogCuts
    private let end: PublishedLogEnd
    private let cursor: LogCursor
    private let rewindCount: UInt64
    private let buffer = ByteWriter(capacity: 64 << 10)
    /// A record that the cursor has passed and that did not fit into the last batch.
    private var pending: RecordView?
    /// Where the history stands after the last batch.
    private(set) var point: HistoryPoint

    /// Resumes after `point`, in the segments from `floor` on: older files may still be there, and lead nowhere. Throws
    /// `.history` when the log no longer reaches back to it, or holds another history at its sequence number.
    init(
        _ directory: LogDirectory, cuts: [LogCut], from floor: UInt64 = 0, end: PublishedLogEnd,
        after point: HistoryPoint
    ) throws(EngineError) {
        self.directory = directory
        self.end = end
        self.point = point
        rewindCount = end.rewindCount
        let wanted = point.position.sequence
        guard wanted <= end.point.position.sequence else {
            throw EngineError(.history, "\(point) is past the end of this log, \(end.point)")
        }
        let lives = LogCuts(cuts)
        self.cuts = lives
        var found: (SegmentReader, SegmentHeader)?
        for segment in try directory.segments().reversed()
        where segment >= floor && segment <= end.location.segment && !lives.isDead(segment) {
            let reader = try SegmentReader(segment, in: directory)
            guard let header = try reader.header(), header.start.position.sequence <= wanted else { continue }
            found = (reader, header)
            break
        }
        guard let (reader, header) = found else {
            throw EngineError(.history, "the log no longer reaches back to \(point): a full copy is needed")
        }
        cursor = LogCursor(reader, header: header, in: directory, cuts: lives)
        while cursor.point.position.sequence < wanted {
            guard try advance() != nil else { throw missing() }
        }
        guard cursor.point == point else {
            throw EngineError(.history, "\(point) is not in this history, which has \(cursor.point) there")
        }
    }

    /// The segment being read: it and all later ones are still needed.
    var segment: UInt64 { cursor.location.segment }

    /// The next records, at most `maxBytes` of them but at least one; nil when all that is published has been read.
    func next(maxBytes: Int) throws(EngineError) -> LogBatch? {
        let first = point
        var count = 0
        buffer.reset(keeping: max(maxBytes, 1 << 20))
        while true {
            var waiting = pending
            if waiting == nil { waiting = try advance() }
            guard let record = waiting else { break }
            if count > 0, buffer.count + record.bytes.count > maxBytes {
                pending = record
                break
            }
            pending = nil
            buffer.append(record.bytes)
            point = record.point
            count += 1
        }
        guard count > 0 else { return nil }
        return LogBatch(records: buffer.view, count: count, first: first, last: point)
    }

    /// The next published record, or nil when there is none.
    private func advance() throws(EngineError) -> RecordView? {
        let limit = end.location
        guard end.rewindCount == rewindCount else {
            throw EngineError(.history, "a rewind came after \(point) was read; follow the log anew")
        }
        let record: RecordView?
        do throws(EngineError) {
            record = try cursor.next(limit: limit)
        } catch {
            throw error.code == .notFound ? missing() : error
        }
        if record == nil, cursor.location < limit { throw missing() }
        return record
    }

    /// What it means that published bytes are not there: that their segment is no longer kept, or damage.
    private func missing() -> EngineError {
        let location = cursor.location
        if isKept() {
            return EngineError(
                .corruption, "the log is damaged: no valid frame here, but the log goes on to \(end.location)",
                file: directory.path(of: location.segment), offset: location.offset)
        }
        return EngineError(
            .history, "the log after \(point) is no longer kept: a full copy is needed",
            file: directory.path(of: location.segment))
    }

    /// Whether the files still have what should follow `cursor.location`. Segments are given up from the oldest on, so
    /// the next file there is shows it.
    private func isKept() -> Bool {
        guard let found = try? directory.segments(), found.contains(segment),
            (try? directory.header(of: segment)) != nil
        else { return false }
        let last = end.location.segment
        guard segment < last, let next = found.first(where: { $0 > segment && !cuts.isDead($0) && $0 <= last })
        else { return true }
        guard let header = try? directory.header(of: next) else { return true }
        return header.previous.segment == segment
    }
}
