internal import GodwitEngine

/// Leaves out of a tail what the primary that classifies it is not to have.
///
/// A keyspace's data goes to a region if its settings here allow that, and all that the tail gave it: a change that was
/// lost with the tail still says what its writer wanted. Data of keyspaces that the tail made stays here: the primary
/// can do nothing with it. Every batch goes, if need be without any section, so that the primary gives each a class:
/// what it cannot read conflicts. The tables of bulk ingests stay here.
final class TailCutter {
    /// Keyspaces that the tail made: here, too, their ids may stand for others.
    private var made: Set<KeyspaceID> = []
    /// What the tail changed keyspaces to.
    private var altered: [KeyspaceID: [KeyspaceSettings]] = [:]

    /// Takes note of what records of the tail do to keyspaces: all of them, before any is cut.
    func learn(_ records: ByteView) throws(EngineError) {
        var run = RecordRun(records)
        while let change = try run.nextKeyspaceChange() {
            switch change {
            case .create(let create): made.insert(create.id)
            case .alter(let alter):
                altered[alter.id, default: []].append(try KeyspaceSettings(encoded: alter.settings))
            }
        }
    }

    /// The records as a primary in `region` may have them.
    func cut(_ records: ByteView, for region: String, _ engine: Engine) throws(EngineError) -> [UInt8] {
        let selection = KeyspaceSelection(nil, region: region)
        let output = ByteWriter(capacity: records.count)
        var run = RecordRun(records)
        while let record = try run.next() {
            switch record.type {
            case .batch:
                _ = RecordEncoder.appendPartial(
                    of: record, to: output, isKeptEmpty: true, keeping: { isFor($0, selection, engine) })
            case .ingestChunk: continue
            case .ingestCommit:
                let commit = try IngestCommit.decode(record.controlPayload)
                if !commit.isAbandonment {
                    RecordEncoder.appendBareCommit(of: record, ingest: commit.ingest, to: output)
                }
            case .epochBegin, .keyspaceCreate, .keyspaceDrop, .keyspaceAlter, .marker, .skip:
                output.append(record.bytes)
            }
        }
        return output.array
    }

    private func isFor(_ id: KeyspaceID, _ selection: KeyspaceSelection, _ engine: Engine) -> Bool {
        guard !made.contains(id), let keyspace = engine.keyspaceEver(id) else { return false }
        let settings = [keyspace.settings] + (altered[id] ?? [])
        return settings.allSatisfy { selection.takes(keyspace.name, $0) }
    }
}
