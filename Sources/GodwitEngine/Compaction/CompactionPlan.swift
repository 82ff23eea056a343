/// What one compaction is to do.
struct CompactionPlan: Sendable, Equatable {
    /// Why it is worth doing.
    enum Reason: String, Sendable {
        /// Level 0 has many tables.
        case level0
        /// Level 0 has many tables, and merging some among themselves is the cheaper way to fewer.
        case withinLevel0
        /// A level is above its target.
        case levelSize
        /// Deletes hold space.
        case tombstones
        /// Expired entries hold space.
        case expired
        /// Somebody asked.
        case manual
    }

    /// How it is done.
    enum Action: String, Sendable {
        /// Merge the inputs into new tables of the output level.
        case merge
        /// Give the tables to the output level as they are: an edit of the manifest only.
        case move
        /// Delete the tables: nothing in them will ever be read. An edit of the manifest only.
        case drop
    }

    /// The tables taken from one level.
    struct Input: Sendable, Equatable {
        let level: Int
        /// In the level's order.
        let tables: [TableMeta]
    }

    let reason: Reason
    let action: Action
    /// What is taken, levels ascending, each level not empty.
    let inputs: [Input]
    /// Where the result goes.
    let outputLevel: Int
    /// The tables below the output level that the inputs' keys overlap, one level: outputs are cut by them.
    let grandparents: [TableMeta]
    /// Every table that may hold older versions of the inputs' keys, as runs: each run by key, without overlaps.
    let older: [[TableMeta]]
    /// The size at which an output table ends.
    let outputTableBytes: UInt64
    /// The most an output table may overlap of the grandparents.
    let grandparentBytes: UInt64

    /// All tables taken.
    var tables: [TableMeta] { inputs.flatMap(\.tables) }
    /// How much is read at most: no more is needed for the output to fit.
    var inputBytes: UInt64 { tables.reduce(0) { $0 + $1.size } }
    /// All keys concerned. (A plan has at least one table.)
    var span: KeySpan { KeySpan.over(tables) ?? KeySpan(smallest: [], largest: []) }
    /// Whether no older version of any key can be anywhere.
    var isBottom: Bool { older.isEmpty }

    /// The part of the edit that takes the inputs away and, for a move, gives them to the output level. A merge adds
    /// its outputs to it.
    func edit(keyspace: UInt32) -> VersionEdit {
        var edit = VersionEdit()
        for input in inputs { edit.remove(input.tables, keyspace: keyspace, level: input.level) }
        if action == .move { edit.add(tables, keyspace: keyspace, level: outputLevel) }
        return edit
    }
}

/// Tells, key by key in ascending order, whether an older version may be in a table that a compaction does not read.
/// Where none may, a delete has nothing left to hide.
struct OlderKeys {
    private let runs: [[TableMeta]]
    private var places: [Int]

    init(_ plan: CompactionPlan) {
        runs = plan.older
        places = plan.older.map { _ in 0 }
    }

    /// Whether an older version of `key` may exist. Keys must not descend from call to call.
    mutating func mayHold(_ key: ByteView) -> Bool {
        for (run, tables) in runs.enumerated() {
            while places[run] < tables.count, tables[places[run]].largestKey.compareBytes(key) < 0 { places[run] += 1 }
            if places[run] < tables.count, tables[places[run]].smallestKey.compareBytes(key) <= 0 { return true }
        }
        return false
    }

    /// Whether an older version of any key from `start` to `end` (excluded) may exist, in any order of calls.
    func mayHold(from start: [UInt8], to end: [UInt8]) -> Bool {
        let range = KeyRange(from: start, to: end)
        return runs.contains { tables in tables.contains { $0.span.overlaps(range) } }
    }
}

/// Tells, key by key in ascending order, where an output table should end so that a later compaction of it need not
/// read too much of the level below.
struct OutputCutter {
    private let grandparents: [TableMeta]
    private let limit: UInt64
    private var place = 0
    private var overlapped: UInt64 = 0

    init(_ plan: CompactionPlan) {
        grandparents = plan.grandparents
        limit = plan.grandparentBytes
    }

    /// Whether the table being written should end before `key`, which begins another user key. After `true`, and after
    /// the writer ended a table for another reason (`restart`), counting begins anew.
    mutating func shouldCut(before key: ByteView) -> Bool {
        while place < grandparents.count, grandparents[place].largestKey.compareBytes(key) < 0 {
            overlapped += grandparents[place].size
            place += 1
        }
        guard overlapped > limit else { return false }
        overlapped = 0
        return true
    }

    /// Begins counting anew for a fresh output table.
    mutating func restart() { overlapped = 0 }
}
