/// Puts control records into effect: keyspaces made, changed and dropped, epochs begun. The manifest keeps only what the
/// log is sure of, so the log is synced first. Each edit says up to where the history has taken effect: recovery passes
/// over the records up to there, since a later one may have undone what an earlier one did. A drop and a change of
/// settings cannot be taken back, so they end all rewind points.
final class KeyspaceChanges: @unchecked Sendable {
    private let store: Store
    private let ingests: IngestReceiver
    init(store: Store, ingests: IngestReceiver) {
        self.store = store
        self.ingests = ingests
    }

    /// Puts a control record into effect. Returns whether trees or their views changed.
    func apply(_ record: RecordView) throws(EngineError) -> Bool {
        switch record.type {
        case .keyspaceCreate: try create(KeyspaceCreate.decode(record.controlPayload), record)
        case .keyspaceDrop: try drop(KeyspaceDrop.decode(record.controlPayload), record)
        case .keyspaceAlter: try alter(KeyspaceAlter.decode(record.controlPayload), record)
        case .epochBegin: try begin(EpochBegin.decode(record.controlPayload), record)
        case .ingestChunk: try ingests.receive(IngestChunk.decode(record.controlPayload), record)
        case .ingestCommit: try ingests.commit(IngestCommit.decode(record.controlPayload), record)
        case .marker, .skip: false
        case .batch: preconditionFailure("a batch is no control record")
        }
    }

    /// Whether a record took effect before the store was opened.
    private func tookEffect(_ record: RecordView) -> Bool {
        record.lastSequence <= store.manifest.state.end.position.sequence
    }

    private func create(
        _ payload: KeyspaceCreate, _ record: RecordView
    ) throws(EngineError) -> Bool {
        if tookEffect(record) { return false }
        let settings = try payload.settings.withView { (bytes) throws(EngineError) in
            try KeyspaceSettings(decoding: bytes, source: "keyspace record")
        }
        let meta = KeyspaceMeta(
            id: payload.id, name: payload.name, createdSequence: record.lastSequence, settings: settings,
            flushedThrough: record.lastSequence)
        _ = try store.syncLog(record.lastSequence)
        try store.manifest.commit(VersionEdit([.createKeyspace(meta), .end(record.point)]))
        store.addTree(meta)
        return true
    }

    private func drop(
        _ payload: KeyspaceDrop, _ record: RecordView
    ) throws(EngineError) -> Bool {
        guard !tookEffect(record), store.manifest.state.keyspace(payload.id) != nil else { return false }
        _ = try store.syncLog(record.lastSequence)
        store.rewind.clear()
        try store.manifest.commit(
            VersionEdit([.dropKeyspace(payload.id), .rewindPoints([]), .end(record.point)]))
        store.removeTree(payload.id)
        return true
    }

    private func alter(
        _ payload: KeyspaceAlter, _ record: RecordView
    ) throws(EngineError) -> Bool {
        let settings = try payload.settings.withView { (bytes) throws(EngineError) in
            try KeyspaceSettings(decoding: bytes, source: "keyspace record")
        }
        guard !tookEffect(record), store.manifest.state.keyspace(payload.id) != nil else { return false }
        _ = try store.syncLog(record.lastSequence)
        store.rewind.clear()
        try store.manifest.commit(
            VersionEdit([.alterKeyspace(payload.id, settings), .rewindPoints([]), .end(record.point)]))
        store.tree(payload.id)?.settings = settings
        return false
    }

    private func begin(
        _ payload: EpochBegin, _ record: RecordView
    ) throws(EngineError) -> Bool {
        ingests.discardAll()
        let start = EpochStart(start: record.point, parent: payload.parent)
        if store.manifest.state.epochHistory.contains(where: { $0.epoch >= record.epoch }) { return false }
        _ = try store.syncLog(record.lastSequence)
        try store.manifest.commit(VersionEdit([.beginEpoch(start)]))
        return false
    }
}
