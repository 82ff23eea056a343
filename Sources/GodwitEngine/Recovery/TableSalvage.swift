/// Walks the entries of a table that may be damaged: reads every data block that verifies, in order, and notes which
/// keys lie in between. Blocks are found by the index where that can be read, else by following their own headers, and
/// after a header that lies by looking for the next bytes that verify: a block's checksum is keyed by table and place,
/// so nothing else passes for one.
///
/// Yields entries with the sequence numbers that stand in the file. Moves forward only.
final class TableSalvage: EntryIterator {
    private let reader: TableReader
    /// The sequence number that all entries are to have; 0 where each has its own.
    private let globalSequence: SequenceNumber
    private let limit: SequenceNumber
    /// Where blocks are by the index: offset to length.
    private var known: [UInt64: Int] = [:]
    /// The same offsets, ascending.
    private var starts: [UInt64] = []
    /// Where the data ends at the latest.
    private var end: UInt64 = 0
    /// Whether `end` is where the data ends, and not only where the file does.
    private var isEndKnown = false
    private var offset: UInt64 = 0
    private var block: CachedBlock?
    private var index = -1
    private var key = ByteWriter()
    private var lastKey: [UInt8]?
    private var lastSequence: SequenceNumber = 0
    private var isInGap = false

    private(set) var current: Entry?
    /// The keys between which blocks are lost: nil for the table's first and last.
    private(set) var lost: [(from: [UInt8]?, through: [UInt8]?)] = []
    /// Bytes of blocks that could not be read.
    private(set) var lostBytes: UInt64 = 0
    /// How many entries were read.
    private(set) var entries: UInt64 = 0
    /// How many entries were left out since they stood in the wrong order.
    private(set) var disordered: UInt64 = 0
    /// The range deletes; nil when they cannot be read.
    private(set) var rangeTombstones: [RangeTombstone]? = []

    /// Prepares to read; `asSeen` gives entries the sequence numbers that readers see, and leaves out what they do not.
    init(_ reader: TableReader, asSeen: Bool = false) {
        self.reader = reader
        globalSequence = asSeen ? reader.globalSequence : 0
        limit = asSeen ? reader.visibleThrough : .max
        end = (try? reader.file().size()) ?? 0
        loadIndex()
    }

    deinit { block?.deallocate() }

    /// Reads what of footer, index and range deletes can be read.
    private func loadIndex() {
        guard let footer = try? reader.readFooter() else {
            rangeTombstones = nil
            return
        }
        end = footer.filterOffset
        isEndKnown = true
        let length = Int(footer.indexOffset - footer.rangeTombstonesOffset)
        if length > 0 { loadRangeTombstones(UnitHandle(offset: footer.rangeTombstonesOffset, length: length)) }
        let topHandle = UnitHandle(
            offset: footer.topOffset, length: Int(footer.propertiesOffset - footer.topOffset))
        guard footer.partitions > 0, let top = try? reader.readOwned(.top, topHandle) else { return }
        defer { top.deallocate() }
        guard (try? TableReader.checkTop(top.view, footer)) != nil else { return }
        let partitions = IndexBlock(top.content)
        for row in 0..<partitions.count {
            guard let partition = try? reader.readOwned(.index, partitions.handle(row)) else { continue }
            defer { partition.deallocate() }
            let units = Int(footer.dataUnits)
            guard (try? IndexBlock.validate(partition.view, units: units, end: footer.filterOffset)) != nil else {
                continue
            }
            let rows = IndexBlock(partition.content)
            for row in 0..<rows.count { known[rows.handle(row).offset] = rows.handle(row).length }
        }
        starts = known.keys.sorted()
    }

    private func loadRangeTombstones(_ handle: UnitHandle) {
        rangeTombstones = nil
        guard let block = try? reader.readOwned(.rangeTombstones, handle) else { return }
        defer { block.deallocate() }
        guard let set = try? RangeTombstones.decode(block.view) else { return }
        rangeTombstones = set.items.compactMap { item in
            let sequence = globalSequence != 0 ? globalSequence : item.sequence
            return sequence <= limit ? RangeTombstone(start: item.start, end: item.end, sequence: sequence) : nil
        }
    }

    // MARK: Moving

    func seekToFirst() throws(EngineError) {
        precondition(index == -1 && offset == 0, "a salvage is walked once")
        try advance()
    }

    func next() throws(EngineError) { try advance() }

    func seekToLast() throws(EngineError) { preconditionFailure("a salvage moves forward only") }
    func seek(_ key: ByteView) throws(EngineError) { preconditionFailure("a salvage moves forward only") }
    func seekBefore(_ key: ByteView) throws(EngineError) { preconditionFailure("a salvage moves forward only") }
    func previous() throws(EngineError) { preconditionFailure("a salvage moves forward only") }

    /// Reads to the end.
    func drain() throws(EngineError) {
        try seekToFirst()
        while current != nil { try next() }
    }

    private func advance() throws(EngineError) {
        current = nil
        while true {
            guard let block else {
                guard try nextBlock() else { return finish() }
                continue
            }
            let data = DataBlock(block.content)
            index += 1
            guard index < data.count else {
                block.deallocate()
                self.block = nil
                continue
            }
            key.reset()
            key.append(data.prefix)
            key.append(data.suffix(index))
            let stored = data.entry(index, key: key.view)
            let sequence = globalSequence != 0 ? globalSequence : stored.sequence
            if sequence > limit { continue }
            if let lastKey {
                let order = lastKey.compareBytes(key.view)
                if order > 0 || (order == 0 && lastSequence <= sequence) {
                    disordered += 1
                    continue
                }
            }
            let found = key.array
            if isInGap { lost.append((lastKey, found)) }
            isInGap = false
            lastKey = found
            lastSequence = sequence
            entries += 1
            current = Entry(
                key: key.view, sequence: sequence, kind: stored.kind, deadline: stored.deadline, value: stored.value)
            return
        }
    }

