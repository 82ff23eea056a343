/// Reads the log at recovery, from a segment to its end, and tells a torn tail from damage.
///
/// Where no valid frame follows, the log ends, unless something proves that it went on and was durable there:
/// 1. a cut in a later segment: the log was once recovered or closed there;
/// 2. a later frame or segment header whose synced mark is above the end;
/// 3. a later segment header that names a segment before it that is not there.
/// Then it is damaged, and `next` throws `.corruption`. Bytes past the end that nothing proves durable were promised to
/// nobody: the caller records a cut there, so that they stay out of the log for good.
final class LogReader {
    private let directory: LogDirectory
    private let cuts: LogCuts
    private let first: UInt64
    private let cursor: LogCursor?
    private let fallback: HistoryPoint
    /// Whether the end has been reached.
    private(set) var isAtEnd = false

    /// Reads from `segment` on. `fallback` is where the history stands if the segment turns out to have been torn
    /// before anything in it was durable: what the manifest knows.
    init(
        _ directory: LogDirectory, cuts: [LogCut], from segment: UInt64, fallback: HistoryPoint
    ) throws(EngineError) {
        self.directory = directory
        self.cuts = LogCuts(cuts)
        self.fallback = fallback
        first = segment
        guard try directory.fileSystem.exists(directory.path(of: segment)) else {
            throw EngineError(
                .corruption, "the log must begin with this segment, and it is missing",
                file: directory.path(of: segment))
        }
        let reader = try SegmentReader(segment, in: directory)
        if let header = try reader.header() {
            cursor = LogCursor(reader, header: header, in: directory, cuts: self.cuts)
        } else {
            cursor = nil
        }
    }

    /// The next record, valid until the next call; nil at the end of the log.
    func next() throws(EngineError) -> RecordView? {
        if isAtEnd { return nil }
        if let record = try cursor?.next() { return record }
        try checkNothingDurableFollows()
        isAtEnd = true
        return nil
    }

    /// The end of the last frame that counts. Final once `next` has returned nil.
    var end: LogLocation {
        cursor?.location ?? LogLocation(segment: first, offset: UInt64(LogFormat.segmentHeaderLength))
    }

    /// Where the history stands after the last record returned.
    var point: HistoryPoint { cursor?.point ?? fallback }

    /// Up to where the log is surely durable. What was read past it may be in the page cache only: a `LogWriter` that
    /// continues the log writes it again and syncs it.
    var synced: LogLocation { endsAtCut ? end : cursor?.synced ?? .none }

    /// The segments that the records came from.
    var segmentsRead: [UInt64] { cursor?.segmentsRead ?? [] }

    /// Whether the log ends at a cut that is recorded already: it was closed cleanly, or nothing was written since.
    var endsAtCut: Bool { cuts.cut(of: end.segment)?.endOffset == end.offset }

    /// The cut to record before the log is written on, in segments from `segment` on.
    func cut(resumingAt segment: UInt64) -> LogCut {
        LogCut(segment: end.segment, endOffset: end.offset, through: point.position.sequence, resumesAt: segment)
    }

    /// Throws `.corruption` when the log must have gone on after `end`.
    private func checkNothingDurableFollows() throws(EngineError) {
        // A first segment without a header may be damaged in its first byte: then the whole of it is looked through.
        let end = cursor?.location ?? LogLocation(segment: first, offset: 0)
        if cuts.cut(of: end.segment)?.endOffset == end.offset, cursor != nil {
            // Nothing in this segment counts from here on.
        } else if cuts.cut(of: end.segment) != nil {
            throw damaged(at: end, "the manifest says that the log goes on")
        } else {
            let reader = try SegmentReader(end.segment, in: directory)
            if let later = try reader.firstFrame(from: end.offset, syncedAbove: end) {
                throw damaged(at: end, "byte \(later.location) was written when \(later.synced) was durable")
            }
        }
        if let cut = cuts.firstLive(after: end.segment) {
            throw damaged(at: end, "the manifest says that the log reached segment \(cut.segment)")
        }
        let found = try directory.segments()
        let least = cuts.cut(of: end.segment)?.resumesAt ?? end.segment + 1
        for segment in found where segment >= least && !cuts.isDead(segment) {
            let reader = try SegmentReader(segment, in: directory)
            if let header = try reader.header() {
                if header.synced > end {
                    throw damaged(at: end, "segment \(segment) was begun when \(header.synced) was durable")
                }
                let before = header.previous.segment
                if before > end.segment, !cuts.isDead(before), !found.contains(before) {
                    throw damaged(at: end, "segment \(before) is missing, which comes before segment \(segment)")
                }
            }
            if let later = try reader.firstFrame(from: 0, syncedAbove: end) {
                throw damaged(at: end, "byte \(later.location) was written when \(later.synced) was durable")
            }
        }
    }

    private func damaged(at end: LogLocation, _ proof: String) -> EngineError {
        EngineError(
            .corruption,
            "the log is damaged: no valid frame here, but \(proof); run `verify`, then `repair` or restore",
            file: directory.path(of: end.segment), offset: end.offset)
    }
}
