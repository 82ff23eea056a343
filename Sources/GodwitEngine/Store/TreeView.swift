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
    private let memtableCount: Int
    /// How many levels there are down to the last that holds a table.
    private let levelCount: Int

    init(memtables: [Memtable], levels: [LevelView]) {
        precondition(!memtables.isEmpty && levels.count == Version.levelCount)
        self.memtables = memtables
        self.levels = levels
        memtableCount = memtables.count
        levelCount = (levels.lastIndex { $0.count > 0 } ?? -1) + 1
        unsafe memtableRefs = .allocate(capacity: memtables.count)
        unsafe levelRefs = .allocate(capacity: levels.count)
        for (index, memtable) in memtables.enumerated() {
            unsafe (memtableRefs + index).initialize(to: Unmanaged.passUnretained(memtable))
        }
        for (index, level) in levels.enumerated() {
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

    /// The newest version of `key` at or below `snapshot`, expired or not; `.absent` for none and for a delete. The
    /// entry is lent until the caller's epoch ends and `lent` is released.
    ///
    /// Sources are asked from the newest to the oldest; the first that knows the key decides, unless a range delete met
    /// on the way is newer. O(levels) filter probes, one block search.
    @inline(__always)
    func find(
        _ key: ByteView, hash: UInt64, at snapshot: SequenceNumber, residentOnly: Bool, lent: inout LentBlock
    ) throws(EngineError) -> TableLookup {
        var covered: SequenceNumber = 0
        for index in 0..<memtableCount {
            let found = unsafe memtableRefs[index]._withUnsafeGuaranteedRef { memtable -> Entry? in
                covered = max(covered, memtable.rangeDelete(covering: key, at: snapshot))
                return memtable.find(key, hash: hash, at: snapshot)
            }
            if let found { return Self.verdict(found, covered) }
        }
        for index in 0..<levelCount {
            let outcome = try unsafe levelRefs[index].lend {
                (level) throws(EngineError) -> TableLookup in
                if index == 0 {
                    return try Self.findInL0(
                        level, key, hash, snapshot, residentOnly: residentOnly, &covered, &lent)
                }
                guard let place = level.table(for: key) else { return .absent }
                return try Self.find(
                    level, place, key, hash, snapshot, residentOnly: residentOnly, &covered, &lent)
            }
            switch outcome {
            case .absent: continue
            case .found(let entry): return Self.verdict(entry, covered)
            case .needsIO: return .needsIO
            }
        }
        return .absent
    }

    @inline(__always)
    private static func verdict(_ entry: Entry, _ covered: SequenceNumber) -> TableLookup {
        entry.kind == .put && entry.sequence >= covered ? .found(entry) : .absent
    }

    @inline(__always)
    private static func findInL0(
        _ level: LevelView, _ key: ByteView, _ hash: UInt64, _ snapshot: SequenceNumber, residentOnly: Bool,
        _ covered: inout SequenceNumber, _ lent: inout LentBlock
    ) throws(EngineError) -> TableLookup {
        let count = level.count
        for place in 0..<count { level.withReader(place) { $0.prefetchFilter(hash: hash) } }
        for place in 0..<count {
            let outcome = try find(
                level, place, key, hash, snapshot, residentOnly: residentOnly, &covered, &lent)
            if case .absent = outcome { continue }
            return outcome
        }
        return .absent
    }

    @inline(__always)
    private static func find(
        _ level: LevelView, _ place: Int, _ key: ByteView, _ hash: UInt64, _ snapshot: SequenceNumber,
        residentOnly: Bool, _ covered: inout SequenceNumber, _ lent: inout LentBlock
    ) throws(EngineError) -> TableLookup {
        if level.hasRangeTombstones {
            guard let cover = try cover(level, place, key, snapshot, residentOnly: residentOnly) else {
                return .needsIO
            }
            covered = max(covered, cover)
        }
        return try level.withReader(place) { (reader) throws(EngineError) -> TableLookup in
            try reader.find(key, hash: hash, at: snapshot, residentOnly: residentOnly, lent: &lent)
        }
    }

    /// The newest range delete of a table that covers `key`, 0 for none; nil when the disk must be asked and may not.
    @inline(never)
    private static func cover(
        _ level: LevelView, _ place: Int, _ key: ByteView, _ snapshot: SequenceNumber, residentOnly: Bool
    ) throws(EngineError) -> SequenceNumber? {
        let table = level.tables[place]
        guard table.meta.rangeTombstones > 0 else { return 0 }
        if residentOnly, !table.reader.hasLoadedRangeTombstones { return nil }
        return try table.reader.rangeTombstones().covering(key, at: snapshot)
    }
}
