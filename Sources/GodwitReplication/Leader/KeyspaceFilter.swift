internal import GodwitEngine

/// What one follower is sent of the keyspaces.
///
/// A keyspace's settings at each place of the log say whether the follower takes what is written there: those that it
/// says hello with, and from there on those that records give. What it does not take is left out.
///
/// Settings also count at once: what a keyspace holds that has been kept from the follower meanwhile does not go out
/// either, though it lies before the change. It cannot just be left out: another history may go on from before the
/// change, and the follower would lack it there. The feed ends (`turned`), and a full copy has to follow. What was
/// dropped has the settings that it had last; a full copy has to follow, too, where nobody knows them any more.
final class KeyspaceFilter {
    /// What is done with a keyspace's data.
    private enum Verdict {
        case goes, stays
        /// It belongs to the follower here, and is not to go out any more.
        case turned
    }

    private let selection: KeyspaceSelection
    private let engine: Engine
    private let lacks: Set<KeyspaceID>
    /// Whether keyspaces are taken by the settings that records have given them on the way.
    private var given: [KeyspaceID: Bool] = [:]
    /// What was found out since the keyspaces were last looked at.
    private var known: [KeyspaceID: Verdict] = [:]
    /// The last of it: records come in runs of one keyspace.
    private var latest: (id: KeyspaceID, verdict: Verdict)?
    /// The record that ends the feed.
    private(set) var turned: SequenceNumber?

    /// - Parameter lacks: The keyspaces that the follower does not take where the feed begins.
    init(_ selection: KeyspaceSelection, lacks: [KeyspaceID], _ engine: Engine) {
        self.selection = selection
        self.lacks = Set(lacks)
        self.engine = engine
    }

    /// Finds out what the follower gets of records, and appends it where it is less than all: then only the sections it
    /// takes are left, and records of which it takes none become skips. Returns whether it is less. Stops where the feed
    /// ends.
    func apply(to records: ByteView, after point: HistoryPoint, into output: ByteWriter) throws(EngineError) -> Bool {
        look()
        if try goesWhole(records) { return false }
        var run = RecordRun(records)
        var done = point
        var isCut = false
        var skipped: (first: SequenceNumber, after: UInt64, last: RecordView)?
        while let record = try run.next() {
            try learn(record)
            let verdict = try judge(record)
            if verdict == .goes, !isCut {
                done = record.point
                continue
            }
            if !isCut { output.append(records.slice(0, run.offset - record.bytes.count)) }
            isCut = true
            if verdict == .turned {
                turned = record.lastSequence
                break
            }
            let start = output.count
            guard RecordEncoder.appendPartial(of: record, to: output, keeping: { self.verdict($0) == .goes }),
                record.type == .batch || verdict == .goes
            else {
                output.truncate(to: start)
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

    /// Whether records go out as they are, without a look at each: the follower has taken all there was so far, may
    /// have all that there ever was by the settings of now, and none of the records makes or changes a keyspace.
    private func goesWhole(_ records: ByteView) throws(EngineError) -> Bool {
        guard lacks.isEmpty, given.values.allSatisfy({ $0 }), engine.allKeyspacesEver(selection.takes) else {
            return false
        }
        var run = RecordRun(records)
        return try run.nextKeyspaceChange() == nil
    }

    /// Settings may have changed since the last time.
    private func look() {
        known.removeAll(keepingCapacity: true)
        latest = nil
    }

    private func verdict(_ id: KeyspaceID) -> Verdict {
        if let latest, latest.id == id { return latest.verdict }
        let verdict = known[id] ?? find(id)
        known[id] = verdict
        latest = (id, verdict)
        return verdict
    }

    private func find(_ id: KeyspaceID) -> Verdict {
        guard given[id] ?? !lacks.contains(id) else { return .stays }
        let isAllowed = engine.keyspaceEver(id).map { selection.takes($0.name, $0.settings) } ?? false
        return isAllowed ? .goes : .turned
    }

    /// What is done with a record: it goes whole, or not. The tables of a bulk ingest stand in records of their own.
    private func judge(_ record: RecordView) throws(EngineError) -> Verdict {
        switch record.type {
        case .batch:
            var whole = Verdict.goes
            for section in record.sections where section.payload != nil {
                let verdict = verdict(section.keyspace)
                if verdict == .turned { return .turned }
                if verdict == .stays { whole = .stays }
            }
            return whole
        case .ingestChunk:
            return verdict(IngestChunk.keyspace(of: try IngestChunk.decode(record.controlPayload).ingest))
        case .ingestCommit:
            return verdict(IngestChunk.keyspace(of: try IngestCommit.decode(record.controlPayload).ingest))
        case .epochBegin, .keyspaceCreate, .keyspaceDrop, .keyspaceAlter, .marker, .skip: return .goes
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
            given[made.id] = selection.takes(made.name, try KeyspaceSettings(encoded: made.settings))
        case .keyspaceAlter:
            let altered = try KeyspaceAlter.decode(record.controlPayload)
            let settings = try KeyspaceSettings(encoded: altered.settings)
            given[altered.id] = engine.keyspaceEver(altered.id).map { selection.takes($0.name, settings) } ?? true
        case .batch, .epochBegin, .keyspaceDrop, .ingestChunk, .ingestCommit, .marker, .skip: return
        }
        look()
    }
}
