internal import GodwitEngine

/// What was written to which keys since a fork: read from the log, since a deleted key leaves no trace anywhere else.
/// Follows the log as it grows.
final class TouchedKeys {
    struct Key: Hashable {
        let keyspace: KeyspaceID
        let key: [UInt8]
    }

    /// What one look at a key shows.
    enum Touch: Equatable {
        case none
        /// The stamp of the latest write.
        case at(UInt64)
    }

    /// A batch of a tail that was written again.
    private struct Replay {
        let origin: Position
        let node: NodeID?
        let stamp: UInt64
    }

    private let feed: RecordFeed?
    /// Whose tail is being recovered.
    private let node: NodeID
    /// Epochs that the tail is known to have: its batches may have been in another node's tail too.
    private var epochs: Set<Epoch> = []
    private var stamps: [Key: UInt64] = [:]
    private var replays: [Key: [Replay]] = [:]
    private var ranges: [(keyspace: KeyspaceID, lower: [UInt8], upper: [UInt8], stamp: UInt64)] = []
    private var changed: Set<KeyspaceID> = []
    private let recovered: () -> KeyspaceID?
    /// Whether anything may have been written that cannot be seen here: the log is gone, or tables were ingested.
    private(set) var isBlind = false

    /// Reads the log of `engine` after a tail's fork.
    init(_ engine: Engine, for tail: TailHeader) throws(EngineError) {
        node = tail.node
        recovered = { engine.keyspace(RecoveredKeyspace.name)?.id }
        do throws(EngineError) {
            feed = try RecordFeed(engine, after: tail.fork, nil)
        } catch {
            guard error.code == .history else { throw error }
            feed = nil
            isBlind = true
        }
    }

    /// Everything up to here was read.
    var sequence: SequenceNumber { feed?.point.position.sequence ?? 0 }

    /// Says that the tail has records of an epoch.
    func expect(_ epoch: Epoch) { epochs.insert(epoch) }

    /// Reads the next part of the log, about so many bytes, until everything up to a sequence number was read. Returns
    /// whether there is more.
    func advance(to end: SequenceNumber, maxBytes: Int) throws(EngineError) -> Bool {
        guard sequence < end else { return false }
        return try next(maxBytes) > 0 && sequence < end
    }

    /// Reads what has come in since the end that `advance` was given.
    func catchUp() throws(EngineError) { while try next(1 << 20) > 0 {} }

    /// Reads records; returns how many bytes they had.
    private func next(_ maxBytes: Int) throws(EngineError) -> Int {
        let outcome = try feed?.next(maxBytes: maxBytes) { records, _ in
            Result { () throws(EngineError) in
                try self.read(records)
                return records.count
            }
        }
        return try outcome?.get() ?? 0
    }

    private func read(_ records: ByteView) throws(EngineError) {
        var run = RecordRun(records)
        while let record = try run.next() {
            switch record.type {
            case .batch: try read(record)
            case .keyspaceDrop: changed.insert(try KeyspaceDrop.decode(record.controlPayload).id)
            case .keyspaceCreate: changed.insert(try KeyspaceCreate.decode(record.controlPayload).id)
            case .ingestCommit: if try !IngestCommit.decode(record.controlPayload).isAbandonment { isBlind = true }
            case .epochBegin, .keyspaceAlter, .ingestChunk, .marker, .skip: continue
            }
        }
    }

    private func read(_ record: RecordView) throws(EngineError) {
        let replay = try replay(record)
        for section in record.sections where section.payload != nil {
            var operations = OperationReader(section)
            while let operation = try operations.next() {
                if operation.kind == .rangeDelete {
                    ranges.append((section.keyspace, operation.key.array, operation.value.array, record.stamp))
                    continue
                }
                let key = Key(keyspace: section.keyspace, key: operation.key.array)
                if let replay {
                    replays[key, default: []].append(replay)
                } else {
                    stamps[key] = max(stamps[key] ?? 0, record.stamp)
                }
            }
        }
    }

    /// What a batch is that was written again; nil for any other.
    private func replay(_ record: RecordView) throws(EngineError) -> Replay? {
        guard let id = recovered() else { return nil }
        for section in record.sections where section.keyspace == id && section.payload != nil {
            var operations = OperationReader(section)
            while let operation = try operations.next() {
                guard let origin = RecoveredKeyspace.position(operation.key) else { continue }
                let node = RecoveredKeyspace.node(operation.value)
                return Replay(origin: origin, node: node, stamp: record.stamp)
            }
        }
        return nil
    }

    /// Whether a replay is no touch for a batch of the tail: it is of the same tail, or an older one of the same node,
    /// and of what stood before the batch there.
    private func isOwn(_ replay: Replay, before position: Position) -> Bool {
        guard replay.origin <= position else { return false }
        return replay.node == node || epochs.contains(replay.origin.epoch)
    }

    /// Whether a keyspace was made or dropped since.
    func isChanged(_ keyspace: KeyspaceID) -> Bool { changed.contains(keyspace) }

    /// What was written to a key since, by others than the tail's batches up to `position`.
    func touch(_ key: Key, before position: Position) -> Touch {
        var latest = stamps[key]
        for replay in replays[key] ?? [] where !isOwn(replay, before: position) {
            latest = max(latest ?? 0, replay.stamp)
        }
        for range in ranges where range.keyspace == key.keyspace {
            let isWithin =
                !key.key.lexicographicallyPrecedes(range.lower)
                && key.key.lexicographicallyPrecedes(range.upper)
            if isWithin { latest = max(latest ?? 0, range.stamp) }
        }
        return latest.map { .at($0) } ?? .none
    }
}

/// The keyspace that says which batches of tails were written again, so that none is twice, and whose tail it was.
enum RecoveredKeyspace {
    static let name = ".recovered"
    /// How long it is remembered, in milliseconds: 30 days, longer than any tail waits.
    static let lifetime: UInt64 = 30 * 86_400_000

    /// Epoch number, tag and sequence number, big-endian: in the order of positions.
    static func key(_ position: Position) -> [UInt8] {
        bytes(position.epoch.number) + bytes(position.epoch.tag) + bytes(position.sequence)
    }

    private static func bytes<T: FixedWidthInteger>(_ value: T) -> [UInt8] {
        (0..<T.bitWidth / 8).reversed().map { UInt8(truncatingIfNeeded: value >> T($0 * 8)) }
    }

    static func position(_ key: ByteView) -> Position? {
        guard key.count == 16 else { return nil }
        let epoch = Epoch(
            number: key.load(0, as: UInt32.self).byteSwapped, tag: key.load(4, as: UInt32.self).byteSwapped)
        return Position(epoch: epoch, sequence: key.load(8, as: UInt64.self).byteSwapped)
    }

    /// High half and low half of the node's id, big-endian.
    static func value(_ node: NodeID) -> [UInt8] { bytes(node.high) + bytes(node.low) }

    static func node(_ value: ByteView) -> NodeID? {
        guard value.count == 16 else { return nil }
        return NodeID(high: value.load(0, as: UInt64.self).byteSwapped, low: value.load(8, as: UInt64.self).byteSwapped)
    }

    static func ensure(_ engine: Engine) throws(EngineError) -> Keyspace {
        if let found = engine.keyspace(name) { return found }
        return try engine.createKeyspace(name, settings: KeyspaceSettings(defaultTTL: lifetime))
    }
}
