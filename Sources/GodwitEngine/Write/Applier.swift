/// Puts committed records into effect: batches into memtables, control records into the store's shape. Used by the commit
/// leader and, before there is one, by recovery: one thread at a time.
final class Applier: @unchecked Sendable {
    /// Where a keyspace's operations go.
    private final class Target {
        let tree: Tree
        let memtable: Owned<Memtable>
        /// What recovery may skip: it is in tables, or belongs to an earlier keyspace of the same id.
        let floor: SequenceNumber

        init(_ tree: Tree, _ memtable: Memtable, floor: SequenceNumber) {
            self.tree = tree
            self.floor = floor
            self.memtable = Owned(memtable)
        }
    }

    private let store: Store
    private let shape: KeyspaceChanges
    private let throttle: WriteThrottle
    private let targets = Owned<[KeyspaceID: Target]>([:])
    /// The target used last: writes to one keyspace come in runs.
    private let latest = Owned<Target?>(nil)
    private let touched = Owned<[Target]>([])
    /// What is filled in place of the memtables that readers see.
    private let unseen = Owned<[KeyspaceID: Memtable]>([:])
    private let groupsSinceCheck = Owned(0)
    /// Called when a memtable waits to be flushed, and when memtables or trees are gone that somebody may wait for.
    var onChange: () -> Void = {}

    init(store: Store, shape: KeyspaceChanges, throttle: WriteThrottle) {
        self.store = store
        self.shape = shape
        self.throttle = throttle
        reload()
    }

    /// Takes the trees as they are now: at the start, and after their shape or their memtables changed.
    func reload() {
        targets.value.removeAll(keepingCapacity: true)
        latest.value = nil
        let state = store.manifest.state
        for tree in store.allTrees {
            let floor = state.keyspace(tree.id)?.meta.flushedThrough ?? 0
            targets.value[tree.id] = Target(tree, unseen.value[tree.id] ?? tree.view.active, floor: floor)
        }
        // A target of before would be rotated in place of the one that is written to.
        touched.value = touched.value.compactMap { targets.value[$0.tree.id] }
        onChange()
    }

    /// Fills memtables that nobody sees yet, until told of none: during a rewind.
    func fill(_ memtables: [KeyspaceID: Memtable]) {
        unseen.value = memtables
        reload()
    }

    /// While memtables are filled that nobody sees: the keyspaces of those that are to become tables before more goes in,
    /// because they are full or all together take more than two full ones. Asked after every record.
    func overfull() -> [KeyspaceID] {
        let limit = store.options.effectiveMemtableSize
        let full = touched.value.filter { $0.memtable.value.bytesUsed >= limit }
        touched.value.removeAll(keepingCapacity: true)
        groupsSinceCheck.value += 1
        if !full.isEmpty || groupsSinceCheck.value < 256 { return full.map(\.tree.id) }
        groupsSinceCheck.value = 0
        let used = unseen.value.values.reduce(0) { $0 + $1.bytesUsed }
        guard used > 2 * limit else { return [] }
        let largest = unseen.value.max { ($0.value.bytesUsed, $0.key) < ($1.value.bytesUsed, $1.key) }
        return largest.map { [$0.key] } ?? []
    }

    @inline(__always)
    private func target(_ keyspace: KeyspaceID) -> Target? {
        if let target = latest.value, target.tree.id == keyspace { return target }
        guard let target = targets.value[keyspace] else { return nil }
        latest.value = target
        return target
    }

    // MARK: Before the append

    /// Throws when a commit may not go into the log: a keyspace is gone, or a condition does not hold.
    func check(_ commit: PendingCommit) throws(EngineError) {
        var run = RecordRun(commit.records.view)
        while let record = try run.next() {
            guard record.type == .batch else { continue }
            for section in record.sections where target(section.keyspace) == nil {
                throw EngineError(
                    .notFound, "the keyspace with id \(section.keyspace) was dropped; open or create it again")
            }
        }
        for condition in commit.conditions { try check(condition) }
    }

