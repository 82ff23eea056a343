internal import GodwitEngine

/// The log after a point, as one follower is to have it: whole, or only some keyspaces.
final class RecordFeed {
    private let stream: LogStream
    private let filter: KeyspaceFilter?
    private let output = ByteWriter(capacity: 1 << 10)

    /// - Parameter filter: What the follower takes; nil for everything.
    init(_ engine: Engine, after point: HistoryPoint, _ filter: KeyspaceFilter?) throws(EngineError) {
        stream = try engine.logStream(after: point)
        self.filter = filter
    }

    /// Up to where records have been handed out.
    var point: HistoryPoint { stream.point }

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
                    try filter.apply(to: view, after: before, into: output)
                }
                return point
            }
        }
        guard let result else { return nil }
        return body(output.view, try result.get())
    }
}

/// What a follower takes of the keyspaces.
final class KeyspaceFilter {
    private let selection: KeyspaceSelection
    private var ids: Set<KeyspaceID> = []

    /// - Parameters:
    ///   - names: The keyspaces it asks for; nil for all.
    ///   - region: The region it is in: some keyspaces stay within theirs.
    init(_ names: [String]?, region: String, _ engine: Engine) {
        selection = KeyspaceSelection(names, region: region)
        for keyspace in engine.keyspaces where selection.takes(keyspace.name, keyspace.settings) {
            ids.insert(keyspace.id)
        }
    }

    /// Whether anything is left out now, for `engine`'s keyspaces.
    static func isNeeded(_ names: [String]?, region: String, _ engine: Engine) -> Bool {
        let filter = KeyspaceFilter(names, region: region, engine)
        return names != nil || engine.keyspaces.contains { !filter.takes($0.id) }
    }

    func takes(_ id: KeyspaceID) -> Bool { ids.contains(id) }

    /// Appends what the follower gets of records: with only the sections it takes; those of which it takes none become
    /// skips.
    func apply(to records: ByteView, after point: HistoryPoint, into output: ByteWriter) throws(EngineError) {
        var run = RecordRun(records)
        var done = point
        var skipped: (first: SequenceNumber, after: UInt64, last: RecordView)?
        while let record = try run.next() {
            try learn(record)
            let start = output.count
            guard try isTaken(record), RecordEncoder.appendPartial(of: record, to: output, keeping: takes) else {
                skipped = (skipped?.first ?? record.firstSequence, skipped?.after ?? done.chain, record)
                done = record.point
                continue
            }
            if let run = skipped {
                // The skip comes before what was just appended.
                let taken = output.view.dropFirst(start).array
                output.truncate(to: start)
                Self.append(run, to: output)
                output.append(taken)
                skipped = nil
            }
            done = record.point
        }
        if let skipped { Self.append(skipped, to: output) }
    }

    /// Whether a record may go out at all: the tables of a bulk ingest stand in records of their own.
    private func isTaken(_ record: RecordView) throws(EngineError) -> Bool {
        switch record.type {
        case .ingestChunk: takes(IngestChunk.keyspace(of: try IngestChunk.decode(record.controlPayload).ingest))
        case .ingestCommit: takes(IngestChunk.keyspace(of: try IngestCommit.decode(record.controlPayload).ingest))
        case .batch, .epochBegin, .keyspaceCreate, .keyspaceDrop, .keyspaceAlter, .marker, .skip: true
        }
    }

    private static func append(
        _ run: (first: SequenceNumber, after: UInt64, last: RecordView), to output: ByteWriter
    ) {
        RecordEncoder.appendSkip(
            from: run.first, after: run.after, to: run.last.point, stamp: run.last.stamp, origin: run.last.origin,
            into: output)
    }

    /// Takes note of keyspaces that are made on the way.
    private func learn(_ record: RecordView) throws(EngineError) {
        guard record.type == .keyspaceCreate else { return }
        let made = try KeyspaceCreate.decode(record.controlPayload)
        let settings = try KeyspaceSettings(encoded: made.settings)
        if selection.takes(made.name, settings) { ids.insert(made.id) }
    }
}
