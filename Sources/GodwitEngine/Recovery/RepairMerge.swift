/// Merges tables of one keyspace of which nobody knows how they lie above each other: by key and sequence number, newest
/// first, as a compaction of all of them would. Nothing is dropped but versions that newer ones replace, since what else
/// there is may be in the log. The output makes one level.
struct RepairMerge {
    private let directory: String
    private let environment: EngineEnvironment
    private let seed: UInt64
    private let keyspace: KeyspaceMeta
    /// The number that the next file gets.
    private(set) var nextNumber: UInt64
    /// What could not be read.
    private(set) var lost: [LostRange] = []
    /// The highest sequence number met.
    private(set) var newest: SequenceNumber = 0
    private var finished: [TableMeta] = []

    init(
        _ directory: String, _ environment: EngineEnvironment, _ seed: UInt64, _ keyspace: KeyspaceMeta,
        firstNumber: UInt64
    ) {
        self.directory = directory
        self.environment = environment
        self.seed = seed
        self.keyspace = keyspace
        nextNumber = firstNumber
    }

    /// A reader of a table, outside of any store.
    static func reader(
        _ meta: TableMeta, _ directory: String, _ fileSystem: any FileSystem, _ seed: UInt64
    ) -> TableReader {
        TableReader(
            open: FileName.table(meta.number).path(in: directory), fileSystem: fileSystem, number: meta.number,
            uniqueID: meta.id, size: meta.size, cache: BlockCache(capacity: 0), hashSeed: seed,
            visibleThrough: meta.visibleThrough, globalSequence: meta.globalSequence)
    }

    /// Merges; returns the new tables, which are synced but for their names.
    mutating func run(_ tables: [TableMeta]) throws(EngineError) -> [TableMeta] {
        // Where sequence numbers tie (compaction sets those to 0 that nobody can tell apart), the newer file counts.
        let ordered = tables.sorted { $0.number > $1.number }
        let sources = ordered.map { table in
            TableSalvage(Self.reader(table, directory, environment.fileSystem, seed), asSeen: true)
        }
        var tombstones: [RangeTombstone] = []
        for (table, source) in zip(ordered, sources) {
            newest = max(newest, table.newestSequence)
            tombstones += source.rangeTombstones ?? []
            if source.rangeTombstones == nil, table.rangeTombstones > 0 { lose(nil, nil, table) }
        }
        let deletes = RangeTombstones(tombstones)
        var collapser = EntryCollapser(protecting: [], tombstones: deletes, expiredBefore: 0)
        let merge = MergingIterator(sources)
        try merge.seekToFirst()
        var output = output()
        var start: [UInt8]?
        while let entry = merge.current {
            if output.isOpen, output.bytes >= UInt64(EngineOptions().tableSize), collapser.isNewKey(entry.key) {
                let key = entry.key.array
                try close(&output, deletes, from: start, to: key)
                start = key
                output = self.output()
            }
            if let kept = collapser.collapse(entry, hasOlder: { true }) { try output.add(kept) }
            try merge.next()
        }
        try close(&output, deletes, from: start, to: nil)
        for (table, source) in zip(ordered, sources) {
            for gap in source.lost { lose(gap.from, gap.through, table) }
        }
        return finished
    }

    private mutating func output() -> RepairOutput {
        defer { nextNumber += 1 }
        return RepairOutput(directory, environment, seed, keyspace, number: nextNumber)
    }

    private mutating func lose(_ from: [UInt8]?, _ through: [UInt8]?, _ table: TableMeta) {
        lost.append(
            LostRange(
                keyspace: keyspace.name, from: from ?? table.smallestKey, through: through ?? table.largestKey,
                file: FileName.table(table.number).path(in: directory)))
    }

    /// Completes a table with its part of the range deletes.
    private mutating func close(
        _ output: inout RepairOutput, _ deletes: RangeTombstones, from start: [UInt8]?, to end: [UInt8]?
    ) throws(EngineError) {
        for item in deletes.items {
            let first = start.map { $0.compareBytes(item.start) > 0 ? $0 : item.start } ?? item.start
            let last = end.map { $0.compareBytes(item.end) < 0 ? $0 : item.end } ?? item.end
            guard first.compareBytes(last) < 0 else { continue }
            try output.add(RangeTombstone(start: first, end: last, sequence: item.sequence))
        }
        if let table = try output.finish() { finished.append(table) }
    }
}

/// One table that a repair makes; the file is made with the first entry.
struct RepairOutput {
    private let directory: String
    private let environment: EngineEnvironment
    private let seed: UInt64
    private let keyspace: KeyspaceMeta
    private let number: UInt64
    private let id: TableID
    private var writer: TableWriter?

    init(
        _ directory: String, _ environment: EngineEnvironment, _ seed: UInt64, _ keyspace: KeyspaceMeta, number: UInt64
    ) {
        self.directory = directory
        self.environment = environment
        self.seed = seed
        self.keyspace = keyspace
        self.number = number
        id = TableID(high: environment.random.next(), low: environment.random.next())
    }

    /// Whether anything was added.
    var isOpen: Bool { writer != nil }

    /// About how long the file would be if it were finished now.
    var bytes: UInt64 { writer?.bytesWritten ?? 0 }

    mutating func add(_ entry: Entry) throws(EngineError) { try open().add(entry) }

    mutating func add(_ tombstone: RangeTombstone) throws(EngineError) { try open().add(tombstone) }

    /// Completes and syncs the table; nil when nothing was added.
    func finish() throws(EngineError) -> TableMeta? {
        guard let writer else { return nil }
        let summary = try writer.finish()
        return TableMeta(
            number: number, id: id, size: summary.size, smallestKey: summary.smallestKey,
            largestKey: summary.largestKey, minSequence: summary.minSequence, maxSequence: summary.maxSequence,
            entries: summary.entries, tombstones: summary.tombstones, rangeTombstones: summary.rangeTombstones,
            expiring: summary.expiring, minDeadline: summary.minDeadline, maxDeadline: summary.maxDeadline,
            rawBytes: summary.rawBytes, createdAt: environment.clock.wallMilliseconds())
    }

    private mutating func open() throws(EngineError) -> TableWriter {
        if let writer { return writer }
        let settings = keyspace.settings
        let options = TableOptions(
            blockSize: Int(settings.blockSize), compression: settings.compression,
            filterBitsPerKey: Int(settings.filterBitsPerKey), keyspace: keyspace.id)
        let file = try environment.fileSystem.open(FileName.table(number).path(in: directory), .create)
        let made = TableWriter(file: file, uniqueID: id, options: options, hashSeed: seed)
        writer = made
        return made
    }
}
