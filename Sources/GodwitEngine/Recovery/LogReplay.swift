/// Reads the log back at an open: every record above what the tables hold goes into memtables again.
struct LogReplay {
    /// What the log said.
    struct Outcome {
        /// Where the history stands.
        let point: HistoryPoint
        /// Where the log ends; `.none` where there is no log.
        let end: LogLocation
        /// Up to where it is surely durable.
        let synced: LogLocation
        /// The segments that still count.
        let segments: [UInt64]
        fileprivate let reader: LogReader?

        /// The cut to record when the log goes on in `segment`.
        func cut(resumingAt segment: UInt64) -> LogCut? { reader?.cut(resumingAt: segment) }
    }

    private let parts: RecoveredParts
    private var store: Store { parts.store }

    init(_ parts: RecoveredParts) { self.parts = parts }

    func run() throws(EngineError) -> Outcome {
        let state = store.manifest.state
        guard state.logFloor != 0 else {
            return Outcome(point: state.end, end: .none, synced: .none, segments: [], reader: nil)
        }
        let reader = try LogReader(
            parts.logDirectory, cuts: state.logCuts, from: state.logFloor, fallback: state.end)
        serveFlushes(reader)
        while let record = try reader.next() {
            store.clock.observe(record.stamp)
            try parts.applier.apply(record)
            if !store.options.mode.isReadOnly {
                parts.applier.rotateFullMemtables(at: reader.point)
                try flushWhatWaits()
            }
        }
        try checkReach(reader)
        // A point may have been recorded before the log up to it was durable.
        store.rewind.drop(above: reader.point.position.sequence)
        return Outcome(
            point: reader.point, end: reader.end, synced: reader.synced, segments: reader.segmentsRead, reader: reader)
    }

    /// How far a log could be replayed.
    struct Partial {
        /// Where the history stands: the manifest may know more of it than the log says.
        var point: HistoryPoint
        /// The last record that was read; 0 where there was none.
        var reached: SequenceNumber = 0
        /// What stopped the replay.
        var damage: EngineError?
    }

    /// For repair: replays what can be read and turns all of it into tables.
    func runToDamage() throws(EngineError) -> Partial {
        let state = store.manifest.state
        var result = Partial(point: state.end)
        do throws(EngineError) {
            let reader = try LogReader(
                parts.logDirectory, cuts: state.logCuts, from: state.logFloor, fallback: state.end)
            serveFlushes(reader)
            do throws(EngineError) {
                while let record = try reader.next() {
                    store.clock.observe(record.stamp)
                    try parts.applier.apply(record)
                    parts.applier.rotateFullMemtables(at: reader.point)
                    try flushWhatWaits()
                }
                try checkReach(reader)
            } catch {
                result.damage = error
            }
            if !reader.segmentsRead.isEmpty { result.reached = reader.point.position.sequence }
            if result.reached > result.point.position.sequence { result.point = reader.point }
        } catch {
            result.damage = error
        }
        if let damage = result.damage, damage.code != .corruption { throw damage }
        parts.ingests.discardAll()
        parts.applier.rotateAll(at: result.point)
        try flushWhatWaits()
        return result
    }

    /// Lets flushes during the replay find the log durable, and control records find memtables flushed.
    private func serveFlushes(_ reader: LogReader) {
        store.syncLog = { [parts] (_) throws(EngineError) in
            try parts.logDirectory.persist(reader.segmentsRead, past: reader.synced, through: reader.end)
            return reader.point
        }
        store.drainMemtables = { [parts] (tree) throws(EngineError) in
            parts.applier.rotate(tree, at: reader.point)
            try flushWhatWaits()
        }
    }

    private func flushWhatWaits() throws(EngineError) {
        while store.allTrees.contains(where: { !$0.view.immutables.isEmpty }) {
            guard case .more = parts.flush.step() else {
                throw parts.throttle.currentRefusal
                    ?? EngineError(.io, "a memtable could not be flushed during recovery", file: store.directory)
            }
        }
    }

    /// The log was synced before any table that holds its records was named: a log that ends before is damaged.
    private func checkReach(_ reader: LogReader) throws(EngineError) {
        let state = store.manifest.state
        let known = state.keyspaces.map(\.meta.flushedThrough).max() ?? 0
        let needed = max(known, state.end.position.sequence)
        guard reader.point.position.sequence >= needed else {
            throw EngineError(
                .corruption,
                "the log ends at sequence number \(reader.point.position.sequence), and \(needed) was "
                    + "durable: the rest is damaged; run repair, or restore",
                file: parts.logDirectory.path(of: reader.end.segment), offset: reader.end.offset)
        }
    }
}

extension EngineOptions.Mode {
    /// Whether nothing may be changed.
    var isReadOnly: Bool { self == .readOnly }
}
