/// Takes the entries of a bulk ingest, in key order.
public final class IngestWriter {
    private let engine: Engine
    private let keyspace: Keyspace
    private let output: TableOutput
    private let lastKey = ByteWriter()
    private var isEmpty = true

    init(_ engine: Engine, _ keyspace: Keyspace) {
        self.engine = engine
        self.keyspace = keyspace
        output = TableOutput(engine.store, keyspace.settings, keyspace: keyspace.id)
    }

    /// Adds an entry; keys must ascend strictly. Limits as `Engine.put`.
    public func add(
        _ key: borrowing some ByteSource & ~Copyable & ~Escapable,
        _ value: borrowing some ByteSource & ~Copyable & ~Escapable, ttl: Duration? = nil
    ) throws(EngineError) {
        let deadline = try engine.deadline(ttl, keyspace)
        try key.withBytes { (key) throws(EngineError) in
            try value.withBytes { (value) throws(EngineError) in
                try key.withView { (key) throws(EngineError) in
                    try value.withView { (value) throws(EngineError) in try add(key, value, deadline) }
                }
            }
        }
    }

    private func add(_ key: ByteView, _ value: ByteView, _ deadline: UInt64) throws(EngineError) {
        try RecordEncoder.checkKey(key)
        try RecordEncoder.checkValue(value)
        guard isEmpty || lastKey.view.compare(key) < 0 else {
            throw EngineError(.invalidArgument, "an ingest's keys must ascend strictly; sort them first")
        }
        isEmpty = false
        lastKey.reset()
        lastKey.append(key)
        if output.bytes >= UInt64(engine.store.options.tableSize) { try output.finish() }
        try output.add(Entry(key: key, sequence: 0, kind: .put, deadline: deadline, value: value))
    }

    func finish() throws(EngineError) -> [TableMeta] {
        try output.finish()
        try output.settle()
        return output.finished
    }

    func abandon() { output.abandon() }
}

extension Engine {
    /// Adds many sorted entries at once: written as tables directly, visible all together at one position, replicated in
    /// pieces of 1 MiB between which other writes go on. Blocks; durable when it returns.
    ///
    /// - Parameters:
    ///   - keyspace: Where; nil for `default`.
    ///   - fill: Adds the entries, keys ascending strictly.
    /// - Returns: The position at which they became visible; the present end for no entries.
    /// - Throws: What `fill` throws, or as `put`, or `.unavailable` while background work is paused; then nothing was added.
    @discardableResult
    public func ingest(
        into keyspace: Keyspace? = nil, _ fill: (IngestWriter) throws(EngineError) -> Void
    ) throws(EngineError) -> Position {
        let side = try writable()
        let keyspace = keyspace ?? defaultKeyspace
        let writer = IngestWriter(self, keyspace)
        let visible: Position
        do throws(EngineError) {
            try fill(writer)
            let tables = try writer.finish()
            guard !tables.isEmpty else { return position }
            visible = try commitIngest(tables, keyspace, side)
        } catch {
            writer.abandon()
            throw error
        }
        side.wakeCompaction()
        // The tables are the store's by now, whatever becomes of the sync.
        try side.sync.wait(for: visible.sequence)
        return visible
    }

    private func commitIngest(
        _ tables: [TableMeta], _ keyspace: Keyspace, _ side: WriteSide
    ) throws(EngineError) -> Position {
        let hold = LogRetention.ingestPrefix + String(store.environment.random.next())
        let epoch = position.epoch
        side.retention.hold(hold, after: position.sequence)
        // Once poisoned, only a reopen finds out whether the chunks are needed.
        defer {
            if !store.poison.isPoisoned { side.retention.release(hold) }
            side.progress.open()
        }
        var named: [(ingest: UInt64, meta: TableMeta)] = []
        defer { for table in named { side.ingests.forget(table.ingest) } }
        do throws(EngineError) {
            for table in tables {
                let ingest = IngestChunk.makeID(in: keyspace.id, store.environment.random)
                side.ingests.register(ingest, table: table.number)
                named.append((ingest, table))
                try log(table, as: ingest, side)
            }
            return try commit(named, to: keyspace, epoch, side)
        } catch {
            abandon(named.map(\.ingest), side)
            throw error
        }
    }

    /// Tells those who follow that the chunks of tables are for nothing. Where nothing can be written, the next epoch does.
    private func abandon(_ ingests: [UInt64], _ side: WriteSide) {
        let pipeline = side.pipeline
        _ = try? pipeline.exclusively(isWrite: true) { () throws(EngineError) in
            for ingest in ingests {
                try pipeline.append(.ingestCommit) { IngestCommit(ingest: ingest, details: []).encode(into: $0) }
            }
            return pipeline.currentPoint.position
        }
    }

    /// Gives up the ingests whose chunks the log has and whose commit it has not, in a history that goes on from here:
    /// whoever made them is gone.
    package func abandonIngests() throws(EngineError) {
        let side = try writable()
        let waiting = side.ingests.waiting
        if waiting.isEmpty { return }
        abandon(waiting, side)
        side.ingests.discardAll()
        side.wakeRetention()
    }

    private func commit(
        _ named: [(ingest: UInt64, meta: TableMeta)], to keyspace: Keyspace, _ epoch: Epoch, _ side: WriteSide
    ) throws(EngineError) -> Position {
        let details = IngestDetails(keyspace: keyspace.id, tables: named)
        let pipeline = side.pipeline
        return try pipeline.exclusively(isWrite: true) { () throws(EngineError) in
            guard !keyspace.tree.isDropped else { throw Engine.droppedError(keyspace.tree) }
            // Those who follow have given the chunks up.
            guard pipeline.currentPoint.position.epoch == epoch else {
                throw EngineError(.conflict, "an epoch began while the ingest was under way; ingest again")
            }
            // What memory holds of the keyspace is older, and must lie below. Once the record is appended, a failure to
            // flush it would leave the log with what the store lacks.
            try side.drain(keyspace.tree)
            try pipeline.append(.ingestCommit) {
                IngestCommit(ingest: named[0].ingest, details: details.encode()).encode(into: $0)
            }
            return pipeline.currentPoint.position
        }
    }

    /// Puts a table's bytes into the log, so that followers and recovery can make it again.
    private func log(_ table: TableMeta, as ingest: UInt64, _ side: WriteSide) throws(EngineError) {
        let file = try store.environment.fileSystem.open(store.path(.table(table.number)), .read)
        var offset: UInt64 = 0
        var number: UInt32 = 0
        while offset < table.size {
            let bytes = try file.read(Int(min(UInt64(IngestChunk.maximumLength), table.size - offset)), at: offset)
            let commit = side.pipeline.begin()
            commit.durability = .buffered
            _ = bytes.withView { view in
                RecordEncoder.control(.ingestChunk, into: commit.records) {
                    IngestChunk(ingest: ingest, number: number, bytes: view).encode(into: $0)
                }
            }
            _ = try side.pipeline.commit(commit)
            offset += UInt64(bytes.count)
            number += 1
        }
    }
}
