/// How the tables of a keyspace are kept in shape.
struct CompactionOptions: Sendable, Equatable {
    /// So many tables in level 0 ask for a compaction: 4. Fewer rewrite lower levels more often, more cost readers.
    var level0Trigger = 4
    /// Level 0 is kept at or below this many tables: 12, since a lookup asks the filter of each.
    var level0Limit = 12
    /// The least size of a level that has a target, in bytes: 256 MiB, four memtables of 64 MiB.
    var baseBytes: UInt64 = 256 << 20
    /// How much larger each level may be than the one above: 10.
    var multiplier: UInt64 = 10
    /// The size at which an output table ends, in bytes: 64 MiB.
    var tableBytes: UInt64 = 64 << 20
    /// A compaction reads no more than this beyond its first table, in bytes: 2 GiB. Bounds its time and spare space.
    var inputBytes: UInt64 = 2 << 30
    /// An output table overlaps no more than this of the level below, in bytes: 640 MiB, ten tables.
    var grandparentBytes: UInt64 = 640 << 20
    /// Level 0 goes to a level only when it is at least one part in this many of what it overlaps there: 4.
    var level0Ratio: UInt64 = 4
    /// A table is rewritten for its space when at least this share of its entries is dead: a half.
    var deadShare = 0.5
    /// An expired entry is dropped so many milliseconds after its deadline: 10 minutes.
    var expiryGrace: UInt64 = 600_000

    init() {}
}
