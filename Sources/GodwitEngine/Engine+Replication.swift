internal import Synchronization

extension Engine {
    // MARK: Where the history stands

    /// The end of the history that readers see, with its chain value.
    public var historyPoint: HistoryPoint { writeSide?.tail.point ?? store.manifest.state.end }

    /// The end of the history that survives power loss.
    public var durablePoint: HistoryPoint { writeSide?.sync.durablePoint ?? store.manifest.state.end }

    /// Bytes of records appended since the store was opened.
    package var appendedBytes: UInt64 { store.counters.logBytes.load(ordering: .relaxed) }

    /// How the epochs of this history began, ascending.
    public var epochHistory: [EpochStart] { store.manifest.state.epochHistory }

    /// Begins an epoch: from its first record on, every position differs from those of any other history. Synced before it
    /// returns, and before anything is acknowledged under it.
    ///
    /// - Parameter epoch: The epoch; nil for the next number with a random tag.
    /// - Throws: `.history` unless it is above the present one.
    @discardableResult
    public func beginEpoch(_ epoch: Epoch? = nil) throws(EngineError) -> Epoch {
        let side = try writable()
        guard let node else { preconditionFailure("a node open for writing has an id") }
        let (pipeline, random) = (side.pipeline, store.environment.random)
        let position = try pipeline.exclusively { () throws(EngineError) in
            let parent = pipeline.currentPoint
            let next =
                epoch
                ?? Epoch(
                    number: parent.position.epoch.number + 1, tag: UInt32(truncatingIfNeeded: random.next()))
            guard next > parent.position.epoch else {
                throw EngineError(.history, "epoch \(next) is not above the present one, \(parent.position.epoch)")
            }
            try pipeline.append(.epochBegin, epoch: next) {
                EpochBegin(nodeID: node.id.bytes, parent: parent).encode(into: $0)
            }
            return pipeline.currentPoint.position
        }
        try side.sync.wait(for: position.sequence)
        return position.epoch
    }

    // MARK: Who may write

    /// Refuses callers' writes with `reason` from its return on: none is appended any more, so that the end of the history is
    /// final. Nil takes them again. What a node does with its history goes on: `apply`, `beginEpoch`, `mark`, `rewind`.
    public func fenceWrites(_ reason: EngineError?) throws(EngineError) {
        let pipeline = try writable().pipeline
        _ = try pipeline.exclusively {
            pipeline.setFence(reason)
            return pipeline.currentPoint.position
        }
    }

    /// Whether a write, or `apply`, would wait now until background work has made room.
    package var holdsWriters: Bool { writeSide?.throttle.makesWait ?? false }

    // MARK: Progress

    /// Has everything that is visible now synced, without waiting for it: `durablePoint` moves when it is done.
    public func requestSync() throws(EngineError) { try writable().sync.request() }

    /// Blocks until `condition` holds or the monotonic clock reaches `deadline` (nanoseconds; nil for no limit). It is looked
    /// at when the end of the history or the durable point moves, and at each `wakeWaiters`. Returns whether it held.
    public func waitForProgress(until deadline: UInt64?, _ condition: () -> Bool) throws(EngineError) -> Bool {
        try store.environment.executor.wait(at: writable().tail.moved, until: deadline, condition)
    }

    /// Has all who wait in `waitForProgress` look at their conditions; cheap, from any thread.
    public func wakeWaiters() { writeSide?.tail.moved.open() }

    /// Appends a marker, a record that changes no data, and holds the store exactly there: so nodes compare digests.
    ///
    /// - Parameter label: At most 1 KiB, for whoever reads the log.
    public func mark(_ label: [UInt8]) throws(EngineError) -> (point: HistoryPoint, snapshot: Snapshot) {
        guard label.count <= 1024 else {
            throw EngineError(.invalidArgument, "a marker's label has at most 1,024 bytes; this one has \(label.count)")
        }
        let pipeline = try writable().pipeline
        var marked: (HistoryPoint, Snapshot)?
        _ = try pipeline.exclusively { () throws(EngineError) in
            try pipeline.append(.marker) { Marker(label: label).encode(into: $0) }
            marked = (pipeline.currentPoint, Snapshot(self))
            return pipeline.currentPoint.position
        }
        guard let marked else { preconditionFailure("the marker was not appended") }
        return marked
    }

