internal import Synchronization

/// Writes the log: appends frames, one caller at a time, and syncs them, from another thread if need be.
///
/// 1. `append` puts a commit group's frame at the end of the current segment; one that does not fit goes into the next.
///    A failed append leaves the log as it was, and the next one writes over what it left.
/// 2. `sync` makes durable what was appended before it was called, in the order of the log: the segments that were left
///    first. So a synced mark in a frame stands for everything before it.
/// 3. After a sync that failed nobody knows what is on the disk: the writer refuses everything from then on.
final class LogWriter: @unchecked Sendable {
    /// What only `append` touches.
    private struct Tail {
        var segment: PreparedSegment
        /// The end of the last frame.
        var end: UInt64
        /// Where the history stands there.
        var point: HistoryPoint
        /// Whether a failed append may have left a frame at `end`.
        var isSoiled = false
    }

    private struct Shared {
        var end: LogLocation
        /// Where the history stands at `end`.
        var point: HistoryPoint
        var synced: LogLocation
        var current: any File
        /// Segments left since the last sync, in order.
        var unsynced: [any File] = []
        var poison: EngineError?
    }

    private let segments: LogSegments
    private let identity: LogIdentity
    /// Used by whoever appends: one caller at a time, the leader of the commit queue.
    private let tail: Owned<Tail>
    private let shared: Locked<Shared>

    /// Begins a new segment after `point`, where the log so far ends at `previous` (`.none`: there is no log yet). Makes
    /// durable what recovery read from `recovered` past `synced`, and the header of the new segment; the manifest may then
    /// name the segment, and must hold the cut at `previous` before the first append.
    init(
        _ segments: LogSegments, in directory: LogDirectory, after point: HistoryPoint, previous: LogLocation = .none,
        syncing recovered: [UInt64] = [], past synced: LogLocation = .none
    ) throws(EngineError) {
        try directory.persist(recovered, past: synced, through: previous)
        self.segments = segments
        identity = directory.identity
        let segment = try segments.take(atLeast: UInt64(LogFormat.segmentHeaderLength))
        let header = SegmentHeader(segment: segment.number, start: point, previous: previous, synced: previous)
        do throws(EngineError) {
            try Self.write(header, to: segment, identity)
            try segment.file.sync()
        } catch {
            segments.release([segment.number])
            throw error
        }
        let start = LogLocation(segment: segment.number, offset: UInt64(LogFormat.segmentHeaderLength))
        tail = Owned(Tail(segment: segment, end: start.offset, point: point))
        shared = Locked(Shared(end: start, point: point, synced: start, current: segment.file))
    }

    /// The end of the last frame appended.
    var end: LogLocation { shared.withLock { $0.end } }

    /// Up to where the log is durable.
    var synced: LogLocation { shared.withLock { $0.synced } }

    /// Where the history stands at `end`.
    var point: HistoryPoint { shared.withLock { $0.point } }

    /// Whether a sync has failed.
    var isPoisoned: Bool { shared.withLock { $0.poison != nil } }

    /// Empties `group` and leaves room for the frame's header; records are appended behind it.
    @inline(__always)
    static func begin(_ group: ByteWriter) {
        group.reset(keeping: 4 << 20)
        group.appendZeros(LogFormat.frameHeaderLength)
    }

    /// Appends the records in `group` (made by `begin`, then whole records) as one frame, and returns its end. `last`
    /// is where the history stands after them. On failure nothing was appended.
    func append(group: ByteWriter, last: HistoryPoint) throws(EngineError) -> LogLocation {
        let payload = group.count - LogFormat.frameHeaderLength
        precondition(payload > 0, "log: an empty group")
        let length = UInt64(LogFormat.frameLength(payload: payload))
        let (poison, synced) = shared.withLock { ($0.poison, $0.synced) }
        if let poison { throw poison }
        if tail.value.end + length > tail.value.segment.size { try rotate(for: length) }
        let start = LogLocation(segment: tail.value.segment.number, offset: tail.value.end)
        FrameHeader.seal(group, at: start, synced: synced, seed: identity.seed)
        do throws(EngineError) {
            try tail.value.segment.file.writeFully(group.view, at: start.offset)
        } catch {
            tail.value.isSoiled = true
            try? clean()
            throw error
        }
        tail.value.isSoiled = false
        tail.value.end += length
        tail.value.point = last
        let end = LogLocation(segment: start.segment, offset: start.offset + length)
        shared.withLock {
            $0.end = end
            $0.point = last
        }
        return end
    }

    /// Appends a copy of `records` as one frame; `append(group:last:)` spares the copy.
    func append(_ records: ByteView, last: Position, lastChain: UInt64) throws(EngineError) -> LogLocation {
        let group = ByteWriter(capacity: LogFormat.frameLength(payload: records.count))
        Self.begin(group)
        group.append(records)
        return try append(group: group, last: HistoryPoint(position: last, chain: lastChain))
    }

    /// Makes durable what has been appended so far; returns up to where the log is durable. One caller at a time, at
    /// the same time as `append` if need be. Throws `.poisoned` when the disk refuses, and ever after.
    @discardableResult
    func sync() throws(EngineError) -> LogLocation {
        try checkPoison()
        let (target, files, isNew) = shared.withLock { ($0.end, $0.unsynced + [$0.current], $0.end > $0.synced) }
        guard isNew else { return target }
        for file in files {
            do throws(EngineError) {
                try file.sync()
            } catch {
                let poison = EngineError(
                    .poisoned, "a sync of the log failed (\(error.message)): close the store and open it again",
                    file: error.file, errno: error.errno)
                shared.withLock { $0.poison = poison }
                throw poison
            }
        }
        shared.withLock { state in
            state.unsynced.removeFirst(files.count - 1)
            state.synced = target
        }
        return target
    }

    private func checkPoison() throws(EngineError) {
        if let poison = shared.withLock({ $0.poison }) { throw poison }
    }

    /// Goes on in the next segment, which has room for a frame of `length` bytes.
    private func rotate(for length: UInt64) throws(EngineError) {
        if tail.value.isSoiled { try clean() }
        let next = try segments.take(atLeast: UInt64(LogFormat.segmentHeaderLength) + length)
        let (previous, synced) = shared.withLock { ($0.end, $0.synced) }
        let header = SegmentHeader(segment: next.number, start: tail.value.point, previous: previous, synced: synced)
        do throws(EngineError) {
            try Self.write(header, to: next, identity)
        } catch {
            segments.release([next.number])
            throw error
        }
        let start = LogLocation(segment: next.number, offset: UInt64(LogFormat.segmentHeaderLength))
        tail.value.segment = next
        tail.value.end = start.offset
        shared.withLock { state in
            state.unsynced.append(state.current)
            state.current = next.file
            state.end = start
        }
    }

    /// Overwrites what a failed append may have left: a reader must not take it for the log's next frame once the log
    /// goes on in another segment.
    private func clean() throws(EngineError) {
        let zeros = ByteWriter()
        zeros.appendZeros(LogFormat.frameHeaderLength)
        guard tail.value.end + UInt64(zeros.count) <= tail.value.segment.size else { return }
        try tail.value.segment.file.writeFully(zeros.view, at: tail.value.end)
        tail.value.isSoiled = false
    }

    private static func write(
        _ header: SegmentHeader, to segment: PreparedSegment, _ identity: LogIdentity
    ) throws(EngineError) {
        let buffer = ByteWriter()
        header.encode(into: buffer, identity: identity)
        try segment.file.writeFully(buffer.view, at: 0)
    }
}
