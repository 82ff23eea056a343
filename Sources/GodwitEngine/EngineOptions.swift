/// How a store is opened and what it may use. Each setting has a default that suits an online store of small records.
public struct EngineOptions: Sendable {
    /// What opening may do to the directory.
    public enum Mode: Sendable {
        /// Opens the store; makes one when the directory holds none.
        case openOrCreate
        /// Opens the store; an error when there is none.
        case openExisting
        /// Makes a store; an error when there is one.
        case create
        /// Opens an existing store and changes nothing in it; writes are refused.
        case readOnly
    }

    /// What opening may do to the directory.
    public var mode = Mode.openOrCreate
    /// Bytes that memtables, cached blocks, filters and indexes may take together. Least: 8 MiB.
    public var memoryBudget = 256 << 20
    /// Bytes after which a keyspace's memtable is flushed; at most a quarter of `memoryBudget` is used.
    public var memtableSize = 64 << 20
    /// Bytes of one log segment.
    public var segmentSize = 64 << 20
    /// Bytes of log after which the keyspace that keeps the oldest part alive is flushed.
    public var logSize = 512 << 20
    /// Bytes that a table made by compaction aims at.
    public var tableSize = 32 << 20
    /// Bytes of the first sorted level below L0; each next one may hold ten times more.
    public var baseLevelSize = 256 << 20
    /// How long data is kept past its deadline before compaction may drop it, in milliseconds: the room that clocks of
    /// several nodes have to differ.
    public var expiryGrace: UInt64 = 600_000
    /// Syncs the log at this interval in milliseconds even when nobody asks; nil for never.
    public var syncInterval: UInt64?
    /// Bytes of disk left free for flushing when writes are refused for want of space.
    public var diskReserve: UInt64 = 64 << 20
    /// Bytes of log kept for retention holds and rewind points beside what memtables need; past it they are given up.
    public var retentionSize = 1 << 30
    /// The least time between two rewind points, in milliseconds; nil takes none. A replication node needs them to give
    /// back what its new primary never saw; they keep log, up to `retentionSize`.
    public var rewindInterval: UInt64?
    /// Reads tables past the page cache (`O_DIRECT`): for measuring, and where the budget is the only cache wanted.
    public var directReads = false
    /// Threads for reads that need the disk, on behalf of callers that must not block.
    public var readWorkers = 4
    /// The region this node is in, 1 to 64 bytes: kept beside the data, and a store of another region is refused. Nil takes
    /// what is stored.
    public var region: String?
    /// Retention holds (`Engine.hold`) that stand from the start, before the first of the log could be given back.
    public var holds: [String: SequenceNumber] = [:]
    /// Begins a new epoch by itself after an unclean stop. A replication node turns this off and begins epochs itself.
    public var beginsEpochs = true
    /// Entries that a step of flush and compaction handles: a few milliseconds of work. Tests make steps shorter.
    var stepEntries = 4096

    /// The defaults.
    public init() {}

    /// The memtable size that is used within the budget.
    var effectiveMemtableSize: Int { min(memtableSize, memoryBudget / 4) }

    /// What is left for the cache beside the memtables of so many keyspaces, when `waiting` bytes of memtables are written
    /// no more and not yet freed. Room for two memtables is always kept: shrinking the cache for each flush would cost more
    /// than it gives.
    func cacheCapacity(trees: Int, waiting: Int) -> Int {
        // Those that are written take at most two full ones together (`Applier`).
        let written = trees > 1 ? 2 * effectiveMemtableSize : effectiveMemtableSize
        return max(0, memoryBudget - max(2 * effectiveMemtableSize, written + waiting))
    }

    /// Throws `.invalidArgument` naming the first setting that cannot work.
    func validate() throws(EngineError) {
        func require(_ holds: Bool, _ text: String) throws(EngineError) {
            if !holds { throw EngineError(.invalidArgument, text) }
        }
        try require(memoryBudget >= 8 << 20, "memoryBudget is \(memoryBudget) bytes; give at least 8 MiB")
        try require(memtableSize >= 64 << 10, "memtableSize is \(memtableSize) bytes; give at least 64 KiB")
        try require(segmentSize >= 64 << 10, "segmentSize is \(segmentSize) bytes; give at least 64 KiB")
        try require(tableSize >= 16 << 10, "tableSize is \(tableSize) bytes; give at least 16 KiB")
        try require(baseLevelSize >= tableSize, "baseLevelSize is below tableSize; give at least as much")
        try require(logSize >= segmentSize, "logSize is below segmentSize; give at least as much")
        try require((1...64).contains(readWorkers), "readWorkers is \(readWorkers); give 1 to 64")
    }
}