    /// A condition is judged by memtables alone, so that the pipeline never reads a disk.
    private func check(_ condition: WriteCondition) throws(EngineError) {
        guard let target = targets.value[condition.keyspace] else {
            throw EngineError(.notFound, "a condition names a keyspace that was dropped")
        }
        let view = target.tree.view
        let newest = condition.key.withView { key in
            let hash = key.hash(seed: store.hashSeed)
            return view.memtables.lazy.map { memtable in
                max(
                    memtable.rangeTombstones.covering(key, at: .max),
                    memtable.find(key, hash: hash, at: .max)?.sequence ?? 0)
            }.max() ?? 0
        }
        if newest > condition.unchangedSince {
            throw EngineError(.conflict, "a key was written after the condition's snapshot; read it again and retry")
        }
        // Everything above what the tables hold is in memtables: only there is "not written since" provable.
        let reach = store.manifest.state.keyspace(condition.keyspace)?.meta.flushedThrough ?? 0
        if condition.unchangedSince < reach {
            throw EngineError(
                .conflictTooOld, "a condition is older than the memtables reach; take a new snapshot and retry")
        }
    }

    // MARK: After the append

    /// Puts finished records into effect.
    func apply(_ records: ByteView) throws(EngineError) {
        var run = RecordRun(records)
        while let record = try run.next() { try apply(record) }
    }

    /// Puts one record into effect.
    func apply(_ record: RecordView) throws(EngineError) {
        guard record.type == .batch else {
            if try shape.apply(record) { reload() }
            return
        }
        for section in record.sections {
            guard section.payload != nil, let target = target(section.keyspace),
                record.lastSequence > target.floor
            else { continue }
            var operations = OperationReader(section)
            while let operation = try operations.next() { insert(operation, into: target.memtable.value) }
            if !touched.value.contains(where: { $0 === target }) { touched.value.append(target) }
        }
    }

    @inline(__always)
    private func insert(_ operation: Operation, into memtable: Memtable) {
        switch operation.kind {
        case .put, .delete:
            memtable.insert(
                key: operation.key, hash: operation.key.hash(seed: store.hashSeed), sequence: operation.sequence,
                kind: operation.kind == .put ? .put : .delete, deadline: operation.deadline,
                value: operation.value)
        case .rangeDelete:
            memtable.insertRangeDelete(start: operation.key, end: operation.value, sequence: operation.sequence)
        }
    }

    // MARK: Rotation

    /// Puts a fresh memtable in front of each that is full; the full ones wait to be flushed.
    func rotateFullMemtables(at point: HistoryPoint) {
        let limit = store.options.effectiveMemtableSize
        for target in touched.value where target.memtable.value.bytesUsed >= limit { rotate(target, at: point) }
        touched.value.removeAll(keepingCapacity: true)
        groupsSinceCheck.value += 1
        if groupsSinceCheck.value >= 256 {
            groupsSinceCheck.value = 0
            rotateForSharedLimits(at: point)
        }
    }

    /// Flushes the largest memtable when all together take more than two full ones, and the one that keeps the oldest part
    /// of the log alive when that lies further back than the log's size. Log that is kept for others counts for nothing here:
    /// no flush would give it back.
    private func rotateForSharedLimits(at point: HistoryPoint) {
        let active = targets.value.values.filter { !$0.memtable.value.isEmpty }
        let used = active.reduce(0) { $0 + $1.memtable.value.bytesUsed }
        if used > 2 * store.options.effectiveMemtableSize {
            let largest = active.max {
                ($0.memtable.value.bytesUsed, $0.tree.id) < ($1.memtable.value.bytesUsed, $1.tree.id)
            }
            if let largest { rotate(largest, at: point) }
        }
        let oldest = active.min { $0.memtable.value.firstSequence < $1.memtable.value.firstSequence }
        if let oldest, !oldest.memtable.value.isEmpty, oldest.memtable.value.firstSequence <= throttle.logReach {
            rotate(oldest, at: point)
        }
    }

    /// Rotates every memtable that holds anything: what `flush` and checkpoints ask for, inside `exclusively`.
    func rotateAll(at point: HistoryPoint) {
        for id in targets.value.keys.sorted() {
            if let target = targets.value[id], !target.memtable.value.isEmpty { rotate(target, at: point) }
        }
    }

    /// Rotates one keyspace's memtable if it holds anything.
    func rotate(_ tree: Tree, at point: HistoryPoint) {
        if let target = targets.value[tree.id], !target.memtable.value.isEmpty { rotate(target, at: point) }
    }

    private func rotate(_ target: Target, at point: HistoryPoint) {
        store.rotate(target.tree)
        target.memtable.value = target.tree.view.active
        store.rewind.take(point)
        onChange()
    }
}
