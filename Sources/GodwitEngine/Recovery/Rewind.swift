/// Takes the store back to a point of its own history. Runs on the commit leader's thread, between two groups.
///
/// 1. Stop flush, compaction and the release of log where they are; sync the log.
/// 2. Find the target F in the log.
/// 3. Find the base R: F itself while everything above it is in memory only; else the newest rewind point at or below F,
///    since compaction kept what that sees, and the log reaches back to it.
/// 4. Begin a new segment after F. One manifest edit: tables wholly above R go, mixed ones show nothing above R, the log is
///    cut at F. From here on a crash recovers to F.
/// 5. Replay the own log up to F into fresh memtables, full ones into tables, and go on after F. What a keyspace had in memory at R comes from the
///    log before R, as in recovery.
struct Rewind {
    private let side: WriteSide
    private let target: HistoryPoint
    private var store: Store { side.store }

    init(_ side: WriteSide, _ target: HistoryPoint) {
        self.side = side
        self.target = target
    }

    func run() throws(EngineError) {
        let now = side.pipeline.currentPoint
        if now == target { return }
        guard target.position.sequence < now.position.sequence else {
            throw EngineError(.history, "\(target) is not in this store's history, which ends at \(now)")
        }
        side.holdBack()
        defer { side.letGo() }
        side.flush.abandon()
        side.compactions.abandon()
        try side.retention.holdingAll { () throws(EngineError) in try goBack(from: now) }
    }

    private func goBack(from now: HistoryPoint) throws(EngineError) {
        let sequence = target.position.sequence
        _ = try side.sync.syncNow(through: now.position.sequence)
        let (location, isFinal) = try locateTarget()
        let isInMemory = !isFinal && !hasTables(above: sequence)
        guard let base = isInMemory ? target : store.rewind.newest(notAbove: sequence) else {
            throw EngineError(.history, "no rewind point is at or below \(target); this node needs a full copy")
        }
        let log = try LogWriter(side.segments, in: side.logDirectory, after: target, previous: location)
        do throws(EngineError) {
            let state = try store.manifest.commit { state in edit(state, base, location, log) }
            try restart(log, after: location, state, base)
        } catch {
            // Nobody knows which history the manifest shows: a reopen finds out.
            store.poison.set(error)
            throw error
        }
    }

    /// Where the target's record ends in the log, and whether a record after it did what cannot be taken back without a
    /// rewind point. Throws unless the target is in this history.
    private func locateTarget() throws(EngineError) -> (LogLocation, isFinal: Bool) {
        let state = store.manifest.state
        let reader = try LogReader(side.logDirectory, cuts: state.logCuts, from: state.logFloor, fallback: state.end)
        var found = reader.point == target ? reader.end : nil
        while let record = try reader.next() {
            if let found {
                switch record.type {
                case .keyspaceDrop, .keyspaceAlter, .ingestCommit: return (found, true)
                case .batch, .epochBegin, .keyspaceCreate, .ingestChunk, .marker, .skip: continue
                }
            }
            if record.lastSequence < target.position.sequence { continue }
            guard record.point == target else { break }
            found = reader.end
        }
        if let found { return (found, false) }
        throw EngineError(.history, "\(target) is not in this store's history")
    }

    /// Whether any table may hold something above a sequence number.
    private func hasTables(above sequence: SequenceNumber) -> Bool {
        store.manifest.state.keyspaces.contains { keyspace in
            keyspace.meta.createdSequence <= sequence
                && (keyspace.meta.flushedThrough > sequence
                    || keyspace.version.levels.contains { $0.tables.contains { $0.newestSequence > sequence } })
        }
    }

