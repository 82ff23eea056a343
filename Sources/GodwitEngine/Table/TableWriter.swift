/// Writes one table file, front to back:
///
/// 1. `add` collects entries; a full block is sealed (compressed, checksummed) and appended to the output;
/// 2. `finish` appends filter, range tombstones, index partitions, top index, properties and footer, and syncs.
///
/// After an error the file must be removed and made anew under another name.
final class TableWriter {
    private let file: any File
    private let id: TableID
    private let options: TableOptions
    private let hashSeed: UInt64

    private let block = DataBlockBuilder()
    private let content = ByteWriter(capacity: 8192)
    private let output = ByteWriter(capacity: 300 << 10)
    private var flushed: UInt64 = 0
    private let compressor: Compressor?
    private let filter: Owned<FilterBuilder>
    private var partition = IndexBlockBuilder(firstUnit: 0, baseOffset: 0)
    /// The finished partitions: content, and separator of the last row.
    private var partitions: [(content: ByteWriter, separator: [UInt8])] = []
    private var partitionBytes = 0
    private var dataUnits = 0
    private var tombstones: [RangeTombstone] = []
    private var summary = TableSummary()
    private let lastKey = ByteWriter(capacity: 64)
    private var lastSequence: SequenceNumber = 0
    private var finished = false
    private let fresh: FreshBlocks?

    private static let flushSize = 256 << 10

    /// Begins a table in an empty file; its data blocks go to `fresh` too.
    init(
        file: any File, uniqueID: TableID, options: TableOptions, hashSeed: UInt64, keeping fresh: FreshBlocks? = nil
    ) {
        self.fresh = fresh
        self.file = file
        self.id = uniqueID
        self.options = options
        self.hashSeed = hashSeed
        compressor = options.compression == .lz4 ? Compressor() : nil
        filter = Owned(FilterBuilder(bitsPerKey: options.filterBitsPerKey))
    }

    /// How many entries were added, range tombstones not counted.
    var entryCount: UInt64 { summary.entries }

    /// About how long the file would be if it were finished now.
    var bytesWritten: UInt64 {
        flushed + UInt64(output.count + block.contentBytes + filter.value.estimatedSize + partitionBytes + partition.size)
    }

    /// Appends an entry: keys ascending, sequence numbers descending within a key.
    func add(_ entry: Entry) throws(EngineError) {
        precondition(!finished)
        guard entry.key.count <= TableFormat.maxKey, entry.value.count <= TableFormat.maxValue else {
            throw EngineError(.invalidArgument, "a key may have 16 KiB, a value 16 MiB: split the record")
        }
        if summary.entries > 0 {
            let order = lastKey.view.compare(entry.key)
            precondition(order < 0 || (order == 0 && lastSequence > entry.sequence), "entries came out of order")
        }
        if block.count > 0,
            block.size(adding: entry) + CachedBlock.overhead > options.boundedBlockSize
        {
            try cut(before: entry.key)
        }
        let hash = entry.key.hash(seed: hashSeed)
        block.add(entry, tag: UInt8(truncatingIfNeeded: hash))
        filter.value.add(hash)
        if summary.entries == 0 { widen(toInclude: entry.key) }
        summary.count(entry)
        lastKey.reset()
        lastKey.append(entry.key)
        lastSequence = entry.sequence
    }

    /// Adds a range delete, in any order.
    func add(_ tombstone: RangeTombstone) {
        precondition(!finished)
        summary.count(tombstone)
        tombstones.append(tombstone)
    }

    /// Writes what is left and syncs the file.
    func finish() throws(EngineError) -> TableSummary {
        precondition(!finished)
        finished = true
        if block.count > 0 { try cut(before: nil) }
        if partition.count > 0 { closePartition() }
        if summary.entries > 0 { widen(toInclude: lastKey.view) }
        var footer = TableFooter(id: id)
        footer.dataUnits = UInt32(dataUnits)
        footer.seedProof = TableFormat.seedProof(id, hashSeed: hashSeed)
        footer.filterOffset = position
        try writeFilter(&footer)
        footer.rangeTombstonesOffset = position
        try writeRangeTombstones()
        footer.indexOffset = position
        try writeIndex(&footer)
        footer.propertiesOffset = position
        summary.dataBytes = footer.filterOffset
        summary.filterBytes = footer.rangeTombstonesOffset - footer.filterOffset
        summary.indexBytes = footer.propertiesOffset - footer.indexOffset
        content.reset()
        TableProperties(summary: summary, hashSeed: hashSeed, keyspace: options.keyspace).encode(into: content)
        try seal(content, .properties)
        footer.encode(into: output, at: position)
        summary.size = position
        try flush()
        try file.sync()
        return summary
    }

