/// What a keyspace consists of at one moment: memtables, newest first, then levels. Immutable but for the active
/// memtable, which grows. Readers use one under an epoch, or hold it by reference for a scan.
@safe
final class TreeView: @unchecked Sendable {
    /// The memtable that is written, then those that wait to be flushed, newest first.
    let memtables: [Memtable]
    /// The levels, L0 first.
    let levels: [LevelView]
    /// The same for the read path, which takes no reference count.
    private let memtableRefs: UnsafeMutablePointer<Unmanaged<Memtable>>
    private let levelRefs: UnsafeMutablePointer<Unmanaged<LevelView>>
    let memtableCount: Int
    /// How many levels hold tables: those that `withLevel` counts.
    let levelCount: Int
    /// Whether the first of them is L0, whose tables overlap.
    let hasL0: Bool

    init(memtables: [Memtable], levels: [LevelView]) {
        precondition(!memtables.isEmpty && levels.count == Version.levelCount)
        self.memtables = memtables
        self.levels = levels
        memtableCount = memtables.count
        hasL0 = levels[0].count > 0
        let filled = levels.filter { $0.count > 0 }
        levelCount = filled.count
        unsafe memtableRefs = .allocate(capacity: memtables.count)
        unsafe levelRefs = .allocate(capacity: levels.count)
        for (index, memtable) in memtables.enumerated() {
            unsafe (memtableRefs + index).initialize(to: Unmanaged.passUnretained(memtable))
        }
        for (index, level) in filled.enumerated() {
            unsafe (levelRefs + index).initialize(to: Unmanaged.passUnretained(level))
        }
    }

    deinit {
        unsafe memtableRefs.deallocate()
        unsafe levelRefs.deallocate()
    }

    /// The memtable that is written.
    var active: Memtable { memtables[0] }
    /// The memtables that wait to be flushed, newest first.
    var immutables: ArraySlice<Memtable> { memtables.dropFirst() }

    /// Calls `body` with a memtable, newest first, without a reference count: the caller keeps the view.
    @inline(__always)
    func withMemtable<R>(_ index: Int, _ body: (Memtable) -> R) -> R {
        unsafe memtableRefs[index]._withUnsafeGuaranteedRef { body($0) }
    }

    /// Calls `body` with a level that holds tables, top down, without a reference count: the caller keeps the view.
    @inline(__always)
    func withLevel<R>(_ index: Int, _ body: (LevelView) -> R) -> R {
        unsafe levelRefs[index]._withUnsafeGuaranteedRef { body($0) }
    }

    /// The newest version of `key` at or below `snapshot`, expired or not, from what is resident: `.absent` for none and for
    /// a delete, `.needsIO` when memory cannot tell. The entry is lent until the caller's epoch ends.
    ///
    /// Sources are asked from the newest to the oldest; the first that knows the key decides, unless a range delete met
    /// on the way is newer. O(levels) filter probes, one block search; no lock, no reference count, no allocation.
    @inline(__always)
    func findResident(_ key: ByteView, hash: UInt64, at snapshot: SequenceNumber) -> TableLookup {
        var covered: SequenceNumber = 0
        for index in 0..<memtableCount {
            let found = withMemtable(index) { memtable in
                covered = max(covered, memtable.rangeDelete(covering: key, at: snapshot))
                return memtable.find(key, hash: hash, at: snapshot)
            }
            if let found { return Self.verdict(found, covered) }
        }
        for index in 0..<levelCount {
            let lookup = withLevel(index) { level in
                index == 0 && hasL0
                    ? Self.findInL0(level, key, hash, snapshot, &covered)
                    : Self.findBelow(level, key, hash, snapshot, &covered)
            }
            switch lookup {
            case .absent: continue
            case .found(let entry): return Self.verdict(entry, covered)
            case .needsIO: return .needsIO
            }
        }
        return .absent
    }

    /// The same, reading what is not resident. The value may lie in `lent`.
    @inline(never)
    func findLoading(
        _ key: ByteView, hash: UInt64, at snapshot: SequenceNumber, lent: inout LentBlock
    ) throws(EngineError) -> TableLookup {
        var covered: SequenceNumber = 0
        for memtable in memtables {
            covered = max(covered, memtable.rangeDelete(covering: key, at: snapshot))
            if let found = memtable.find(key, hash: hash, at: snapshot) { return Self.verdict(found, covered) }
        }
        for (index, level) in levels.enumerated() {
            let candidates = index == 0 ? level.tables[...] : level.table(for: key).map { level.tables[$0...$0] } ?? []
            for table in candidates {
                if table.meta.rangeTombstones > 0 {
                    covered = max(covered, try table.reader.rangeTombstones().covering(key, at: snapshot))
                }
                let lookup = try table.reader.find(
                    key, hash: hash, at: snapshot, residentOnly: false, lent: &lent)
                if case .found(let entry) = lookup { return Self.verdict(entry, covered) }
            }
        }
        return .absent
    }

    @inline(__always)
    static func verdict(_ entry: Entry, _ covered: SequenceNumber) -> TableLookup {
        entry.kind == .put && entry.sequence >= covered ? .found(entry) : .absent
    }

    @inline(__always)
    private static func findInL0(
        _ level: LevelView, _ key: ByteView, _ hash: UInt64, _ snapshot: SequenceNumber,
        _ covered: inout SequenceNumber
    ) -> TableLookup {
        let count = level.count
        for place in 0..<count { level.withReader(place) { $0.prefetchFilter(hash: hash) } }
        for place in 0..<count {
            guard addCover(level, place, key, snapshot, &covered) else { return .needsIO }
            let lookup = level.withReader(place) { $0.findResident(key, hash: hash, at: snapshot) }
            if case .absent = lookup { continue }
            return lookup
        }
        return .absent
    }

    @inline(__always)
    private static func findBelow(
        _ level: LevelView, _ key: ByteView, _ hash: UInt64, _ snapshot: SequenceNumber,
        _ covered: inout SequenceNumber
    ) -> TableLookup {
        guard let place = level.table(for: key) else { return .absent }
        guard addCover(level, place, key, snapshot, &covered) else { return .needsIO }
        return level.withReader(place) { $0.findResident(key, hash: hash, at: snapshot) }
    }

    /// Takes note of the newest range delete of a table that covers `key`; false when that needs the disk.
    @inline(__always)
    static func addCover(
        _ level: LevelView, _ place: Int, _ key: ByteView, _ snapshot: SequenceNumber,
        _ covered: inout SequenceNumber
    ) -> Bool {
        if !level.hasRangeTombstones { return true }
        guard let cover = residentCover(level, place, key, snapshot) else { return false }
        covered = max(covered, cover)
        return true
    }

    @inline(never)
    private static func residentCover(
        _ level: LevelView, _ place: Int, _ key: ByteView, _ snapshot: SequenceNumber
    ) -> SequenceNumber? {
        let table = level.tables[place]
        if table.meta.rangeTombstones == 0 { return 0 }
        guard table.reader.hasLoadedRangeTombstones else { return nil }
        return (try? table.reader.rangeTombstones())?.covering(key, at: snapshot)
    }
}
