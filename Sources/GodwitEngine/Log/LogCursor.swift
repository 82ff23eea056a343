/// Walks over the records of a log, from frame to frame and from segment to segment, and checks that they make one
/// history: sequence numbers without a gap, the chain unbroken, epochs that change only where one begins. `LogReader`
/// and `LogTail` decide what it means that no more frames are there.
final class LogCursor {
    private let directory: LogDirectory
    private let cuts: LogCuts
    private var reader: SegmentReader
    private var run = RecordRun(.empty)
    private var frameEnd: UInt64
    private var frameStart: UInt64

    /// Up to where the frames and headers passed say that the log was durable.
    private(set) var synced: LogLocation
    /// The last record passed, or where the first segment begins.
    private(set) var point: HistoryPoint
    /// The segments walked over so far.
    private(set) var segmentsRead: [UInt64]

    /// Begins after the header of `reader`'s segment.
    init(_ reader: SegmentReader, header: SegmentHeader, in directory: LogDirectory, cuts: LogCuts) {
        self.directory = directory
        self.cuts = cuts
        self.reader = reader
        point = header.start
        synced = header.synced
        frameEnd = UInt64(LogFormat.segmentHeaderLength)
        frameStart = frameEnd
        segmentsRead = [header.segment]
    }

    /// The end of the last frame read: where the next one is looked for.
    var location: LogLocation { LogLocation(segment: reader.segment, offset: frameEnd) }

    /// The next record, valid until the next call; nil when no valid frame follows at `location` and no other segment
    /// goes on from there. Frames that end past `limit` are not looked at.
    func next(limit: LogLocation? = nil) throws(EngineError) -> RecordView? {
        while true {
            do throws(EngineError) {
                if let record = try run.next() {
                    if let cut = cuts.cut(of: reader.segment), record.lastSequence > cut.through {
                        run = RecordRun(.empty)
                        continue
                    }
                    try check(record)
                    point = record.point
                    return record
                }
            } catch {
                throw located(error)
            }
            guard try nextFrame(limit: limit) else { return nil }
        }
    }

    /// Goes to the next frame, in this segment or the one where the log goes on.
    private func nextFrame(limit: LogLocation?) throws(EngineError) -> Bool {
        if let limit, location >= limit { return false }
        let cut = cuts.cut(of: reader.segment)
        if cut.map({ frameEnd < $0.endOffset }) ?? true {
            let bound = limit.map { $0.segment == reader.segment ? $0.offset : .max } ?? .max
            if let (header, payload) = try reader.frame(at: frameEnd, limit: bound) {
                frameStart = frameEnd
                frameEnd = header.end.offset
                synced = max(synced, header.synced)
                run = RecordRun(payload)
                return true
            }
        }
        if let cut {
            guard frameEnd == cut.endOffset, point.position.sequence == cut.through else {
                throw EngineError(
                    .corruption,
                    """
                    the log is damaged: it must hold everything up to sequence number \(cut.through) and byte \
                    \(cut.endOffset), and is valid up to \(point.position.sequence)
                    """, file: directory.path(of: reader.segment), offset: frameEnd)
            }
        }
        return try nextSegment(from: cut?.resumesAt ?? reader.segment + 1)
    }

    /// Goes to the segment whose header says that it follows `location`.
    private func nextSegment(from first: UInt64) throws(EngineError) -> Bool {
        for segment in try directory.segments() where segment >= first && !cuts.isDead(segment) {
            guard let header = try directory.header(of: segment), header.previous == location else { continue }
            guard header.start == point else {
                throw EngineError(
                    .corruption, "the segment begins after \(header.start), but the log before it ends at \(point)",
                    file: directory.path(of: segment), offset: 32)
            }
            reader = try SegmentReader(segment, in: directory)
            synced = max(synced, header.synced)
            frameEnd = UInt64(LogFormat.segmentHeaderLength)
            frameStart = frameEnd
            segmentsRead.append(segment)
            return true
        }
        return false
    }

    /// Throws `.corruption` unless `record` is what follows `point`.
    private func check(_ record: RecordView) throws(EngineError) {
        guard record.firstSequence == point.position.sequence + 1 else {
            throw EngineError(
                .corruption,
                "record \(record.position) begins at \(record.firstSequence) but follows \(point.position)")
        }
        guard record.continues(point.chain) else {
            throw EngineError(.corruption, "record \(record.position) does not continue the chain after \(point)")
        }
        if record.epoch != point.position.epoch {
            guard record.type == .epochBegin, record.epoch > point.position.epoch,
                try EpochBegin.decode(record.controlPayload).parent == point
            else {
                throw EngineError(
                    .corruption, "record \(record.position) is of another epoch than \(point), and begins none")
            }
        }
        try record.verifyPayloads()
    }

    /// An error about a record with the file and the frame it stands in.
    private func located(_ error: EngineError) -> EngineError {
        EngineError(
            error.code, "log: " + error.message, file: directory.path(of: reader.segment), offset: frameStart)
    }
}
