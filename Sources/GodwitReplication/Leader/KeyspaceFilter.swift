internal import GodwitEngine

/// What one follower is sent of the keyspaces.
///
/// A keyspace's data goes out where its settings allow that both now and at its place in the log. So nothing goes out
/// any more from the moment on that a keyspace is kept to other regions, whatever lies in the log before that; and what
/// was written while it was kept to others does not go out when it is given free later. Whoever takes the keyspace after
/// such a change, and did not before it, has a full copy made (`FollowerSession`).
///
/// What belongs to a keyspace of which nobody knows the settings any more stays here: it was dropped before the store
/// was opened, and the drop follows in the log.
final class KeyspaceFilter {
    private let selection: KeyspaceSelection
    private let engine: Engine
    /// Whether keyspaces are taken by the settings that records have given them on the way.
    private var here: [KeyspaceID: Bool] = [:]
    /// What was found out since the keyspaces were last looked at.
    private var known: [KeyspaceID: Bool] = [:]
    /// The last of it: records come in runs of one keyspace.
    private var latest: (id: KeyspaceID, isTaken: Bool)?

    init(_ selection: KeyspaceSelection, _ engine: Engine) {
        self.selection = selection
        self.engine = engine
    }

    /// Finds out what the follower gets of records, and appends it where it is less than all: then only the sections it
    /// takes are left, and records of which it takes none become skips. Returns whether it is less.
    func apply(to records: ByteView, after point: HistoryPoint, into output: ByteWriter) throws(EngineError) -> Bool {
        look()
        var run = RecordRun(records)
        var done = point
        var isCut = false
        var skipped: (first: SequenceNumber, after: UInt64, last: RecordView)?
        while let record = try run.next() {
            try learn(record)
            if !isCut {
                if try isTakenWhole(record) {
                    done = record.point
                    continue
                }
                output.append(records.slice(0, run.offset - record.bytes.count))
                isCut = true
            }
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
        return isCut
    }

    /// Settings may have changed since the last time.
    private func look() {
        known.removeAll(keepingCapacity: true)
        latest = nil
    }

    private func takes(_ id: KeyspaceID) -> Bool {
        if let latest, latest.id == id { return latest.isTaken }
        let isTaken = known[id] ?? find(id)
        known[id] = isTaken
        latest = (id, isTaken)
        return isTaken
    }

    private func find(_ id: KeyspaceID) -> Bool {
        let now = engine.keyspaceEver(id).map { selection.takes($0.name, $0.settings) }
        return (now ?? here[id] ?? false) && here[id] ?? true
    }

    /// Whether nothing of a record is to be left out.
    private func isTakenWhole(_ record: RecordView) throws(EngineError) -> Bool {
        guard record.type == .batch else { return try isTaken(record) }
        for section in record.sections where section.payload != nil && !takes(section.keyspace) { return false }
        return true
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

    /// Takes note of keyspaces that are made or changed on the way.
    private func learn(_ record: RecordView) throws(EngineError) {
        switch record.type {
        case .keyspaceCreate:
            let made = try KeyspaceCreate.decode(record.controlPayload)
            here[made.id] = selection.takes(made.name, try KeyspaceSettings(encoded: made.settings))
        case .keyspaceAlter:
            let altered = try KeyspaceAlter.decode(record.controlPayload)
            let settings = try KeyspaceSettings(encoded: altered.settings)
            here[altered.id] = engine.keyspaceEver(altered.id).map { selection.takes($0.name, settings) } ?? false
        case .batch, .epochBegin, .keyspaceDrop, .ingestChunk, .ingestCommit, .marker, .skip: return
        }
        look()
    }
}
