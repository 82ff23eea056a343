/// Entries of an arena in order (key ascending, newest first), immutable: rows of a *word* and a unit. The word is the
/// eight bytes of the key after the prefix that all keys of the run share, as a number that orders as the bytes do;
/// most comparisons need nothing else, so they touch no entry.
@safe
final class SortedRun: @unchecked Sendable {
    /// One entry's place in the order.
    struct Row {
        var word: UInt64
        var unit: UInt32
    }

    /// How many entries the run holds.
    let count: Int
    /// How many leading bytes all keys share.
    let shared: Int
    private let rows: UnsafeMutablePointer<Row>

    /// How many bytes the run takes.
    var byteCount: Int { count * MemoryLayout<Row>.stride }

    /// Sorts the entries from the unit `from` up to `to`.
    init(_ arena: borrowing EntryArena, from: UInt32, to: UInt32) {
        var unit = from
        var count = 0
        while unit < to {
            count += 1
            unit = arena.unit(after: unit)
        }
        self.count = count
        unsafe rows = Self.allocate(count)
        unit = from
        for index in 0..<count {
            unsafe rows[index] = Row(word: 0, unit: unit)
            unit = arena.unit(after: unit)
        }
        shared = unsafe RunSorter.sort(rows, count, arena)
    }

    /// Merges two runs, of which `newer` was written after `older`.
    init(_ arena: borrowing EntryArena, merging older: SortedRun, _ newer: SortedRun) {
        count = older.count + newer.count
        unsafe rows = Self.allocate(count)
        let common = older.prefix(arena).commonLength(newer.prefix(arena), from: 0)
        shared = common
        let (left, right) = (older.widening(arena, to: common), newer.widening(arena, to: common))
        var (leftIndex, rightIndex, index) = (0, 0, 0)
        while leftIndex < older.count && rightIndex < newer.count {
            let leftRow = unsafe Row(word: left.word(older.rows[leftIndex].word), unit: older.rows[leftIndex].unit)
            let rightRow = unsafe Row(
                word: right.word(newer.rows[rightIndex].word), unit: newer.rows[rightIndex].unit)
            if Self.precedes(leftRow, rightRow, arena) {
                unsafe rows[index] = leftRow
                leftIndex += 1
            } else {
                unsafe rows[index] = rightRow
                rightIndex += 1
            }
            index += 1
        }
        while leftIndex < older.count {
            unsafe rows[index] = Row(word: left.word(older.rows[leftIndex].word), unit: older.rows[leftIndex].unit)
            leftIndex += 1
            index += 1
        }
        while rightIndex < newer.count {
            unsafe rows[index] = Row(
                word: right.word(newer.rows[rightIndex].word), unit: newer.rows[rightIndex].unit)
            rightIndex += 1
            index += 1
        }
    }

    deinit { unsafe PageMemory.free(rows, max(byteCount, 1)) }

    /// The unit at `index`.
    @inline(__always)
    func unit(_ index: Int) -> UInt32 {
        precondition(index >= 0 && index < count)
        return unsafe rows[index].unit
    }

    /// The index of the first entry whose key is `key` or above.
    func lowerBound(_ key: ByteView, _ arena: borrowing EntryArena) -> Int {
        guard count > 0 else { return 0 }
        let prefix = prefix(arena)
        let head = key.slice(0, min(shared, key.count)).compare(prefix.slice(0, min(shared, key.count)))
        if head != 0 { return head < 0 ? 0 : count }
        if key.count < shared { return 0 }
        let word = key.dropFirst(shared).orderWord
        var low = partition(0, count) { unsafe rows[$0].word < word }
        let high = partition(low, count) { unsafe rows[$0].word == word }
        low = partition(low, high) { unsafe arena.key(rows[$0].unit).compare(key) < 0 }
        return low
    }

    @inline(__always)
    private func partition(_ from: Int, _ to: Int, _ belongs: (Int) -> Bool) -> Int {
        var (low, high) = (from, to)
        while low < high {
            let middle = (low + high) >> 1
            if belongs(middle) { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Whether `left` comes before `right`; both words are of one and the same prefix. Of one key's versions the one
    /// written later is the newer.
    @inline(__always)
    static func precedes(_ left: Row, _ right: Row, _ arena: borrowing EntryArena) -> Bool {
        if left.word != right.word { return left.word < right.word }
        let order = arena.key(left.unit).compare(arena.key(right.unit))
        return order != 0 ? order < 0 : left.unit > right.unit
    }

    private func prefix(_ arena: borrowing EntryArena) -> ByteView {
        count == 0 ? .empty : unsafe arena.key(rows[0].unit).slice(0, shared)
    }

    @unsafe private static func allocate(_ count: Int) -> UnsafeMutablePointer<Row> {
        let memory = unsafe PageMemory.allocate(max(count * MemoryLayout<Row>.stride, 1))
        return unsafe memory.bindMemory(to: Row.self, capacity: count)
    }

    /// Turns words after `shared` bytes into words after fewer: the prefix's own bytes move in from the left.
    private struct Widening {
        let moved: UInt64
        let shift: UInt64

        @inline(__always)
        func word(_ word: UInt64) -> UInt64 { moved | word >> shift }
    }

    private func widening(_ arena: borrowing EntryArena, to fewer: Int) -> Widening {
        // Swift's `>>` by 64 or more gives 0: eight bytes or more have moved in and nothing of the word is left.
        Widening(moved: prefix(arena).dropFirst(fewer).orderWord, shift: UInt64(8 * (shared - fewer)))
    }
}

extension ByteView {
    /// How many leading bytes both share, of which the first `known` are known to be shared.
    func commonLength(_ other: ByteView, from known: Int) -> Int {
        let limit = min(count, other.count)
        var length = known
        while length + 8 <= limit {
            let difference: UInt64 = load(length) ^ other.load(length)
            if difference != 0 { return length + difference.trailingZeroBitCount / 8 }
            length += 8
        }
        while length < limit, self[length] == other[length] { length += 1 }
        return length
    }
}