    /// What takes the store back to `base`, with the log up to the target to be replayed.
    private func edit(
        _ state: ManifestState, _ base: HistoryPoint, _ location: LogLocation, _ log: LogWriter
    ) -> VersionEdit {
        let limit = base.position.sequence
        var edit = VersionEdit()
        for keyspace in state.keyspaces {
            let id = keyspace.meta.id
            if keyspace.meta.createdSequence > limit {
                edit.append(.dropKeyspace(id))
                continue
            }
            for level in keyspace.version.levels {
                for table in level.tables where table.newestSequence > limit {
                    if table.oldestSequence > limit {
                        edit.append(.removeTable(keyspace: id, level: level.level, number: table.number))
                    } else {
                        edit.append(
                            .setVisibleThrough(keyspace: id, level: level.level, number: table.number, limit))
                    }
                }
            }
            if keyspace.meta.flushedThrough > limit {
                edit.append(.flushedThrough(keyspace: id, limit))
            }
        }
        edit.append(.epochHistory(state.epochHistory.filter { $0.start.position.sequence <= limit }))
        edit.append(.rewindPoints(store.rewind.all.filter { $0.position.sequence <= limit }))
        // What came after the base takes effect anew.
        edit.append(.end(base))
        edit.append(
            .addLogCut(
                LogCut(
                    segment: location.segment, endOffset: location.offset, through: target.position.sequence,
                    resumesAt: log.end.segment)))
        return edit
    }

    private func restart(
        _ log: LogWriter, after location: LogLocation, _ state: ManifestState, _ base: HistoryPoint
    ) throws(EngineError) {
        store.rewind.drop(above: base.position.sequence)
        store.snapshots.lose(above: target.position.sequence)
        for tree in store.allTrees where state.keyspace(tree.id) == nil { store.removeTree(tree.id) }
        // Chunks of ingests up to the target are read anew with the rest.
        side.ingests.discardAll()
        try replay(state)
        // The reader may have gone on into the new segment: what lies before it goes by where the target ended.
        let dead = side.segments.live.filter { $0 > location.segment && $0 < log.end.segment }
        side.pipeline.restart(log, at: target)
        // Also those that were taken during the replay.
        store.snapshots.lose(above: target.position.sequence)
        side.tail.rewind(to: log.end, target)
        side.segments.release(dead)
    }

    /// Fills memtables from the log, then shows them: until then readers see everything as it was. One that is full becomes
    /// a table, which is shown with the rest: of a long log memory holds no more than ever.
    private func replay(_ state: ManifestState) throws(EngineError) {
        var fresh: [KeyspaceID: Memtable] = [:]
        func fill() {
            for tree in store.allTrees where fresh[tree.id] == nil { fresh[tree.id] = store.newMemtable() }
            side.applier.fill(fresh)
        }
        fill()
        let reader = try LogReader(side.logDirectory, cuts: state.logCuts, from: state.logFloor, fallback: state.end)
        while let record = try reader.next() {
            try side.applier.apply(record)
            if record.type == .keyspaceCreate { fill() }
            for id in side.applier.overfull() {
                guard let tree = store.tree(id), let memtable = fresh.removeValue(forKey: id) else { continue }
                try makeTable(of: memtable, in: tree)
                fill()
            }
        }
        for tree in store.allTrees { if let memtable = fresh[tree.id] { store.reset(tree, to: memtable) } }
        side.applier.fill([:])
    }

    /// Turns a memtable that nobody sees into a table of L0; recovery would pass over what is in it.
    private func makeTable(of memtable: Memtable, in tree: Tree) throws(EngineError) {
        let output = TableOutput(store, tree.settings, keyspace: tree.id)
        do throws(EngineError) {
            var collapser = EntryCollapser(
                protecting: store.protectedSequences(), tombstones: memtable.rangeTombstones, expiredBefore: 0)
            let entries = memtable.iterator()
            try entries.seekToFirst()
            while let entry = entries.current {
                if let kept = collapser.collapse(entry, hasOlder: { true }) { try output.add(kept) }
                try entries.next()
            }
            for tombstone in memtable.rangeTombstones.items { try output.add(tombstone) }
            try output.finish()
            try output.settle()
        } catch {
            output.abandon()
            throw error
        }
        var edit = VersionEdit()
        edit.add(output.finished, keyspace: tree.id, level: 0)
        edit.append(.flushedThrough(keyspace: tree.id, memtable.lastSequence))
        edit.append(.lastStamp(store.clock.stamp()))
        try store.manifest.commit(edit)
    }
}
