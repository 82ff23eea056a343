// The table file, format 1. `docs/formats/table.md` has the byte tables; this file has the constants, the unit and the
// footer. The layouts of units' contents stand at `DataBlock`, `FilterUnit`, `IndexBlock` and `TableProperties`.
//
// Validity: a unit counts when its checksum, keyed by table id and file offset, holds, its kind is the one expected
// there, and its lengths are within bounds. The footer counts when its checksum holds and its id is the expected one.

/// What a unit holds. The raw values are stored.
enum UnitKind: UInt8, Sendable {
    case data = 1
    case filter = 2
    case index = 3
    case top = 4
    case rangeTombstones = 5
    case properties = 6

    /// The longest content that is read: checked before memory is taken.
    var maxContent: Int {
        switch self {
        case .data, .index, .top: 32 << 20
        case .filter, .properties: 64 << 10
        case .rangeTombstones: (256 << 20) - 1
        }
    }

    /// For messages.
    var name: String {
        switch self {
        case .data: "data block"
        case .filter: "filter"
        case .index: "index"
        case .top: "top index"
        case .rangeTombstones: "range tombstones"
        case .properties: "properties"
        }
    }
}

/// Where a unit lies in its file.
struct UnitHandle: Equatable {
    let offset: UInt64
    /// Stored bytes, header included.
    let length: Int
}

enum TableFormat {
    /// Bytes of a unit before its content.
    static let unitHeader = 16
    /// Bytes of the footer.
    static let footer = 128
    static let version: UInt32 = 1
    /// "GODWITTB"
    static let magic: UInt64 = 0x4254_5449_5744_4F47
    /// Lines of a filter unit at most: header and lines then fit a 64 KiB span of the cache.
    static let maxFilterLines = 1022
    /// Bytes of a filter unit's content before its lines.
    static let filterHeader = 32
    /// An index partition is cut at this size.
    static let partitionSize = 16 << 10
    static let maxKey = 16 << 10
    static let maxValue = 16 << 20

    /// The finalizer of SplitMix64: every input bit changes half of the output bits.
    @inline(__always)
    static func mix(_ input: UInt64) -> UInt64 {
        var x = input
        x = (x ^ (x >> 30)) &* 0xBF58_476D_1CE4_E5B9
        x = (x ^ (x >> 27)) &* 0x94D0_49BB_1331_11EB
        return x ^ (x >> 31)
    }

    /// What the checksum of the unit (or footer) at `offset` is seeded with.
    static func seed(_ id: TableID, _ offset: UInt64) -> UInt64 { mix(id.high ^ mix(id.low &+ offset)) }

    /// Recognises the hash seed that tags and filters were made with.
    static func seedProof(_ id: TableID, hashSeed: UInt64) -> UInt64 {
        let bytes = ByteWriter(capacity: 16)
        bytes.append(id.high)
        bytes.append(id.low)
        return withExtendedLifetime(bytes) { bytes.view.hash(seed: hashSeed) }
    }
}

/// The 16 bytes before a unit's content, once they have been checked.
struct UnitHeader {
    let rawLength: Int
    let storedLength: Int
    let compression: Compression

    /// Checks a stored unit: lengths, kind, compression and checksum. `unit` is all its bytes. Throws the reason alone;
    /// the caller adds file and offset.
    init(checking unit: ByteView, kind: UnitKind, id: TableID, offset: UInt64) throws(FormatProblem) {
        guard unit.count >= TableFormat.unitHeader else { throw .damaged("is cut short") }
        let seed = TableFormat.seed(id, offset)
        guard unit.dropFirst(8).longHash(seed: seed) == unit.load(0, as: UInt64.self) else {
            throw .damaged("fails its checksum")
        }
        let lengths = unit.load(8, as: UInt64.self)
        rawLength = Int(lengths & 0x0FFF_FFFF)
        storedLength = Int((lengths >> 32) & 0x0FFF_FFFF)
        guard storedLength == unit.count - TableFormat.unitHeader else { throw .damaged("has another length") }
        guard UInt8((lengths >> 28) & 15) == kind.rawValue else { throw .damaged("is of another kind") }
        guard let compression = Compression(rawValue: UInt8(lengths >> 60)) else {
            throw .unsupported("is compressed in a way that this version does not know")
        }
        self.compression = compression
        guard rawLength <= kind.maxContent else { throw .damaged("says it is \(rawLength) bytes long") }
        switch compression {
        case .none: guard rawLength == storedLength else { throw .damaged("has two lengths") }
        case .lz4:
            guard rawLength <= storedLength * 255 + 64 else {
                throw .damaged("says that \(storedLength) bytes hold \(rawLength)")
            }
        }
    }
}

