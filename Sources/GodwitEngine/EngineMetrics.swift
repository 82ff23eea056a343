internal import Synchronization

/// What an engine has done since it was opened, and what it is like now: plain numbers, taken at slightly different
/// moments.
public struct EngineMetrics: Sendable, Hashable {
    /// Reads of one kind of block that asked the cache.
    public struct CacheUse: Sendable, Hashable {
        /// Times a block was found in memory. Close, not exact: threads count without waiting for each other.
        public var hits: UInt64 = 0
        /// Times a block had to be read from a file.
        public var misses: UInt64 = 0
        /// Bytes in memory now.
        public var bytes: UInt64 = 0
        /// The share of reads that found the block in memory, 0 to 1; 1 when there were none.
        public var hitRate: Double { hits + misses == 0 ? 1 : Double(hits) / Double(hits + misses) }
    }

    /// The block cache.
    public struct Cache: Sendable, Hashable {
        /// Data blocks.
        public var data = CacheUse()
        /// Filters.
        public var filter = CacheUse()
        /// Index partitions.
        public var index = CacheUse()
        /// Blocks that made room for others.
        public var evictions: UInt64 = 0
        /// Blocks that were read or written and could not be kept.
        public var refusals: UInt64 = 0
    }

    /// Who has memory, in bytes.
    public struct Memory: Sendable, Hashable {
        /// What `EngineOptions.memoryBudget` allows in all.
        public var budget: UInt64 = 0
        /// Cached data blocks.
        public var dataBlocks: UInt64 = 0
        /// Cached filters.
        public var filters: UInt64 = 0
        /// Cached index partitions.
        public var indexes: UInt64 = 0
        /// Footers and top indexes of the tables in use.
        public var tableRoots: UInt64 = 0
        /// Evicted blocks that readers may still be using.
        public var evictedInUse: UInt64 = 0
        /// Memtables that are written.
        public var activeMemtables: UInt64 = 0
        /// Memtables that wait to be flushed.
        public var waitingMemtables: UInt64 = 0
        /// Flushed memtables that reads which have not returned may still be using.
        public var flushedInUse: UInt64 = 0
        /// What is kept of flushed memtables for those to come.
        public var idleMemtables: UInt64 = 0
        /// All of the above but the budget.
        public var total: UInt64 {
            dataBlocks + filters + indexes + tableRoots + evictedInUse + activeMemtables + waitingMemtables
                + flushedInUse
                + idleMemtables
        }
    }

    /// The write path since the engine was opened.
    public struct Writes: Sendable, Hashable {
        /// Operations committed.
        public var operations: UInt64 = 0
        /// Commit groups appended to the log.
        public var groups: UInt64 = 0
        /// Times the log was synced.
        public var syncs: UInt64 = 0
        /// Bytes of records appended to the log.
        public var logBytes: UInt64 = 0
        /// Bytes of tables written by flushes.
        public var flushedBytes: UInt64 = 0
        /// Bytes of tables read by compactions.
        public var compactionReadBytes: UInt64 = 0
        /// Bytes of tables written by compactions.
        public var compactionWrittenBytes: UInt64 = 0
        /// Nanoseconds that writers were slowed or held, all writers together.
        public var delayedNanoseconds: UInt64 = 0
        /// The longest wait of one writer among them.
        public var longestDelayNanoseconds: UInt64 = 0
        /// Times a writer was held until background work caught up.
        public var stalls: UInt64 = 0
        /// Why writers are slowed or held now, for people; empty when they are not.
        public var delayCause = ""
        /// Bytes written to disk for each byte of records: log, flushes and compactions. 0 before the first write.
        public var amplification: Double {
            logBytes == 0 ? 0 : Double(logBytes + flushedBytes + compactionWrittenBytes) / Double(logBytes)
        }
    }

