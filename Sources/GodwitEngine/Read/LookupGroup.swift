/// Up to sixteen keys that are looked up together, so that their cache misses overlap: each step asks the memory for
/// what the next one reads, for all keys, before any key takes the next step.
@safe
struct LookupGroup: ~Copyable {
    static let size = 16

    /// One key and how far its lookup is.
    struct Item {
        /// The key's place among those of the caller.
        let number: Int
        let key: ByteView
        let hash: UInt64
        /// The newest range delete met that covers the key.
        var covered: SequenceNumber = 0
        /// In the level being asked: the table, -1 for none; and in it the data unit.
        var table = -1
        var unit = TablePlace.absent
        /// The answer; nil while older data may have it.
        var answer: TableLookup?
    }

    private let items: UnsafeMutablePointer<Item>
    private(set) var count = 0

    init() { unsafe items = .allocate(capacity: Self.size) }

    deinit { unsafe items.deallocate() }

    mutating func removeAll() { count = 0 }

    mutating func append(_ key: ByteView, number: Int, hash: UInt64) {
        precondition(count < Self.size)
        unsafe (items + count).initialize(to: Item(number: number, key: key, hash: hash))
        count += 1
    }

    subscript(index: Int) -> Item {
        @inline(__always)
        _read { yield unsafe items[index] }
        @inline(__always)
        nonmutating _modify { yield unsafe &items[index] }
    }
}

extension TreeView {
    /// As the `findResident` of one key, for a group: afterwards each item has an answer.
    func findResident(_ group: borrowing LookupGroup, at snapshot: SequenceNumber) {
        for index in 0..<memtableCount {
            withMemtable(index) { if !$0.isEmpty { Self.ask($0, group, snapshot) } }
        }
        for index in 0..<levelCount {
            withLevel(index) { level in
                let rounds = index == 0 && hasL0 ? level.count : 1
                for round in 0..<rounds {
                    for item in 0..<group.count where group[item].answer == nil {
                        group[item].table =
                            rounds == 1 && !(index == 0 && hasL0) ? level.table(for: group[item].key) ?? -1 : round
                    }
                    Self.ask(level, group, snapshot)
                }
            }
        }
        for index in 0..<group.count where group[index].answer == nil { group[index].answer = .absent }
    }

    private static func ask(_ memtable: Memtable, _ group: borrowing LookupGroup, _ snapshot: SequenceNumber) {
        for index in 0..<group.count { memtable.prefetch(hash: group[index].hash) }
        for index in 0..<group.count { memtable.prefetchEntry(hash: group[index].hash) }
        for index in 0..<group.count where group[index].answer == nil {
            let (key, hash) = (group[index].key, group[index].hash)
            group[index].covered = max(group[index].covered, memtable.rangeDelete(covering: key, at: snapshot))
            if let found = memtable.find(key, hash: hash, at: snapshot) {
                group[index].answer = verdict(found, group[index].covered)
            }
        }
    }

    /// Asks the table that each item names; those that have none, or an answer, are left out.
    private static func ask(_ level: LevelView, _ group: borrowing LookupGroup, _ snapshot: SequenceNumber) {
        for index in 0..<group.count {
            if group[index].answer != nil { group[index].table = -1 }
            let table = group[index].table
            if table >= 0 { level.withReader(table) { $0.prefetchFilter(hash: group[index].hash) } }
        }
        for index in 0..<group.count where group[index].table >= 0 {
            let (key, hash, table) = (group[index].key, group[index].hash, group[index].table)
            guard addCover(level, table, key, snapshot, &group[index].covered) else {
                group[index].answer = .needsIO
                group[index].table = -1
                continue
            }
            group[index].unit = level.withReader(table) { $0.locate(key, hash: hash) }
        }
        for index in 0..<group.count where group[index].table >= 0 && group[index].unit.unit >= 0 {
            let (hash, unit) = (group[index].hash, group[index].unit.unit)
            level.withReader(group[index].table) { $0.prefetchEntry(unit, hash: hash) }
        }
        for index in 0..<group.count where group[index].table >= 0 && !group[index].unit.isAbsent {
            let (key, hash, unit) = (group[index].key, group[index].hash, group[index].unit.unit)
            let lookup =
                unit < 0
                ? TableLookup.needsIO
                : level.withReader(group[index].table) { $0.read(unit, key, hash: hash, at: snapshot) }
            switch lookup {
            case .absent: continue
            case .found(let entry): group[index].answer = verdict(entry, group[index].covered)
            case .needsIO: group[index].answer = .needsIO
            }
        }
    }
}