/// Why stored bytes are not what they should be, before file and offset are known.
enum FormatProblem: Error {
    /// The bytes are not what was written.
    case damaged(String)
    /// The bytes may be fine, but a newer version made them.
    case unsupported(String)

    /// The error for callers.
    func error(_ subject: String, file: String, offset: UInt64) -> EngineError {
        switch self {
        case .damaged(let what):
            EngineError(
                .corruption, "\(subject) \(what): run verify, then repair or restore this table", file: file,
                offset: offset)
        case .unsupported(let what):
            EngineError(
                .unsupportedFormat, "\(subject) \(what): open the store with the newer Godwit that wrote it",
                file: file, offset: offset)
        }
    }
}

/// The last 128 bytes of a table file.
struct TableFooter: Equatable {
    var id: TableID
    /// Where each part begins; each ends where the next begins, data begins at 0.
    var filterOffset: UInt64 = 0
    var rangeTombstonesOffset: UInt64 = 0
    var indexOffset: UInt64 = 0
    var topOffset: UInt64 = 0
    var propertiesOffset: UInt64 = 0
    var seedProof: UInt64 = 0
    var dataUnits: UInt32 = 0
    var partitions: UInt32 = 0
    var filterUnits: UInt32 = 0
    var filterLines: UInt32 = 0

    init(id: TableID) { self.id = id }

    /// Appends the 128 bytes.
    func encode(into out: ByteWriter, at offset: UInt64) {
        let start = out.count
        out.append(TableFormat.magic)
        out.append(TableFormat.version)
        out.append(UInt32(0))
        for word in [
            id.high, id.low, filterOffset, rangeTombstonesOffset, indexOffset, topOffset, propertiesOffset, seedProof,
        ] { out.append(word) }
        for word in [dataUnits, partitions, filterUnits, filterLines] { out.append(word) }
        out.appendZeros(24)
        out.append(out.view.slice(start, 120).longHash(seed: TableFormat.seed(id, offset)))
    }

    /// Reads the footer of a file of `offset` + 128 bytes, without a view on which id is the right one.
    init(decoding bytes: ByteView, at offset: UInt64) throws(FormatProblem) {
        guard bytes.count == TableFormat.footer, bytes.load(0, as: UInt64.self) == TableFormat.magic else {
            throw .damaged("does not end a table")
        }
        id = TableID(high: bytes.load(16), low: bytes.load(24))
        guard bytes.slice(0, 120).longHash(seed: TableFormat.seed(id, offset)) == bytes.load(120, as: UInt64.self)
        else { throw .damaged("fails its checksum") }
        let version = bytes.load(8, as: UInt32.self)
        guard version == TableFormat.version, bytes.load(12, as: UInt32.self) == 0 else {
            throw .unsupported("is of format \(version)")
        }
        filterOffset = bytes.load(32)
        rangeTombstonesOffset = bytes.load(40)
        indexOffset = bytes.load(48)
        topOffset = bytes.load(56)
        propertiesOffset = bytes.load(64)
        seedProof = bytes.load(72)
        dataUnits = bytes.load(80)
        partitions = bytes.load(84)
        filterUnits = bytes.load(88)
        filterLines = bytes.load(92)
        let filterUnit = UInt64(TableFormat.unitHeader + TableFormat.filterHeader) + 64 * UInt64(filterLines)
        guard filterOffset <= rangeTombstonesOffset, rangeTombstonesOffset <= indexOffset, indexOffset <= topOffset,
            topOffset <= propertiesOffset, propertiesOffset <= offset,
            filterLines <= UInt32(TableFormat.maxFilterLines), filterUnits == 0 || filterLines > 0,
            rangeTombstonesOffset - filterOffset == UInt64(filterUnits) * filterUnit,
            UInt64(dataUnits) * UInt64(TableFormat.unitHeader) <= filterOffset,
            partitions <= dataUnits, (partitions == 0) == (dataUnits == 0)
        else { throw .damaged("contradicts itself") }
    }
}
