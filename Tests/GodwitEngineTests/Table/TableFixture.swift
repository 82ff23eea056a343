import GodwitSimulation
import Testing

@testable import GodwitEngine

/// One version of one key, owned: what tests put in and compare.
struct TestEntry: Equatable, CustomStringConvertible {
    var key: [UInt8]
    var sequence: SequenceNumber
    var value: [UInt8] = []
    var kind = EntryKind.put
    var deadline: UInt64 = 0

    init(
        _ key: [UInt8], _ sequence: SequenceNumber, _ value: [UInt8] = [], kind: EntryKind = .put,
        deadline: UInt64 = 0
    ) {
        self.key = key
        self.sequence = sequence
        self.value = value
        self.kind = kind
        self.deadline = deadline
    }

    init(_ entry: Entry) {
        self.init(
            entry.key.array, entry.sequence, entry.value.array, kind: entry.kind, deadline: entry.deadline)
    }

    var description: String { "\(key)@\(sequence) \(kind) \(value.count) B until \(deadline)" }

    func lend<R, E: Error>(_ body: (Entry) throws(E) -> R) throws(E) -> R {
        try key.withView { (key) throws(E) in
            try value.withView { (value) throws(E) in
                try body(Entry(key: key, sequence: sequence, kind: kind, deadline: deadline, value: value))
            }
        }
    }

    /// Key ascending, newest first.
    static func precedes(_ left: TestEntry, _ right: TestEntry) -> Bool {
        if left.key == right.key { return left.sequence > right.sequence }
        return left.key.lexicographicallyPrecedes(right.key)
    }
}

/// Writes tables to a simulated disk and reads them back.
struct TableFixture {
    static let seed: UInt64 = 0x5EED
    static let path = "/store/000007.sst"
    var files = SimulatedFileSystem(seed: 1)
    var id = TableID(high: 0x0123_4567_89AB_CDEF, low: 0xFEDC_BA98_7654_3210)

    init() throws { try files.createDirectory("/store") }

    /// Writes `entries`, which must be in order.
    @discardableResult
    func write(
        _ entries: [TestEntry], tombstones: [RangeTombstone] = [], options: TableOptions = TableOptions(),
        path: String = path
    ) throws -> TableSummary {
        let writer = TableWriter(
            file: try files.open(path, .create), uniqueID: id, options: options, hashSeed: Self.seed)
        for entry in entries { try entry.lend { (lent) throws(EngineError) in try writer.add(lent) } }
        for tombstone in tombstones { writer.add(tombstone) }
        return try writer.finish()
    }

    func reader(
        cache: BlockCache = BlockCache(capacity: 8 << 20), path: String = path, visibleThrough: SequenceNumber = .max,
        globalSequence: SequenceNumber = 0, id: TableID? = nil, hashSeed: UInt64 = seed, size: UInt64? = nil
    ) throws -> TableReader {
        let actual = try files.open(path, .read).size()
        return TableReader(
            open: path, fileSystem: files, number: 7, uniqueID: id ?? self.id, size: size ?? actual, cache: cache,
            hashSeed: hashSeed, visibleThrough: visibleThrough, globalSequence: globalSequence)
    }
}

extension TableReader {
    /// `find` with all that it asks for, its result copied.
    func get(
        _ key: [UInt8], at snapshot: SequenceNumber = .max, residentOnly: Bool = false
    ) throws(EngineError) -> TestEntry? {
        try EpochDomain.read { () throws(EngineError) -> TestEntry? in
            try key.withView { (view) throws(EngineError) -> TestEntry? in
                var lent = LentBlock()
                let lookup = try find(
                    view, hash: view.hash(seed: hashSeed), at: snapshot, residentOnly: residentOnly, lent: &lent)
                switch lookup {
                case .absent: return nil
                case .found(let entry): return TestEntry(entry)
                case .needsIO: throw EngineError(.unavailable, "needs I/O")
                }
            }
        }
    }

    /// Everything an iterator yields, forward.
    func all(fillCache: Bool = true) throws -> [TestEntry] {
        let iterator = iterator(fillCache: fillCache)
        try iterator.seekToFirst()
        var result: [TestEntry] = []
        while let entry = iterator.current {
            result.append(TestEntry(entry))
            try iterator.next()
        }
        return result
    }

    /// All that `verify` reports.
    func damages() throws -> [TableDamage] {
        var found: [TableDamage] = []
        try verify { found.append($0) }
        return found
    }
}

/// The model: what a table of `entries` answers.
func expected(_ entries: [TestEntry], _ key: [UInt8], at snapshot: SequenceNumber) -> TestEntry? {
    entries.first { $0.key == key && $0.sequence <= snapshot }
}
