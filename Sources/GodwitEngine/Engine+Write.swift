internal import Synchronization

extension Engine {
    // MARK: Single writes

    /// Sets `key` to `value`.
    ///
    /// - Parameters:
    ///   - key: At most 16 KiB.
    ///   - value: At most 16 MiB.
    ///   - keyspace: Where; nil for `default`.
    ///   - ttl: How long the value lives, to the millisecond; nil for the keyspace's default TTL.
    ///   - durability: How far the write has come when the call returns. A `.synced` one blocks for a sync of the log.
    /// - Returns: The write's position in the history.
    /// - Throws: `.invalidArgument` past a limit, `.diskFull`, `.poisoned` once the log cannot be trusted, `.notFound` for a
    ///   dropped keyspace, `.unavailable` when memory is full and what would free it may never come (background work that is
    ///   paused, read closures that do not return). After a throw nothing was written, but for `.poisoned`: then the write
    ///   may survive.
    @discardableResult
    public func put(
        _ key: borrowing some ByteSource & ~Copyable & ~Escapable,
        _ value: borrowing some ByteSource & ~Copyable & ~Escapable,
        in keyspace: Keyspace? = nil, ttl: Duration? = nil, durability: Durability = .synced
    ) throws(EngineError) -> Position {
        let side = try writable()
        let keyspace = keyspace ?? defaultKeyspace
        let deadline = try deadline(ttl, keyspace)
        let commit = side.pipeline.begin()
        commit.durability = durability
        try key.withBytes { (key) throws(EngineError) in
            try value.withBytes { (value) throws(EngineError) in
                try key.withView { (key) throws(EngineError) in
                    try value.withView { (value) throws(EngineError) in
                        _ = try RecordEncoder.put(
                            key, value, deadline: deadline, keyspace: keyspace.id, into: commit.records)
                    }
                }
            }
        }
        return try side.pipeline.commit(commit)
    }

    /// Removes `key`; one that is not there is no error.
    ///
    /// - Returns: The write's position in the history.
    /// - Throws: As `put`.
    @discardableResult
    public func delete(
        _ key: borrowing some ByteSource & ~Copyable & ~Escapable, in keyspace: Keyspace? = nil,
        durability: Durability = .synced
    ) throws(EngineError) -> Position {
        let side = try writable()
        let keyspace = keyspace ?? defaultKeyspace
        let commit = side.pipeline.begin()
        commit.durability = durability
        try key.withBytes { (key) throws(EngineError) in
            try key.withView { (key) throws(EngineError) in
                _ = try RecordEncoder.delete(key, keyspace: keyspace.id, into: commit.records)
            }
        }
        return try side.pipeline.commit(commit)
    }

    /// Removes all keys from `start` (included) to `end` (excluded), in constant time however many there are.
    ///
    /// - Returns: The write's position in the history.
    /// - Throws: As `put`; `.invalidArgument` unless `start` is below `end`.
    @discardableResult
    public func deleteRange(
        from start: borrowing some ByteSource & ~Copyable & ~Escapable,
        to end: borrowing some ByteSource & ~Copyable & ~Escapable, in keyspace: Keyspace? = nil,
        durability: Durability = .synced
    ) throws(EngineError) -> Position {
        let batch = try makeBatch()
        try batch.deleteRange(from: start, to: end, in: keyspace)
        return try write(batch, durability: durability)
    }

    // MARK: Batches

    /// An empty batch, which applies this engine's clock and default TTLs. May be used by one thread at a time.
    public func makeBatch() throws(EngineError) -> WriteBatch {
        _ = try writable()
        return WriteBatch(for: self)
    }

    /// Writes a batch: all of it or nothing, across keyspaces. The batch keeps its content; `clear` it to fill it again.
    ///
    /// - Parameters:
    ///   - batch: What is written.
    ///   - conditions: Keys that nobody may have written since a snapshot; checked at the moment of the write.
    ///   - durability: How far the write has come when the call returns.
    /// - Returns: The position of the batch's last operation; the present end of the history for an empty batch.
    /// - Throws: As `put`; `.conflict` when a condition does not hold, `.conflictTooOld` when it is older than memory
    ///   reaches: take a new snapshot, read again, retry.
    @discardableResult
    public func write(
        _ batch: WriteBatch, if conditions: [Condition] = [], durability: Durability = .synced
    ) throws(EngineError) -> Position {
        let side = try writable()
        guard !batch.isEmpty else { return position }
        let commit = side.pipeline.begin()
        commit.durability = durability
        commit.conditions = conditions.map(\.stored)
        batch.encode(into: commit.records)
        return try side.pipeline.commit(commit)
    }

