internal import GodwitEngine

/// The log after a point, as one follower is to have it, or whole.
final class RecordFeed {
    private let stream: LogStream
    private let filter: KeyspaceFilter?
    private let output = ByteWriter(capacity: 1 << 10)

    /// - Parameter filter: What the follower takes; nil for whoever is to see everything.
    init(_ engine: Engine, after point: HistoryPoint, _ filter: KeyspaceFilter?) throws(EngineError) {
        stream = try engine.logStream(after: point)
        self.filter = filter
    }

    /// Up to where records have been handed out.
    var point: HistoryPoint { stream.point }

    /// The record before which the feed has ended: the follower is not to have it any more.
    var turned: SequenceNumber? { filter?.turned }

    /// Lends the next records, about `maxBytes` of them; nil when there are none.
    func next<R>(maxBytes: Int, _ body: (ByteView, HistoryPoint) -> R) throws(EngineError) -> R? {
        guard let filter else {
            return try stream.next(maxBytes: maxBytes) { span, point in span.withView { body($0, point) } }
        }
        output.reset(keeping: 2 << 20)
        let before = stream.point
        let result = try stream.next(maxBytes: maxBytes) { span, point in
            Result { () throws(EngineError) in
                try span.withView { (view) throws(EngineError) in
                    let isCut = try filter.apply(to: view, after: before, into: output)
                    return body(isCut ? output.view : view, point)
                }
            }
        }
        return try result?.get()
    }
}