    /// One level of a keyspace.
    public struct Level: Sendable, Hashable {
        /// How many tables there are.
        public var tables = 0
        /// Their sizes together, in bytes.
        public var bytes: UInt64 = 0
        /// Entries, deletes and old versions among them.
        public var entries: UInt64 = 0
        /// Deletes among the entries.
        public var tombstones: UInt64 = 0
    }

    /// One keyspace.
    public struct KeyspaceUse: Sendable, Hashable {
        /// Its name.
        public var name = ""
        /// Its id.
        public var id: UInt32 = 0
        /// Its levels, L0 first; always seven.
        public var levels: [Level] = []
        /// Bytes in memory, not yet in tables.
        public var memtableBytes: UInt64 = 0
        /// Entries in memory, not yet in tables.
        public var memtableEntries: UInt64 = 0
        /// Memtables that wait to be flushed.
        public var waitingMemtables = 0
        /// Bytes that compactions must still write until every level is within its target.
        public var compactionDebtBytes: UInt64 = 0

        /// How many tables there are.
        public var tables: Int { levels.reduce(0) { $0 + $1.tables } }
        /// The sizes of all tables together, in bytes.
        public var bytes: UInt64 { levels.reduce(0) { $0 + $1.bytes } }
        /// Entries in tables, deletes and old versions among them.
        public var entries: UInt64 { levels.reduce(0) { $0 + $1.entries } }
        /// The bytes of all tables for each byte of the largest level: about the share of space that is not live. 1 for an
        /// empty keyspace.
        public var spaceAmplification: Double {
            let largest = levels.map(\.bytes).max() ?? 0
            return largest == 0 ? 1 : Double(bytes) / Double(largest)
        }
    }

    /// The block cache.
    public var cache = Cache()
    /// Who has memory.
    public var memory = Memory()
    /// The write path since the engine was opened.
    public var writes = Writes()
    /// The keyspaces by id.
    public var keyspaces: [KeyspaceUse] = []
    /// Bytes of the log segments in use, laid out ahead included.
    public var logBytes: UInt64 = 0
    /// Bytes of all tables.
    public var tableBytes: UInt64 { keyspaces.reduce(0) { $0 + $1.bytes } }
    /// Bytes that compactions must still write until every level is within its target.
    public var compactionDebtBytes: UInt64 { keyspaces.reduce(0) { $0 + $1.compactionDebtBytes } }
    /// The bytes of all tables for each byte of the largest level of each keyspace. 1 for an empty store.
    public var spaceAmplification: Double {
        let largest = keyspaces.reduce(UInt64(0)) { $0 + ($1.levels.map(\.bytes).max() ?? 0) }
        return largest == 0 ? 1 : Double(tableBytes) / Double(largest)
    }
    /// Snapshots held, scans under way not among them.
    public var snapshots = 0
    /// How old the oldest snapshot is, in nanoseconds; 0 when none is held.
    public var oldestSnapshotNanoseconds: UInt64 = 0
    /// Tables that compaction leaves alone for a while, since it met damage in them.
    public var suspectTables = 0
    /// Rewind points held.
    public var rewindPoints = 0
    /// The last position that readers see.
    public var visible = Position.start
    /// The last position that survives power loss.
    public var durable = Position.start
    /// Whether the log can no longer be trusted, so that the store must be reopened.
    public var isPoisoned = false

    /// Zeros.
    public init() {}
}

extension Engine {
    /// Whether the log can no longer be trusted, so that the store must be reopened.
    package var isPoisoned: Bool { store.poison.isPoisoned && !closed.load(ordering: .relaxed) }