    /// Writes a batch without holding a thread while it waits for its turn and for the sync.
    @discardableResult
    public func writeAsync(
        _ batch: WriteBatch, if conditions: [Condition] = [], durability: Durability = .synced
    ) async throws(EngineError) -> Position {
        let side = try writable()
        guard !batch.isEmpty else { return position }
        let commit = side.pipeline.begin()
        commit.durability = durability
        commit.conditions = conditions.map(\.stored)
        batch.encode(into: commit.records)
        let result: Result<Position, EngineError> = await withCheckedContinuation { continuation in
            commit.completion = { continuation.resume(returning: $0) }
            side.pipeline.commitLater(commit)
        }
        return try result.get()
    }

    /// Writes a batch, buffered, on the calling thread if that needs no waiting for anybody: for event loops. Nil where it
    /// would: then nothing was written, and `writeLater` is the way.
    package func tryWrite(_ batch: WriteBatch) throws(EngineError) -> Position? {
        let side = try writable()
        guard !batch.isEmpty else { return position }
        let pipeline = side.pipeline
        if side.throttle.slows { return nil }
        let commit = pipeline.begin()
        defer { pipeline.giveBack(commit) }
        commit.durability = .buffered
        batch.encode(into: commit.records)
        return try pipeline.commitIfFree(commit)
    }

    /// Writes a batch without holding a thread; `completion` is told the outcome, on whatever thread that is. The batch may
    /// be cleared as soon as this returns.
    package func writeLater(
        _ batch: WriteBatch, durability: Durability,
        completion: @escaping @Sendable (Result<Position, EngineError>) -> Void
    ) throws(EngineError) {
        let side = try writable()
        guard !batch.isEmpty else { return completion(.success(position)) }
        let commit = side.pipeline.begin()
        commit.durability = durability
        commit.conditions = []
        batch.encode(into: commit.records)
        commit.completion = completion
        side.pipeline.commitLater(commit)
    }

    /// Tells `completion` once a position that was written survives power loss, or that it never will.
    package func whenSynced(
        _ position: Position, _ completion: @escaping @Sendable (Result<Position, EngineError>) -> Void
    ) {
        guard let writeSide else { return completion(.success(position)) }
        writeSide.sync.whenSynced(position, completion)
    }

    /// Sets `key` to `value` without holding a thread while it waits. As `put` in everything else.
    @discardableResult
    public func putAsync(
        _ key: [UInt8], _ value: [UInt8], in keyspace: Keyspace? = nil, ttl: Duration? = nil,
        durability: Durability = .synced
    ) async throws(EngineError) -> Position {
        let batch = try makeBatch()
        try batch.put(key, value, in: keyspace, ttl: ttl)
        return try await writeAsync(batch, durability: durability)
    }

    // MARK: Read-modify-write

    /// Reads `key`, calls `change` with its value (nil for absent), and writes what it returns, with nobody else's write
    /// of the key in between. `change` may be called again when another write came first; it must not call the engine
    /// for the same key.
    ///
    /// - Returns: The position of the write; nil when `change` chose to keep what is there.
    /// - Throws: As `put` and `get`; `.conflict` after 1,000 lost races.
    @discardableResult
    public func update(
        _ key: borrowing some ByteSource & ~Copyable & ~Escapable, in keyspace: Keyspace? = nil,
        durability: Durability = .synced, _ change: (RawSpan?) -> Update
    ) throws(EngineError) -> Position? {
        let keyspace = keyspace ?? defaultKeyspace
        let bytes = key.withBytes { $0.withView { $0.array } }
        let hash = bytes.withView { $0.hash(seed: store.hashSeed) }
        let batch = try makeBatch()
        return try updates.withLock(hash) { () throws(EngineError) in
            for _ in 0..<1000 {
                let seen = store.visible.load(ordering: .acquiring)
                var choice: Update?
                _ = try get(bytes, in: keyspace) { choice = change($0) }
                if choice == nil { choice = change(nil) }
                batch.clear()
                switch choice ?? .keep {
                case .keep: return nil
                case .delete: try batch.delete(bytes, in: keyspace)
                case .put(let value, let ttl): try batch.put(bytes, value, in: keyspace, ttl: ttl)
                }
                do throws(EngineError) {
                    let condition = Condition(unchanged: bytes, in: keyspace, since: seen)
                    return try write(batch, if: [condition], durability: durability)
                } catch {
                    guard error.code == .conflict || error.code == .conflictTooOld else { throw error }
                }
            }
            throw EngineError(.conflict, "an update lost 1,000 races for its key; fewer plain writes to it would help")
        }
    }

