/// Follows records that are about to be appended, to find a commit of an ingest whose chunks are not all here: once it is in
/// the log, the store could not be opened without them.
struct IngestCheck {
    private let here: IngestReceiver
    /// Bytes of tables by ingest id, as far as they are or will be known; those here before unless an epoch began.
    private var lengths: [UInt64: UInt64] = [:]
    private var countsWhatIsHere = true

    init(_ here: IngestReceiver) { self.here = here }

    /// Takes note of the next record. Returns the id of a table that lacks chunks.
    mutating func pass(_ record: RecordView) throws(EngineError) -> UInt64? {
        switch record.type {
        case .ingestChunk:
            let chunk = try IngestChunk.decode(record.controlPayload)
            if let length = length(of: chunk.ingest) {
                lengths[chunk.ingest] = length + UInt64(chunk.bytes.count)
            } else if chunk.number == 0 {
                lengths[chunk.ingest] = UInt64(chunk.bytes.count)
            }
        case .ingestCommit: return try missing(IngestCommit.decode(record.controlPayload))
        case .epochBegin:
            lengths = [:]
            countsWhatIsHere = false
        case .batch, .keyspaceCreate, .keyspaceDrop, .keyspaceAlter, .marker, .skip: break
        }
        return nil
    }

    private func length(of ingest: UInt64) -> UInt64? {
        lengths[ingest] ?? (countsWhatIsHere ? here.length(of: ingest) : nil)
    }

    private func missing(_ commit: IngestCommit) throws(EngineError) -> UInt64? {
        if commit.isAbandonment { return nil }
        let details = try commit.details.withView { (bytes) throws(EngineError) in
            try IngestDetails(decoding: bytes)
        }
        return details.tables.first { !here.isLocal($0.ingest) && length(of: $0.ingest) != $0.meta.size }?.ingest
    }
}
