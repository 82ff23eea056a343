internal import Synchronization

/// A table in which damage was met, and the keys that it is responsible for.
package struct DamagedTable: Hashable, Sendable {
    /// Its keyspace.
    package let keyspace: KeyspaceID
    /// Its file's number.
    let number: UInt64
    /// The first of the keys.
    package let lower: [UInt8]
    /// The first key after them.
    package let upper: [UInt8]

    /// The name of its file.
    package var file: String { "\(FileName.table(number))" }
}

/// Puts what another node of the same history has in the place of a damaged table.
///
/// What a table holds cannot be had again: another node's tables are cut elsewhere, and their versions are others. But
/// all versions of a keyspace's range up to a point of the history are as good as the newest ones as of that point, to
/// whoever reads at that point or later. So the table is replaced by
///
/// 1. a range delete over all of its keys, at the point: it hides what lies in lower levels;
/// 2. each value that a node sees in that range at the point, as if written there.
///
/// What lies in upper levels is either newer than the point, and goes first, or it is what the other node saw. It takes
/// the damaged table's place, in one edit, once nobody reads at an older moment, and once the log is durable up to the
/// point: a crash must not take the history back behind it. Rewind points below the point are given up.
package final class TableReplacement {
    private let engine: Engine
    private let tree: Tree
    private let table: DamagedTable
    private let output: TableOutput
    private var point: HistoryPoint?
    /// Where the next output table begins.
    private var start: [UInt8]
    private var lastKey: [UInt8]?
    private var isWhole = false
    private var isOver = false

    init(_ engine: Engine, _ tree: Tree, _ table: DamagedTable) {
        self.engine = engine
        self.tree = tree
        self.table = table
        start = table.lower
        output = TableOutput(engine.store, tree.settings, keyspace: tree.id)
    }

    /// Appends what the other node has under a key, as of a point: all at the same one, the keys in order.
    package func add(_ key: [UInt8], _ value: [UInt8], deadline: UInt64, asOf point: HistoryPoint) throws(EngineError) {
        try note(point)
        let isInOrder = lastKey.map { $0.compareBytes(key) < 0 } ?? (key.compareBytes(table.lower) >= 0)
        guard isInOrder, key.compareBytes(table.upper) < 0 else {
            throw EngineError(.invalidArgument, "what is to replace \(table.file) has keys of elsewhere")
        }
        lastKey = key
        if output.isOpen, output.bytes >= UInt64(engine.store.options.tableSize) { try close(before: key) }
        try key.withView { (key) throws(EngineError) in
            try value.withView { (value) throws(EngineError) in
                try output.add(
                    Entry(
                        key: key, sequence: point.position.sequence, kind: .put, deadline: deadline, value: value))
            }
        }
    }

    /// Says that there is no more as of a point.
    package func complete(asOf point: HistoryPoint) throws(EngineError) {
        try note(point)
        try close(before: nil)
        try output.settle()
        isWhole = true
    }

    /// Takes the damaged table's place, if that can be now. Returns whether it is over; then the table is gone.
    package func install() throws(EngineError) -> Bool {
        guard isWhole, !isOver, let point else { return isOver }
        let (store, sequence) = (engine.store, point.position.sequence)
        let side = try engine.writable()
        guard store.visible.load(ordering: .acquiring) >= sequence else { return false }
        guard store.snapshots.sequences.first ?? .max >= sequence else { return false }
        let durable = try store.syncLog(sequence)
        let isPlaced = try side.compactions.exclusively { () throws(EngineError) in
            try replace(durable, before: sequence)
        }
        if !isPlaced { output.abandon() }
        isOver = true
        return true
    }

    /// Gives up, unless it is over: removes what was written.
    package func abandon() {
        if !isOver { output.abandon() }
        isOver = true
    }

    private func note(_ point: HistoryPoint) throws(EngineError) {
        guard self.point ?? point == point, !isWhole else {
            throw EngineError(.invalidArgument, "what is to replace \(table.file) comes from more than one moment")
        }
        self.point = point
    }

    private func close(before key: [UInt8]?) throws(EngineError) {
        let end = key ?? table.upper
        try output.add(RangeTombstone(start: start, end: end, sequence: point?.position.sequence ?? 0))
        try output.finish()
        start = end
    }

    /// False when the table is gone: merged, or dropped with its keyspace.
    private func replace(_ durable: HistoryPoint, before sequence: SequenceNumber) throws(EngineError) -> Bool {
        let store = engine.store
        _ = store.rewind.giveUp(before: sequence)
        var isPlaced = false
        try store.manifest.commit { state in
            guard !tree.isDropped, let (level, old) = state.keyspace(tree.id)?.version.find(table.number) else {
                return VersionEdit()
            }
            isPlaced = true
            var edit = VersionEdit()
            edit.remove([old], keyspace: tree.id, level: level)
            edit.add(output.finished, keyspace: tree.id, level: level)
            if state.end.position < durable.position { edit.append(.end(durable)) }
            store.rewind.record(in: &edit, unless: state)
            return edit
        }
        if isPlaced { store.install(tree) }
        return isPlaced
    }
}

extension Engine {
    /// The tables in which damage was met since they were opened.
    package var damagedTables: [DamagedTable] {
        store.allTrees.flatMap { tree in
            tree.view.levels.enumerated().flatMap { level, view in
                view.tables.indices.compactMap { place in
                    guard view.tables[place].reader.isDamaged else { return nil }
                    return Self.damaged(view.tables, at: place, level: level, tree.id)
                }
            }
        }
    }

    /// Begins to replace a damaged table; nil when its keyspace is gone.
    package func replacement(for table: DamagedTable) -> TableReplacement? {
        store.tree(table.keyspace).map { TableReplacement(self, $0, table) }
    }

    private static func damaged(
        _ tables: [TableHandle], at place: Int, level: Int, _ keyspace: KeyspaceID
    ) -> DamagedTable {
        let meta = tables[place].meta
        // The largest key may be the excluded end of a range delete, and the first key of the next table.
        let isTouching =
            level > 0 && place + 1 < tables.count && tables[place + 1].meta.smallestKey == meta.largestKey
        return DamagedTable(
            keyspace: keyspace, number: meta.number, lower: meta.smallestKey,
            upper: isTouching ? meta.largestKey : meta.largestKey + [0])
    }
}