    /// Waits until everything written so far survives power loss.
    ///
    /// - Returns: The durable position.
    @discardableResult
    public func sync() throws(EngineError) -> Position { try writable().sync.syncAll() }

    /// The last position that readers see.
    public var position: Position {
        guard let writeSide else {
            let end = store.manifest.state.end.position
            return Position(epoch: end.epoch, sequence: store.visible.load(ordering: .acquiring))
        }
        return writeSide.tail.point.position
    }

    /// The wall-clock millisecond at which a value written now is gone; 0 for never.
    func deadline(_ ttl: Duration?, _ keyspace: Keyspace) throws(EngineError) -> UInt64 {
        guard let ttl else {
            let standard = keyspace.withTree { $0.defaultTTL }
            return standard == 0 ? 0 : store.clock.now() + standard
        }
        let (seconds, attoseconds) = ttl.components
        guard ttl > .zero, seconds < 1 << 40 else {
            throw EngineError(.invalidArgument, "a TTL of \(ttl); give more than zero and less than 30,000 years")
        }
        let milliseconds = UInt64(seconds) * 1000 + UInt64(attoseconds / 1_000_000_000_000_000)
        return store.clock.now() + max(1, milliseconds)
    }
}

/// What `Engine.update` is to do with a key.
public enum Update: Sendable {
    /// Leave it as it is.
    case keep
    /// Remove it.
    case delete
    /// Set it; `ttl` nil stands for the keyspace's default TTL.
    case put([UInt8], ttl: Duration? = nil)
}

/// A condition of a conditional batch.
public struct Condition: Sendable {
    let stored: WriteCondition

    /// Nobody has written `key` since `snapshot` was taken.
    public init(unchanged key: [UInt8], in keyspace: Keyspace, since snapshot: Snapshot) throws(EngineError) {
        self.init(unchanged: key, in: keyspace, since: try snapshot.sequence())
    }

    init(unchanged key: [UInt8], in keyspace: Keyspace, since sequence: SequenceNumber) {
        self.init(unchanged: key, in: keyspace.id, since: sequence)
    }

    /// Nobody has written `key` since a sequence number.
    package init(unchanged key: [UInt8], in keyspace: KeyspaceID, since sequence: SequenceNumber) {
        stored = WriteCondition(keyspace: keyspace, key: key, unchangedSince: sequence)
    }
}

extension WriteBatch {
    /// Sets `key` to `value`. Arguments and errors as `Engine.put`; nothing is written until `Engine.write`.
    public func put(
        _ key: borrowing some ByteSource & ~Copyable & ~Escapable,
        _ value: borrowing some ByteSource & ~Copyable & ~Escapable,
        in keyspace: Keyspace? = nil, ttl: Duration? = nil
    ) throws(EngineError) {
        let (engine, keyspace) = try target(keyspace)
        let deadline = try engine.deadline(ttl, keyspace)
        try key.withBytes { (key) throws(EngineError) in
            try value.withBytes { (value) throws(EngineError) in
                try key.withView { (key) throws(EngineError) in
                    try value.withView { (value) throws(EngineError) in
                        try put(key, value, deadline: deadline, in: keyspace.id)
                    }
                }
            }
        }
    }

    /// Removes `key`.
    public func delete(
        _ key: borrowing some ByteSource & ~Copyable & ~Escapable, in keyspace: Keyspace? = nil
    ) throws(EngineError) {
        let id = try target(keyspace).keyspace.id
        try key.withBytes { (key) throws(EngineError) in
            try key.withView { (key) throws(EngineError) in try delete(key, in: id) }
        }
    }

    /// Removes all keys from `start` (included) to `end` (excluded).
    public func deleteRange(
        from start: borrowing some ByteSource & ~Copyable & ~Escapable,
        to end: borrowing some ByteSource & ~Copyable & ~Escapable, in keyspace: Keyspace? = nil
    ) throws(EngineError) {
        let id = try target(keyspace).keyspace.id
        try start.withBytes { (start) throws(EngineError) in
            try end.withBytes { (end) throws(EngineError) in
                try start.withView { (start) throws(EngineError) in
                    try end.withView { (end) throws(EngineError) in try deleteRange(from: start, to: end, in: id) }
                }
            }
        }
    }

    private func target(_ keyspace: Keyspace?) throws(EngineError) -> (engine: Engine, keyspace: Keyspace) {
        guard let engine else {
            throw EngineError(.unavailable, "the batch's engine is gone; make a batch by an open engine")
        }
        return (engine, keyspace ?? engine.defaultKeyspace)
    }
}