    /// Where the next byte goes.
    private var position: UInt64 { flushed + UInt64(output.count) }

    private func widen(toInclude key: ByteView) {
        let bytes = key.array
        if summary.entries == 0, summary.rangeTombstones == 0 {
            summary.smallestKey = bytes
            summary.largestKey = bytes
        }
        if bytes.lexicographicallyPrecedes(summary.smallestKey) { summary.smallestKey = bytes }
        if summary.largestKey.lexicographicallyPrecedes(bytes) { summary.largestKey = bytes }
    }

    /// Seals the block at hand. `next` is the key that the next block begins with.
    private func cut(before next: ByteView?) throws(EngineError) {
        let last = block.lastKey
        let continues = next.map { $0.equals(last) } ?? false
        let separator = continues || next == nil ? last.array : IndexBlockBuilder.separator(last, next!)
        content.reset(keeping: 1 << 20)
        block.finish(into: content, continues: continues)
        block.reset()
        let start = position
        let limit = UInt64(UInt32.max) - UInt64(UnitKind.data.maxContent + TableFormat.unitHeader)
        if partition.count > 0, partition.size >= TableFormat.partitionSize || partition.span > limit {
            closePartition()
        }
        if partition.count == 0 { partition = IndexBlockBuilder(firstUnit: dataUnits, baseOffset: start) }
        fresh?.add(content.view)
        let length = try seal(content, .data)
        separator.withView { partition.add($0, length: length) }
        dataUnits += 1
        if output.count >= TableWriter.flushSize { try flush() }
    }

    private func closePartition() {
        let content = partition.finish()
        partitions.append((content, partition.lastSeparator))
        partitionBytes += content.count + TableFormat.unitHeader
        partition = IndexBlockBuilder(firstUnit: dataUnits, baseOffset: 0)
    }

    private func writeFilter(_ footer: inout TableFooter) throws(EngineError) {
        let (units, lines) = filter.value.finish()
        for unit in units { try seal(unit, .filter, compressing: false) }
        footer.filterUnits = UInt32(units.count)
        footer.filterLines = UInt32(lines)
    }

    private func writeRangeTombstones() throws(EngineError) {
        if tombstones.isEmpty { return }
        content.reset()
        RangeTombstones(tombstones).encode(into: content)
        guard content.count <= UnitKind.rangeTombstones.maxContent else {
            throw EngineError(.invalidArgument, "\(tombstones.count) range deletes are too many for one table")
        }
        try seal(content, .rangeTombstones)
    }

    private func writeIndex(_ footer: inout TableFooter) throws(EngineError) {
        let top = IndexBlockBuilder(firstUnit: 0, baseOffset: position)
        for (content, separator) in partitions {
            let length = try seal(content, .index)
            separator.withView { top.add($0, length: length) }
        }
        footer.partitions = UInt32(partitions.count)
        footer.topOffset = position
        if !partitions.isEmpty { try seal(top.finish(), .top) }
    }

    /// Appends a unit to the output; returns how many bytes it takes.
    @discardableResult
    private func seal(_ writer: ByteWriter, _ kind: UnitKind, compressing: Bool = true) throws(EngineError) -> Int {
        // The view borrows the writer's memory.
        defer { withExtendedLifetime(writer) {} }
        let content = writer.view
        precondition(content.count <= kind.maxContent)
        if output.count >= TableWriter.flushSize { try flush() }
        let offset = position
        let start = output.count
        output.appendZeros(TableFormat.unitHeader)
        var compression = Compression.none
        if compressing, let compressor, compressor.compress(content, into: output) {
            compression = .lz4
        } else {
            output.append(content)
        }
        let stored = output.count - start - TableFormat.unitHeader
        output.patch(UInt32(content.count) | UInt32(kind.rawValue) << 28, at: start + 8)
        output.patch(UInt32(stored) | UInt32(compression.rawValue) << 28, at: start + 12)
        let checked = output.view.slice(start + 8, stored + 8)
        output.patch(checked.longHash(seed: TableFormat.seed(id, offset)), at: start)
        return stored + TableFormat.unitHeader
    }

    private func flush() throws(EngineError) {
        try file.writeFully(output.view, at: flushed)
        flushed += UInt64(output.count)
        output.reset(keeping: 1 << 20)
    }
}
