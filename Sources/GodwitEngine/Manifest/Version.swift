/// The tables of one level, in the order in which readers go through them. Immutable.
///
/// Level 0: newest first (by newest visible sequence number, then by file number); keys may overlap. Other levels: by
/// key, and no two tables share a key. Two neighbours may *touch*: the largest key of the first, as the excluded end of
/// a range tombstone, equals the smallest key of the second.
struct LevelState: Sendable, Equatable {
    /// Which level this is, 0 to 6.
    let level: Int
    /// The tables in order.
    let tables: [TableMeta]
    /// Their sizes together.
    let bytes: UInt64

    /// A level with no tables.
    init(level: Int) {
        self.level = level
        tables = []
        bytes = 0
    }

    /// Orders the tables and checks what must hold of a level; the error says what does not.
    init(level: Int, unordered: [TableMeta]) throws(EngineError) {
        let tables = unordered.sorted { left, right in
            if level == 0 {
                return (right.newestSequence, right.number) < (left.newestSequence, left.number)
            }
            let order = left.smallestKey.compareBytes(right.smallestKey)
            return order != 0 ? order < 0 : left.number < right.number
        }
        var bytes: UInt64 = 0
        for (index, table) in tables.enumerated() {
            bytes += table.size
            if table.smallestKey.compareBytes(table.largestKey) > 0 {
                throw EngineError(.corruption, "table \(table.number): its smallest key is above its largest")
            }
            guard level > 0, index > 0 else { continue }
            let before = tables[index - 1]
            let order = before.largestKey.compareBytes(table.smallestKey)
            let apart = before.smallestKey.compareBytes(table.smallestKey) < 0
            let touching = order == 0 && before.rangeTombstones > 0
            guard apart, order < 0 || touching else {
                throw EngineError(
                    .corruption, "tables \(before.number) and \(table.number) of level \(level) overlap")
            }
        }
        self.level = level
        self.tables = tables
        self.bytes = bytes
    }

    /// The one table of a level above 0 that may hold `key`, by its place; nil when none may.
    func table(for key: ByteView) -> Int? {
        assert(level > 0)
        // The last table that begins at or before the key: where two touch, the shared key is the second's.
        var low = 0
        var high = tables.count
        while low < high {
            let middle = (low + high) / 2
            if tables[middle].smallestKey.compareBytes(key) <= 0 { low = middle + 1 } else { high = middle }
        }
        guard low > 0, tables[low - 1].largestKey.compareBytes(key) >= 0 else { return nil }
        return low - 1
    }

    /// The places of the first to the last table of a level above 0 that overlap `span`.
    func places(overlapping span: KeySpan) -> Range<Int> {
        assert(level > 0)
        let first = partition { $0.largestKey.compareBytes(span.smallest) >= 0 }
        let end = partition { $0.smallestKey.compareBytes(span.largest) > 0 }
        return first..<max(first, end)
    }

    /// The places of the first to the last table of a level above 0 that hold keys of `range`.
    func places(overlapping range: KeyRange) -> Range<Int> {
        assert(level > 0)
        let first = range.lower.map { lower in partition { $0.largestKey.compareBytes(lower) >= 0 } } ?? 0
        let end = range.upper.map { upper in partition { $0.smallestKey.compareBytes(upper) >= 0 } } ?? tables.count
        return first..<max(first, end)
    }

    /// The tables that overlap `span`, in the level's order.
    func overlapping(_ span: KeySpan) -> [TableMeta] {
        level == 0 ? tables.filter { $0.span.overlaps(span) } : Array(tables[places(overlapping: span)])
    }

    /// The tables that hold keys of `range`, in the level's order.
    func overlapping(_ range: KeyRange) -> [TableMeta] {
        level == 0 ? tables.filter { $0.span.overlaps(range) } : Array(tables[places(overlapping: range)])
    }

    /// The place of the first table for which `holds` is true; it must then hold for all after it.
    private func partition(_ holds: (TableMeta) -> Bool) -> Int {
        var low = 0
        var high = tables.count
        while low < high {
            let middle = (low + high) / 2
            if holds(tables[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}

/// All tables of one keyspace at one moment. Immutable: a change makes another version.
struct Version: Sendable, Equatable {
    /// How many levels a keyspace has.
    static let levelCount = 7
    /// The deepest level.
    static let lastLevel = levelCount - 1

    /// Levels 0 to 6.
    private(set) var levels: [LevelState]

    /// A version with no tables.
    init() { levels = (0..<Version.levelCount).map(LevelState.init(level:)) }

    /// How many tables there are.
    var tableCount: Int { levels.reduce(0) { $0 + $1.tables.count } }

    /// How large all tables are together.
    var bytes: UInt64 { levels.reduce(0) { $0 + $1.bytes } }

    /// Whether there are no tables.
    var isEmpty: Bool { levels.allSatisfy(\.tables.isEmpty) }

    /// Every table, from level 0 down, each level in its order.
    var allTables: [TableMeta] { levels.flatMap(\.tables) }

    /// The table of this number with its level, or nil.
    func find(_ number: UInt64) -> (level: Int, table: TableMeta)? {
        for level in levels {
            if let table = level.tables.first(where: { $0.number == number }) { return (level.level, table) }
        }
        return nil
    }

    /// The version with one level's tables replaced.
    func replacing(_ level: Int, with tables: [TableMeta]) throws(EngineError) -> Version {
        var next = self
        next.levels[level] = try LevelState(level: level, unordered: tables)
        return next
    }
}