    /// Holds the store as it is now, and says which point that is.
    package func pinned() throws(EngineError) -> (point: HistoryPoint, snapshot: Snapshot) {
        let pipeline = try writable().pipeline
        var pinned: (HistoryPoint, Snapshot)?
        _ = try pipeline.exclusively { () throws(EngineError) in
            pinned = (pipeline.currentPoint, Snapshot(self))
            return pipeline.currentPoint.position
        }
        guard let pinned else { preconditionFailure("nothing was pinned") }
        return pinned
    }

    // MARK: The log as a stream

    /// From where on the log is kept; nil when there is none, or its first segment cannot be read.
    package var logStart: HistoryPoint? {
        guard let side = writeSide else { return nil }
        return (try? side.logDirectory.header(of: store.manifest.state.logFloor))?.start
    }

    /// A file of the log.
    package struct LogPiece: Sendable {
        /// It begins after this sequence number.
        package let after: SequenceNumber
        /// Its bytes: as many as were appended for the one that is being written.
        package let bytes: UInt64
    }

    /// The files of the log, in order; those that cannot be read are left out.
    package var logPieces: [LogPiece] {
        guard let side = writeSide else { return [] }
        let segments = side.segments.liveSizes
        return segments.compactMap { (number, size) -> LogPiece? in
            guard let header = try? side.logDirectory.header(of: number) else { return nil }
            let isCurrent = number == segments.last?.number
            return LogPiece(after: header.start.position.sequence, bytes: isCurrent ? appendedBytes : size)
        }
    }

    /// Follows the log after a point of this history.
    ///
    /// - Throws: `.history` when the log no longer reaches back to the point, or holds another history there.
    public func logStream(after point: HistoryPoint) throws(EngineError) -> LogStream {
        try LogStream(self, writable(), after: point)
    }

    /// Keeps the log after `sequence` under a name, across flushes but not across a reopen; a hold of the same name is
    /// moved. When the log passes its cap, the oldest hold is given up and `.retentionLost` names it.
    public func hold(_ name: String, after sequence: SequenceNumber) throws(EngineError) {
        try writable().retention.hold(name, after: sequence)
    }

    /// Lets go of a hold; one that is not there is no error.
    public func releaseHold(_ name: String) throws(EngineError) {
        let side = try writable()
        side.retention.release(name)
        side.wakeRetention()
    }

    /// The holds, by name.
    public var holds: [(name: String, after: SequenceNumber)] { writeSide?.retention.allHolds ?? [] }

    /// Appends records made elsewhere, as they stand, and applies them: what a follower does. They must continue this
    /// history without a gap; the chain proves it. Partial records and skips are taken; what they leave out is absent here.
    ///
    /// - Parameters:
    ///   - records: Whole records, one after the other, at most 64 MiB.
    ///   - durability: How far they have come when the call returns.
    /// - Returns: Where the history stands.
    /// - Throws: `.history` for a gap, a repetition, another history or an older epoch; `.corruption` when a section does
    ///   not have its hash: then none of the records was applied. As `put` while background work is paused, or the
    ///   disk has no room: then those before one of a bulk ingest may have been, as `historyPoint` says.
    @discardableResult
    public func apply(
        records: RawSpan, durability: Durability = .synced
    ) throws(EngineError) -> Position {
        let side = try writable()
        let bytes = records.withView { $0.array }
        let pipeline = side.pipeline
        let store = store
        try side.throttle.admit(bytes: bytes.count)
        let position = try pipeline.exclusively { () throws(EngineError) in
            try bytes.withView { (view) throws(EngineError) in
                let end = try Self.check(view, after: pipeline.currentPoint, store.clock, side)
                if end != pipeline.currentPoint { try self.append(view, to: end, side) }
            }
            return pipeline.currentPoint.position
        }
        if durability == .synced { try side.sync.wait(for: position.sequence) }
        return position
    }