    private func finish() {
        if isInGap { lost.append((lastKey, nil)) }
        isInGap = false
    }

    // MARK: Blocks

    /// Brings the next block that verifies into memory; false at the end of the data.
    private func nextBlock() throws(EngineError) -> Bool {
        while offset < end {
            if let found = try read(at: offset) {
                take(found.block, found.length)
                return true
            }
            if !isEndKnown, isEndOfData(offset) {
                isEndKnown = true
                return false
            }
            let next: UInt64
            if let length = known[offset] {
                next = offset + UInt64(length)
            } else {
                let bound = starts.first { $0 > offset } ?? end
                next = try search(from: offset + 1, to: bound)
            }
            isInGap = true
            lostBytes += next - offset
            offset = next
        }
        // A file that was cut may have held more.
        if !isEndKnown { isInGap = true }
        return false
    }

    private func take(_ block: CachedBlock, _ length: Int) {
        self.block = block
        index = -1
        offset += UInt64(length)
    }

    /// The block at a place, if one verifies there. Damage is nil; a disk that refuses is an error.
    private func read(at place: UInt64) throws(EngineError) -> (block: CachedBlock, length: Int)? {
        guard let length = known[place] ?? length(at: place, .data) else { return nil }
        do throws(EngineError) {
            return (try reader.readOwned(.data, UnitHandle(offset: place, length: length)), length)
        } catch {
            if error.code == .corruption || error.code == .unsupportedFormat { return nil }
            // A sector that the disk cannot give back is lost like one that it gives back wrong.
            if error.code == .io, error.errno == 5 { return nil }
            throw error
        }
    }

    /// How long the unit at a place is by its own header; nil when none of this kind can stand there.
    private func length(at place: UInt64, _ kind: UnitKind) -> Int? {
        guard place + UInt64(TableFormat.unitHeader) <= end else { return nil }
        guard let bytes = try? reader.file().read(TableFormat.unitHeader, at: place) else { return nil }
        return bytes.withView { Self.plausibleLength($0, 0, kind, room: end - place) }
    }

    /// Whether, in a table without a footer, something other than data begins here.
    private func isEndOfData(_ place: UInt64) -> Bool {
        for kind in [UnitKind.filter, .rangeTombstones, .index, .properties] {
            guard let length = length(at: place, kind) else { continue }
            if let unit = try? reader.readOwned(kind, UnitHandle(offset: place, length: length)) {
                unit.deallocate()
                return true
            }
        }
        return false
    }

    /// The first place from `start` on, below `bound`, at which a block verifies; `bound` when there is none.
    private func search(from start: UInt64, to bound: UInt64) throws(EngineError) -> UInt64 {
        let header = TableFormat.unitHeader
        var place = start
        while place + UInt64(header) <= bound {
            let count = Int(min(64 << 10, bound - place))
            guard let window = try? reader.file().read(count, at: place) else { return bound }
            for position in 0...(count - header) {
                let candidate = window.withView {
                    Self.plausibleLength($0, position, .data, room: bound - place - UInt64(position))
                }
                guard candidate != nil else { continue }
                if let found = try read(at: place + UInt64(position)) {
                    found.block.deallocate()
                    return place + UInt64(position)
                }
            }
            place += UInt64(count - header + 1)
        }
        return bound
    }

    /// The length that a unit's header states, where a unit of this kind could state it.
    private static func plausibleLength(_ bytes: ByteView, _ at: Int, _ kind: UnitKind, room: UInt64) -> Int? {
        let lengths = bytes.load(at + 8, as: UInt64.self)
        let raw = Int(lengths & 0x0FFF_FFFF)
        let stored = Int((lengths >> 32) & 0x0FFF_FFFF)
        guard UInt8((lengths >> 28) & 15) == kind.rawValue, raw > 0, raw <= kind.maxContent, stored > 0,
            UInt64(stored + TableFormat.unitHeader) <= room,
            let compression = Compression(rawValue: UInt8(lengths >> 60)),
            compression == .none ? raw == stored : stored < raw && raw <= stored * 255 + 64
        else { return nil }
        return stored + TableFormat.unitHeader
    }
}

/// What a table says of itself, read without a manifest.
struct TableIdentity {
    let footer: TableFooter
    let properties: TableProperties
    let size: UInt64

    /// Reads footer and properties of a table file.
    init(_ path: String, _ fileSystem: any FileSystem) throws(EngineError) {
        let file = try fileSystem.open(path, .read)
        size = try file.size()
        let length = UInt64(TableFormat.footer)
        guard size >= length else {
            throw EngineError(.corruption, "the file is too short for a table", file: path, offset: size)
        }
        let bytes = try file.read(TableFormat.footer, at: size - length)
        let place = size - length
        footer = try bytes.withView { (view) throws(EngineError) in
            do throws(FormatProblem) {
                return try TableFooter(decoding: view, at: place)
            } catch {
                throw error.error("the footer", file: path, offset: place)
            }
        }
        let reader = TableReader(
            open: path, fileSystem: fileSystem, number: 0, uniqueID: footer.id, size: size,
            cache: BlockCache(capacity: 0), hashSeed: 0)
        let handle = UnitHandle(
            offset: footer.propertiesOffset, length: Int(place - footer.propertiesOffset))
        let block = try reader.readOwned(.properties, handle)
        defer { block.deallocate() }
        do throws(FormatProblem) {
            properties = try TableProperties(decoding: block.view)
        } catch {
            throw error.error(UnitKind.properties.name, file: path, offset: handle.offset)
        }
    }
}
