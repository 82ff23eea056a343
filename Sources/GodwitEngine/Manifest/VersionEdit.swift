/// One atomic change of what the manifest says: after a crash all of it is there or none.
///
/// Changes take effect in order, except that a level is judged when the whole edit is applied: tables removed and added
/// in one edit may be named in any order.
struct VersionEdit: Sendable, Equatable {
    /// One part of an edit.
    enum Change: Sendable, Equatable {
        /// A table joins a level of a keyspace.
        case addTable(keyspace: UInt32, level: Int, TableMeta)
        /// A table leaves a level of a keyspace.
        case removeTable(keyspace: UInt32, level: Int, number: UInt64)
        /// A rewind takes back what a table holds above a sequence number.
        case setVisibleThrough(keyspace: UInt32, level: Int, number: UInt64, SequenceNumber)
        /// A keyspace begins, with no tables.
        case createKeyspace(KeyspaceMeta)
        /// The highest id that a keyspace has had: none is given again after a drop.
        case lastKeyspace(UInt32)
        /// A keyspace ends, with all its tables.
        case dropKeyspace(UInt32)
        /// A keyspace that was dropped is still remembered.
        case droppedKeyspace(DroppedKeyspace)
        /// A keyspace's settings change.
        case alterKeyspace(UInt32, KeyspaceSettings)
        /// A keyspace's data is in tables up to here. May go back, by a rewind.
        case flushedThrough(keyspace: UInt32, SequenceNumber)
        /// No file has this number or a higher one.
        case nextFileNumber(UInt64)
        /// The last record known to have been applied. May go back, by a rewind.
        case end(HistoryPoint)
        /// The latest hybrid-logical-clock stamp given or seen.
        case lastStamp(UInt64)
        /// The live rewind points, ascending; replaces those before.
        case rewindPoints([HistoryPoint])
        /// An epoch began.
        case beginEpoch(EpochStart)
        /// The whole epoch history, ascending; replaces what was there (a rewind past an epoch's start).
        case epochHistory([EpochStart])
        /// The log is cut. Replaces a cut of the same segment; forgets cuts of segments that it makes dead.
        case addLogCut(LogCut)
        /// The cut of this segment no longer counts.
        case dropLogCut(segment: UInt64)
        /// Recovery begins with this segment; older ones, and cuts of them, are not needed.
        case logFloor(segment: UInt64)
        /// The store was closed in order. Holds until the next edit.
        case clean
        /// The format level that the store's data may use from now on.
        case formatLevel(UInt32)
        /// The region this node's data is in.
        case region(UInt16)
    }

    /// The parts, in order.
    var changes: [Change] = []

    init(_ changes: [Change] = []) { self.changes = changes }

    /// Whether there is nothing in it.
    var isEmpty: Bool { changes.isEmpty }

    /// Adds one part.
    mutating func append(_ change: Change) { changes.append(change) }

    /// Removes the tables from a level.
    mutating func remove(_ tables: [TableMeta], keyspace: UInt32, level: Int) {
        for table in tables { append(.removeTable(keyspace: keyspace, level: level, number: table.number)) }
    }

    /// Adds the tables to a level.
    mutating func add(_ tables: [TableMeta], keyspace: UInt32, level: Int) {
        for table in tables { append(.addTable(keyspace: keyspace, level: level, table)) }
    }
}