    /// Appends records that continue the history. Those of an ingest begin groups of their own, once what they need of the
    /// disk is done: where that fails, they are not in the log yet.
    private func append(_ records: ByteView, to end: HistoryPoint, _ side: WriteSide) throws(EngineError) {
        let pipeline = side.pipeline
        var start = 0
        var point = pipeline.currentPoint
        var run = RecordRun(records)
        while let record = try run.next() {
            if record.type == .ingestChunk || record.type == .ingestCommit {
                let offset = run.offset - record.bytes.count
                if offset > start { try pipeline.append(finished: records.slice(start, offset - start), to: point) }
                start = offset
                try prepare(record, side)
            }
            point = record.point
        }
        try pipeline.append(finished: records.slice(start, records.count - start), to: end)
    }

    /// Writes the bytes of a chunk; flushes what memory holds of the keyspace that a commit is for: readers see it all by
    /// now, so the flush keeps for them what they see.
    private func prepare(_ record: RecordView, _ side: WriteSide) throws(EngineError) {
        if record.type == .ingestChunk {
            try side.ingests.prepare(IngestChunk.decode(record.controlPayload), record)
        } else {
            try drain(for: IngestCommit.decode(record.controlPayload), side)
        }
    }

    private func drain(for commit: IngestCommit, _ side: WriteSide) throws(EngineError) {
        if commit.isAbandonment { return }
        let details = try commit.details.withView { (bytes) throws(EngineError) in
            try IngestDetails(decoding: bytes)
        }
        if let tree = store.tree(details.keyspace) { try side.drain(tree) }
    }

    /// Checks that records continue a history; returns where it stands after them.
    private static func check(
        _ records: ByteView, after point: HistoryPoint, _ clock: HybridClock, _ side: WriteSide
    ) throws(EngineError) -> HistoryPoint {
        var point = point
        var ingests = IngestCheck(side.ingests)
        var run = RecordRun(records)
        while let record = try run.next() {
            guard record.firstSequence == point.position.sequence + 1, record.continues(point.chain) else {
                throw EngineError(
                    .history, "the record at \(record.position) does not follow \(point): another history, or a gap")
            }
            let isNext =
                record.type == .epochBegin || record.type == .skip
                ? record.epoch >= point.position.epoch : record.epoch == point.position.epoch
            guard isNext else {
                throw EngineError(
                    .history, "the record at \(record.position) is not of the epoch \(point.position.epoch)")
            }
            try record.verifyPayloads()
            // Its effect waits for memtables to be flushed.
            if record.type == .ingestCommit { try side.throttle.checkRunning("an ingest cannot be completed") }
            if let missing = try ingests.pass(record) {
                throw EngineError(
                    .history, "the chunks of the ingest \(missing) are not all here; this node needs a full copy")
            }
            clock.observe(record.stamp)
            point = record.point
        }
        return point
    }

    /// Whether records complete a bulk ingest whose chunks this node has not got: `apply` refuses them, and only a full copy
    /// helps.
    package func lacksChunks(for records: RawSpan) -> Bool {
        guard let side = writeSide else { return false }
        return records.withView { view in
            var ingests = IngestCheck(side.ingests)
            var run = RecordRun(view)
            while let record = try? run.next() {
                if (try? ingests.pass(record)) != nil { return true }
            }
            return false
        }
    }

    // MARK: Rewind

    /// The positions that the store can go back to without help, ascending.
    public var rewindPoints: [HistoryPoint] { store.rewind.all }

    /// Gives up the rewind points below the newest one at or under `floor`: nobody will ask to go back further.
    public func dropRewindPoints(below floor: SequenceNumber) throws(EngineError) {
        _ = try writable()
        store.rewind.drop(below: floor)
    }

    /// Goes back to a point of this store's own history: everything above it is gone from here, in memory, tables and log.
    /// Snapshots and streams above it throw `.history` from then on. Crash-safe: all of it happens or nothing.
    ///
    /// - Throws: `.history` when no rewind point is at or below the target, or the target is not in this history.
    public func rewind(to target: HistoryPoint) throws(EngineError) {
        let side = try writable()
        _ = try side.pipeline.exclusively { () throws(EngineError) in
            try Rewind(side, target).run()
            return target.position
        }
        side.wakeFlush()
        side.wakeCompaction()
    }
}
