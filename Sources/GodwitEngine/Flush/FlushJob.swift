internal import Synchronization

/// Turns the oldest waiting memtable into a table of L0.
///
/// 1. Pick the oldest memtable that waits, over all keyspaces: it keeps the most log alive.
/// 2. Write its entries in order, a quantum a step, without what nobody can see any more.
/// 3. Finish the table: its bytes are synced, then its name.
/// 4. Commit the edit: from here on a restart finds the table, and recovery skips the log up to it.
/// 5. Show readers the table in place of the memtable, in one step.
///
/// A crash before 4 leaves an orphan that the next open deletes. A failure gives up the file and tries again later under
/// another name.
final class FlushJob: @unchecked Sendable {
    private struct Work {
        let tree: Tree
        let memtable: Memtable
        let entries: any EntryIterator
        let output: TableOutput
        var collapser: EntryCollapser
    }

    private let store: Store
    private let throttle: WriteThrottle
    private var work: Work?
    /// Held for a whole step, files and all.
    private let stepping = Lock()
    private let gate: Gate
    /// Memtables that begin above this wait: a checkpoint is being cut.
    private let barrier: FlushBarrier
    /// Called after each flush.
    var onFlush: () -> Void = {}

    init(store: Store, throttle: WriteThrottle, gate: Gate, barrier: FlushBarrier) {
        self.store = store
        self.throttle = throttle
        self.gate = gate
        self.barrier = barrier
    }

    /// One step, unless something holds the work back: asked once no other step is under way, so that `abandon` leaves
    /// none behind that had asked before.
    func step(unless isHeldBack: () -> Bool = { false }) -> StepResult {
        stepping.withLock { isHeldBack() ? .waiting(until: nil) : takeStep() }
    }

    private func takeStep() -> StepResult {
        do throws(EngineError) {
            guard try advance() else { return .waiting(until: nil) }
            return .more
        } catch {
            work?.output.abandon()
            work = nil
            store.events.tell(.backgroundError(error))
            throttle.refuse(error)
            return .waiting(until: store.environment.clock.monotonicNanoseconds() + 500_000_000)
        }
    }

    /// Gives up what is half written, once the step that runs has ended: for closing and for a rewind.
    func abandon() {
        stepping.withLock {
            work?.output.abandon()
            work = nil
        }
    }

    /// Returns whether there is more to do.
    private func advance() throws(EngineError) -> Bool {
        if work == nil {
            guard let next = pick() else { return false }
            work = try begin(next.tree, next.memtable)
        }
        for _ in 0..<store.options.stepEntries {
            guard let entry = work?.entries.current else {
                try finish()
                return true
            }
            if let kept = work?.collapser.collapse(entry, hasOlder: { true }) { try work?.output.add(kept) }
            try work?.entries.next()
        }
        return true
    }

    /// The oldest memtable that waits.
    private func pick() -> (tree: Tree, memtable: Memtable)? {
        var oldest: (tree: Tree, memtable: Memtable)?
        for tree in store.allTrees {
            guard let memtable = tree.view.immutables.last, barrier.admits(memtable) else { continue }
            if let found = oldest, found.memtable.firstSequence <= memtable.firstSequence { continue }
            oldest = (tree, memtable)
        }
        return oldest
    }

    private func begin(_ tree: Tree, _ memtable: Memtable) throws(EngineError) -> Work {
        let entries = memtable.iterator()
        try entries.seekToFirst()
        let collapser = EntryCollapser(
            protecting: store.protectedSequences(), tombstones: memtable.rangeTombstones,
            expiredBefore: 0)
        let output = TableOutput(store, tree.settings, keyspace: tree.id, keepingBlocks: true)
        return Work(tree: tree, memtable: memtable, entries: entries, output: output, collapser: collapser)
    }

    private func finish() throws(EngineError) {
        guard let work else { return }
        for tombstone in work.memtable.rangeTombstones.items { try work.output.add(tombstone) }
        try work.output.finish()
        try work.output.settle()
        let tables = work.output.finished
        let through = work.memtable.lastSequence
        // What the table holds the log must hold too: else a crash could keep one keyspace's part of a batch and lose
        // another's.
        let durable = try store.syncLog(through)
        let stamp = store.clock.stamp()
        try store.manifest.commit { state in
            // Dropped meanwhile: the table is nobody's.
            guard state.keyspace(work.tree.id) != nil, !work.tree.isDropped else { return VersionEdit() }
            var edit = VersionEdit()
            edit.add(tables, keyspace: work.tree.id, level: 0)
            edit.append(.flushedThrough(keyspace: work.tree.id, through))
            if state.end.position < durable.position { edit.append(.end(durable)) }
            edit.append(.lastStamp(stamp))
            store.rewind.record(in: &edit, unless: state)
            return edit
        }
        if work.tree.isDropped {
            work.output.abandon()
        } else {
            store.install(work.tree, flushed: [work.memtable])
            store.warm(work.output, of: work.tree)
        }
        let bytes = tables.reduce(0) { $0 + $1.size }
        store.counters.flushedBytes.add(bytes, ordering: .relaxed)
        store.events.tell(.flushed(keyspace: work.tree.name, bytes: bytes))
        self.work = nil
        throttle.resume()
        throttle.update(store.allTrees)
        gate.open()
        onFlush()
    }
}

/// Holds flushes back while a checkpoint needs all tables to end at one sequence number.
final class FlushBarrier: @unchecked Sendable {
    private let lock = Lock()
    private var sequence: SequenceNumber?

    /// Sets or lifts the barrier.
    func set(_ sequence: SequenceNumber?) { lock.withLock { self.sequence = sequence } }

    /// Whether a memtable may be flushed now.
    func admits(_ memtable: Memtable) -> Bool {
        lock.withLock { sequence.map { memtable.firstSequence <= $0 } ?? true }
    }
}
