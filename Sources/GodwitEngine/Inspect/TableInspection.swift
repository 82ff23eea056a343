/// A table file, described: footer, properties, and every unit.
public struct TableInspection: Sendable, Encodable {
    /// What the footer says.
    public struct Footer: Sendable, Hashable, Encodable {
        /// The table's name for all time.
        public let id: String
        /// Where the data ends and the filter begins.
        public let filterOffset: UInt64
        /// Where the range deletes begin.
        public let rangeTombstonesOffset: UInt64
        /// Where the index begins.
        public let indexOffset: UInt64
        /// Where the top index begins.
        public let topOffset: UInt64
        /// Where the properties begin.
        public let propertiesOffset: UInt64
        /// How many data blocks there are.
        public let dataBlocks: UInt32
        /// How many index partitions there are.
        public let indexPartitions: UInt32
        /// How many filter units there are.
        public let filterUnits: UInt32
    }

    /// What the table says of its content.
    public struct Properties: Sendable, Hashable, Encodable {
        /// The keyspace's id.
        public let keyspace: UInt32
        /// Entries, deletes and old versions among them.
        public let entries: UInt64
        /// Deletes among the entries.
        public let tombstones: UInt64
        /// Range deletes.
        public let rangeTombstones: UInt64
        /// Entries with a deadline.
        public let expiring: UInt64
        /// The lowest sequence number.
        public let minSequence: UInt64
        /// The highest sequence number.
        public let maxSequence: UInt64
        /// Bytes of keys and values before compression.
        public let rawBytes: UInt64
        /// The first key, for people.
        public let smallestKey: String
        /// The last key, for people.
        public let largestKey: String
    }

    /// One unit of the file.
    public struct Unit: Sendable, Hashable, Encodable {
        /// Where it begins.
        public let offset: UInt64
        /// How many bytes it takes, header included.
        public let length: Int
        /// `data block`, `filter`, `index`, `top index`, `range tombstones`, `properties`.
        public let kind: String
        /// How many bytes its content has.
        public let contentLength: Int
        /// Whether it is compressed.
        public let isCompressed: Bool
        /// The entries of a data block, the rows of an index; nil for the others.
        public let entries: Int?
        /// The first key of a data block, for people.
        public let firstKey: String?
        /// The last key of a data block, the last separator of an index, for people.
        public let lastKey: String?
    }

    /// The file.
    public let file: String
    /// Its size in bytes.
    public internal(set) var size: UInt64 = 0
    /// The footer; nil when it is damaged.
    public internal(set) var footer: Footer?
    /// The properties; nil when they are damaged.
    public internal(set) var properties: Properties?
    /// The units in the order of the file, as many as were asked for.
    public internal(set) var units: [Unit] = []
    /// How many units there are in all.
    public internal(set) var unitCount = 0
    /// What is wrong.
    public internal(set) var problems: [Inspector.Problem] = []
}

extension Inspector {
    /// Describes a table, `000007.sst`, and checks all of it.
    ///
    /// - Parameters:
    ///   - path: The file.
    ///   - limit: The most units that are listed; all are counted.
    ///   - environment: Where files are.
    /// - Throws: `.notFound`, `.io`.
    public static func table(
        _ path: String, limit: Int = 1000, environment: EngineEnvironment = .system
    ) throws(EngineError) -> TableInspection {
        let fileSystem = environment.fileSystem
        var walk = TableWalk(path, try fileSystem.open(path, .read).size(), limit)
        walk.run(fileSystem, Surroundings(of: path, fileSystem))
        return walk.result
    }
}

/// One walk over a table file.
private struct TableWalk {
    private let limit: Int
    private(set) var result: TableInspection

    init(_ path: String, _ size: UInt64, _ limit: Int) {
        self.limit = limit
        result = TableInspection(file: path)
        result.size = size
    }

