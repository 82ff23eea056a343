/// All that is known of a table without opening it, kept in the manifest so that opening a store reads no table.
struct TableMeta: Hashable, Sendable {
    /// The file's number.
    var number: UInt64
    /// The table's name for all time, which keys its checksums.
    var id: TableID
    /// The file's size in bytes.
    var size: UInt64
    /// The first key; range tombstones count too.
    var smallestKey: [UInt8]
    /// The last key; the excluded end of a range tombstone counts as a key.
    var largestKey: [UInt8]
    /// The lowest sequence number of an entry or range tombstone.
    var minSequence: SequenceNumber
    /// The highest sequence number of an entry or range tombstone.
    var maxSequence: SequenceNumber
    /// How many entries there are, tombstones among them.
    var entries: UInt64
    /// How many of the entries are deletes.
    var tombstones: UInt64 = 0
    /// How many range tombstones there are.
    var rangeTombstones: UInt64 = 0
    /// How many of the entries have a deadline.
    var expiring: UInt64 = 0
    /// The earliest deadline (wall-clock milliseconds); 0 when none has one.
    var minDeadline: UInt64 = 0
    /// The latest deadline (wall-clock milliseconds); 0 when none has one.
    var maxDeadline: UInt64 = 0
    /// The bytes of keys and values before compression.
    var rawBytes: UInt64
    /// Entries above this sequence number are not there: a rewind took them back. `.max` when all are.
    var visibleThrough: SequenceNumber = .max
    /// The sequence number that all entries are read as having (an ingested table); 0 when each has its own.
    var globalSequence: SequenceNumber = 0
    /// When the table was made (wall-clock milliseconds).
    var createdAt: UInt64

    /// The sequence number of the newest entry that readers see: it orders the tables of level 0.
    var newestSequence: SequenceNumber {
        globalSequence != 0 ? globalSequence : min(maxSequence, visibleThrough)
    }

    /// The oldest sequence number in the table as readers see it.
    var oldestSequence: SequenceNumber { globalSequence != 0 ? globalSequence : minSequence }

    /// The keys from the smallest to the largest.
    var span: KeySpan { KeySpan(smallest: smallestKey, largest: largestKey) }
}
