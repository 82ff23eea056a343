internal import Synchronization

/// Merges the tables of a plan into the next level, a quantum a step.
///
/// 1. Drop and move plans are an edit of the manifest and nothing more.
/// 2. Otherwise open an iterator on every run of inputs and merge them in order.
/// 3. Keep what somebody can still see (`EntryCollapser`), in output tables of bounded size that never split the
///    versions of one key, each with its part of the range deletes.
/// 4. Finish, sync and name the outputs; commit one edit that takes the inputs away and adds them; show readers.
///
/// A crash before the edit leaves orphans; after it, the inputs are the orphans. Both are deleted by the next open.
final class CompactionJob {
    private let store: Store
    private let tree: Tree
    let plan: CompactionPlan
    private let output: TableOutput
    private let tombstones: [RangeTombstone]
    private var merge: MergingIterator?
    private var collapser: EntryCollapser
    private var older: OlderKeys
    private var cutter: OutputCutter
    /// Where the range deletes of the next output table begin; nil for the first.
    private var outputStart: [UInt8]?

    /// Nil when the keyspace was dropped since the plan was made.
    init?(_ store: Store, _ tree: Tree, _ plan: CompactionPlan) throws(EngineError) {
        // A flush may have committed a table that it has not shown yet.
        store.install(tree)
        self.store = store
        self.tree = tree
        self.plan = plan
        older = OlderKeys(plan)
        cutter = OutputCutter(plan)
        let view = tree.view
        var items: [RangeTombstone] = []
        var sources: [any EntryIterator] = []
        var (resident, bytes) = (0.0, 0.0)
        if plan.action == .merge {
            for input in plan.inputs {
                let wanted = Set(input.tables.map(\.number))
                let handles = view.levels[input.level].tables.filter { wanted.contains($0.meta.number) }
                guard handles.count == wanted.count else { return nil }
                for table in handles {
                    resident += Double(table.meta.size) * table.reader.residentShare
                    bytes += Double(table.meta.size)
                }
                for table in handles where table.meta.rangeTombstones > 0 {
                    items += try table.reader.rangeTombstones().items
                }
                if input.level == 0 {
                    sources += handles.map { $0.reader.iterator(fillCache: false) }
                } else {
                    sources.append(LevelIterator(handles, fillCache: false))
                }
            }
        }
        // What was in memory stays there.
        output = TableOutput(store, tree.settings, keyspace: tree.id, keepingBlocks: resident > bytes / 2)
        let protected = store.protectedSequences()
        let all = RangeTombstones(items)
        let now = store.clock.now()
        let grace = store.options.expiryGrace
        collapser = EntryCollapser(
            protecting: protected, tombstones: all, expiredBefore: now > grace ? now - grace : 0)
        tombstones = all.items
        if !sources.isEmpty {
            let merge = MergingIterator(sources)
            try merge.seekToFirst()
            self.merge = merge
        }
    }

    /// Merges up to `quantum` entries. Returns whether there is more to do; after false the result is installed.
    func step(quantum: Int) throws(EngineError) -> Bool {
        guard let merge else {
            try commit()
            return false
        }
        for _ in 0..<quantum {
            guard let entry = merge.current else {
                try close(before: nil)
                try commit()
                return false
            }
            try pass(entry)
            try merge.next()
        }
        return true
    }

    /// Removes what was written.
    func abandon() { output.abandon() }

    private func pass(_ entry: Entry) throws(EngineError) {
        if collapser.isNewKey(entry.key) {
            let isFull = output.bytes >= plan.outputTableBytes
            if cutter.shouldCut(before: entry.key) || isFull, output.isOpen {
                try close(before: entry.key.array)
                cutter.restart()
            }
        }
        // `mayHold` wants keys in order, and is asked only where the answer matters.
        let kept = collapser.collapse(entry) { older.mayHold(entry.key) }
        if let kept { try output.add(kept) }
    }

    /// Completes the output table: its range deletes are those parts that lie between the last cut and this one.
    private func close(before key: [UInt8]?) throws(EngineError) {
        for tombstone in tombstones {
            let hasOlder = older.mayHold(from: tombstone.start, to: tombstone.end)
            guard collapser.keeps(tombstone, hasOlder: hasOlder) else { continue }
            var (start, end) = (tombstone.start, tombstone.end)
            if let outputStart, start.compareBytes(outputStart) < 0 { start = outputStart }
            if let key, key.compareBytes(end) < 0 { end = key }
            guard start.compareBytes(end) < 0 else { continue }
            try output.add(RangeTombstone(start: start, end: end, sequence: tombstone.sequence))
        }
        try output.finish()
        outputStart = key
    }

    private func commit() throws(EngineError) {
        try output.settle()
        let outputs = output.finished
        try store.manifest.commit { state in
            guard state.keyspace(tree.id) != nil, !tree.isDropped else { return VersionEdit() }
            var edit = plan.edit(keyspace: tree.id)
            edit.add(outputs, keyspace: tree.id, level: plan.outputLevel)
            // What only a rewind point saw that was given up since is gone with the inputs: after a crash the manifest must
            // not offer that point again.
            store.rewind.record(in: &edit, unless: state)
            return edit
        }
        if tree.isDropped {
            output.abandon()
            return
        }
        store.install(tree)
        store.warm(output, of: tree)
        guard plan.action == .merge else { return }
        let written = outputs.reduce(0) { $0 + $1.size }
        store.counters.compactionRead.add(plan.inputBytes, ordering: .relaxed)
        store.counters.compactionWritten.add(written, ordering: .relaxed)
        store.events.tell(
            .compacted(
                keyspace: tree.name, from: plan.inputs[0].level, to: plan.outputLevel, read: plan.inputBytes,
                written: written))
    }
}