    mutating func run(_ fileSystem: any FileSystem, _ surroundings: Inspector.Surroundings) {
        let path = result.file
        var id: TableID?
        var seed = surroundings.seed
        do throws(EngineError) {
            let identity = try TableIdentity(path, fileSystem)
            id = identity.footer.id
            seed = identity.properties.hashSeed
            describe(identity.properties)
        } catch {
            note(error.offset ?? 0, error.message)
        }
        if id == nil, case .table(let number)? = FileName(Inspector.name(of: path)) {
            id = surroundings.salvage?.tables[number]?.meta.id
        }
        guard let id else { return note(0, "without the table's id no unit can be read") }
        let reader = TableReader(
            open: path, fileSystem: fileSystem, number: 0, uniqueID: id, size: result.size,
            cache: BlockCache(capacity: 0), hashSeed: seed ?? 0)
        if let footer = try? reader.readFooter() { describe(footer) }
        list(reader)
        try? reader.verify { damage in note(damage.offset, "\(damage.part): \(damage.problem)") }
    }

    private mutating func describe(_ properties: TableProperties) {
        let summary = properties.summary
        result.properties = .init(
            keyspace: properties.keyspace, entries: summary.entries, tombstones: summary.tombstones,
            rangeTombstones: summary.rangeTombstones, expiring: summary.expiring, minSequence: summary.minSequence,
            maxSequence: summary.maxSequence, rawBytes: summary.rawBytes,
            smallestKey: KeyText.show(summary.smallestKey), largestKey: KeyText.show(summary.largestKey))
    }

    private mutating func describe(_ footer: TableFooter) {
        result.footer = .init(
            id: Inspector.hex(footer.id.high) + Inspector.hex(footer.id.low), filterOffset: footer.filterOffset,
            rangeTombstonesOffset: footer.rangeTombstonesOffset, indexOffset: footer.indexOffset,
            topOffset: footer.topOffset, propertiesOffset: footer.propertiesOffset, dataBlocks: footer.dataUnits,
            indexPartitions: footer.partitions, filterUnits: footer.filterUnits)
    }

    /// Goes from unit to unit by their headers, and over damage to the next part that the footer knows.
    private mutating func list(_ reader: TableReader) {
        let end = result.size - min(result.size, UInt64(TableFormat.footer))
        let parts =
            result.footer.map {
                [$0.filterOffset, $0.rangeTombstonesOffset, $0.indexOffset, $0.topOffset, $0.propertiesOffset, end]
            } ?? [end]
        var offset: UInt64 = 0
        while offset + UInt64(TableFormat.unitHeader) <= end {
            guard let head = try? reader.file().read(TableFormat.unitHeader, at: offset) else { return }
            let lengths = head.withView { $0.load(8, as: UInt64.self) }
            let stored = Int((lengths >> 32) & 0x0FFF_FFFF)
            let handle = UnitHandle(offset: offset, length: stored + TableFormat.unitHeader)
            guard let kind = UnitKind(rawValue: UInt8((lengths >> 28) & 15)), UInt64(handle.length) <= end - offset,
                let block = try? reader.readOwned(kind, handle)
            else {
                note(offset, "no unit verifies here")
                guard let next = parts.first(where: { $0 > offset }) else { return }
                offset = next
                continue
            }
            defer { block.deallocate() }
            add(kind, handle, block, isCompressed: lengths >> 60 != 0)
            offset += UInt64(handle.length)
        }
    }

    private mutating func add(_ kind: UnitKind, _ handle: UnitHandle, _ block: CachedBlock, isCompressed: Bool) {
        result.unitCount += 1
        guard result.units.count < limit else { return }
        var entries: Int?
        var (first, last): (String?, String?) = (nil, nil)
        switch kind {
        case .data:
            let data = DataBlock(block.content)
            entries = data.count
            first = KeyText.show(data.prefix.array + data.suffix(0).array)
            last = KeyText.show(data.prefix.array + data.suffix(data.count - 1).array)
        case .index, .top:
            // Their content points elsewhere, and is only trusted once it was checked against the footer.
            guard (try? IndexBlock.validate(block.view, units: .max, end: .max)) != nil else { break }
            let rows = IndexBlock(block.content)
            entries = rows.count
            last = KeyText.show(rows.separator(rows.count - 1))
        case .filter, .rangeTombstones, .properties: break
        }
        result.units.append(
            .init(
                offset: handle.offset, length: handle.length, kind: kind.name, contentLength: block.length,
                isCompressed: isCompressed, entries: entries, firstKey: first, lastKey: last))
    }

    private mutating func note(_ offset: UInt64, _ message: String) {
        let problem = Inspector.Problem(offset: offset, message: message)
        if result.problems.count < 1000, !result.problems.contains(problem) { result.problems.append(problem) }
    }
}
