/// Follows the log as it grows: what a follower is sent and what change streams read. Record bytes are portable: they
/// stand in the log as they will on the wire. Used by one thread at a time; any number of streams read one log.
///
/// The engine keeps the log that a stream has yet to read only while a retention hold says so
/// (`Engine.hold`); a stream whose log is gone throws `.history`.
public final class LogStream {
    private let engine: Engine
    private let end: PublishedLogEnd
    private let tail: LogTail

    init(_ engine: Engine, _ side: WriteSide, after point: HistoryPoint) throws(EngineError) {
        self.engine = engine
        end = side.tail
        let state = engine.store.manifest.state
        tail = try LogTail(
            side.logDirectory, cuts: state.logCuts, from: state.logFloor, end: side.tail, after: point)
    }

    /// Up to where records have been handed out.
    public var point: HistoryPoint { tail.point }

    /// Lends the next committed records, whole, one after the other: at most `maxBytes` of them, but at least one.
    ///
    /// - Parameters:
    ///   - maxBytes: The most bytes lent at once.
    ///   - body: Given the records' bytes and where the history stands after them; valid within the call only.
    /// - Returns: What `body` returns; nil when all that is committed has been handed out.
    /// - Throws: `.history` when the log after `point` is no longer kept or was rewound, `.corruption` when it is damaged.
    public func next<R>(
        maxBytes: Int = 1 << 20, _ body: (RawSpan, HistoryPoint) -> R
    ) throws(EngineError) -> R? {
        try engine.checkOpen()
        guard let batch = try tail.next(maxBytes: maxBytes) else { return nil }
        return batch.records.withSpan { body($0, batch.last) }
    }

    /// Blocks until more is committed or the monotonic clock reaches `deadline` (nanoseconds). Returns whether there is
    /// more.
    public func waitForMore(until deadline: UInt64?) -> Bool {
        let seen = tail.point.position
        return engine.store.environment.executor.wait(at: end.moved, until: deadline) {
            end.point.position != seen
        }
    }
}