    /// What the engine has done since it was opened, and what it is like now. Takes a few locks for a moment; reads no
    /// file.
    public var metrics: EngineMetrics {
        var metrics = EngineMetrics()
        let cache = store.cache.statistics
        metrics.cache.data = .init(hits: cache.dataHits, misses: cache.dataMisses, bytes: UInt64(cache.dataBytes))
        metrics.cache.filter = .init(
            hits: cache.filterHits, misses: cache.filterMisses, bytes: UInt64(cache.filterBytes))
        metrics.cache.index = .init(hits: cache.indexHits, misses: cache.indexMisses, bytes: UInt64(cache.indexBytes))
        metrics.cache.evictions = cache.evictions
        metrics.cache.refusals = cache.refusals
        metrics.memory.budget = UInt64(store.options.memoryBudget)
        metrics.memory.dataBlocks = UInt64(cache.dataBytes)
        metrics.memory.filters = UInt64(cache.filterBytes)
        metrics.memory.indexes = UInt64(cache.indexBytes)
        metrics.memory.tableRoots = UInt64(cache.chargedBytes)
        metrics.memory.evictedInUse = UInt64(max(0, cache.deferredBytes))
        // Against the way that a memtable goes, so that one that moves on meanwhile is not counted twice.
        metrics.memory.idleMemtables = UInt64(store.arenas.byteCount)
        metrics.memory.flushedInUse = UInt64(store.garbage.heldBytes)
        for tree in store.allTrees {
            let use = Self.use(of: tree)
            metrics.memory.activeMemtables += UInt64(tree.view.active.bytesUsed)
            metrics.keyspaces.append(use)
        }
        let memtables = metrics.keyspaces.reduce(UInt64(0)) { $0 + $1.memtableBytes }
        metrics.memory.waitingMemtables = memtables - min(memtables, metrics.memory.activeMemtables)
        metrics.snapshots = store.snapshots.count
        let now = store.environment.clock.monotonicNanoseconds()
        metrics.oldestSnapshotNanoseconds = store.snapshots.oldest.map { now - min(now, $0) } ?? 0
        metrics.rewindPoints = store.rewind.all.count
        metrics.visible = position
        metrics.durable = durablePoint.position
        metrics.isPoisoned = isPoisoned
        metrics.writes = writes
        if let writeSide {
            metrics.logBytes = writeSide.segments.liveBytes
            metrics.suspectTables = writeSide.compactions.suspectCount
            for index in metrics.keyspaces.indices {
                let version = store.manifest.state.keyspace(metrics.keyspaces[index].id)?.version
                metrics.keyspaces[index].compactionDebtBytes = version.map(writeSide.compactions.debtBytes(of:)) ?? 0
            }
        }
        return metrics
    }

    private var writes: EngineMetrics.Writes {
        let counters = store.counters
        var writes = EngineMetrics.Writes()
        writes.operations = counters.operations.load(ordering: .relaxed)
        writes.groups = counters.groups.load(ordering: .relaxed)
        writes.syncs = counters.syncs.load(ordering: .relaxed)
        writes.logBytes = counters.logBytes.load(ordering: .relaxed)
        writes.flushedBytes = counters.flushedBytes.load(ordering: .relaxed)
        writes.compactionReadBytes = counters.compactionRead.load(ordering: .relaxed)
        writes.compactionWrittenBytes = counters.compactionWritten.load(ordering: .relaxed)
        writes.delayedNanoseconds = counters.delayed.load(ordering: .relaxed)
        writes.longestDelayNanoseconds = counters.longestDelay.load(ordering: .relaxed)
        writes.stalls = counters.stalls.load(ordering: .relaxed)
        writes.delayCause = writeSide?.throttle.cause ?? ""
        return writes
    }

    private static func use(of tree: Tree) -> EngineMetrics.KeyspaceUse {
        let view = tree.view
        var use = EngineMetrics.KeyspaceUse()
        use.name = tree.name
        use.id = tree.id
        for level in view.levels {
            var sum = EngineMetrics.Level()
            sum.tables = level.count
            for table in level.tables {
                sum.bytes += table.meta.size
                sum.entries += table.meta.entries
                sum.tombstones += table.meta.tombstones
            }
            use.levels.append(sum)
        }
        for memtable in view.memtables {
            use.memtableBytes += UInt64(memtable.bytesUsed)
            use.memtableEntries += UInt64(memtable.entryCount)
        }
        use.waitingMemtables = view.immutables.count
        return use
    }
}
