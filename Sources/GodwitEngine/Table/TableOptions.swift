/// How a table is written.
struct TableOptions: Sendable, Equatable {
    /// The memory that a data block takes when cached, at which a block is cut. 512 to 60 KiB; an entry that does
    /// not fit has a block of its own.
    var blockSize = 4096
    /// How blocks are stored.
    var compression = Compression.lz4
    /// Bits of filter for each key; 0 writes no filter.
    var filterBitsPerKey = 10
    /// The keyspace that the table belongs to: kept in the table, for when the manifest is lost.
    var keyspace: KeyspaceID = 0

    /// `blockSize` within its bounds.
    var boundedBlockSize: Int { min(max(blockSize, 512), 60 << 10) }
}

/// What `TableWriter` made: all that the manifest keeps about a table's content.
struct TableSummary: Sendable, Equatable {
    /// Bytes of the file.
    var size: UInt64 = 0
    /// Versions of keys, deletes included, range tombstones not.
    var entries: UInt64 = 0
    /// Deletes among the entries.
    var tombstones: UInt64 = 0
    /// Range deletes.
    var rangeTombstones: UInt64 = 0
    /// Entries with a deadline.
    var expiring: UInt64 = 0
    /// The least deadline; 0 when no entry has one.
    var minDeadline: UInt64 = 0
    /// The greatest deadline; 0 when no entry has one.
    var maxDeadline: UInt64 = 0
    /// The least key of entries and range tombstones.
    var smallestKey: [UInt8] = []
    /// The greatest key of entries, or the greatest end of a range tombstone.
    var largestKey: [UInt8] = []
    /// The least sequence number of entries and range tombstones.
    var minSequence: SequenceNumber = 0
    /// The greatest sequence number of entries and range tombstones.
    var maxSequence: SequenceNumber = 0
    /// Bytes of keys and values before compression.
    var rawBytes: UInt64 = 0
    /// Stored bytes of data blocks.
    var dataBytes: UInt64 = 0
    /// Stored bytes of filter units.
    var filterBytes: UInt64 = 0
    /// Stored bytes of index partitions and top index.
    var indexBytes: UInt64 = 0
}
