/// Sorts rows by their keys, a word of eight bytes at a time, so that a key's bytes are read about once however long
/// the prefixes are that keys share:
///
/// 1. Find the prefix that all keys of the range share, and give each row the word after it.
/// 2. Sort by word alone (radix).
/// 3. Where words are equal: keys that end within the word are prefixes of the others and come first, by length; the
///    rest share eight bytes more, and go through the same again.
@safe
enum RunSorter {
    typealias Row = SortedRun.Row

    /// Sorts `count` rows given in arena order, leaves in each the word after the prefix shared by all, and returns the
    /// length of that prefix.
    @unsafe static func sort(
        _ rows: UnsafeMutablePointer<Row>, _ count: Int, _ arena: borrowing EntryArena
    ) -> Int {
        guard count > 0 else { return 0 }
        let bytes = count * MemoryLayout<Row>.stride
        let memory = unsafe PageMemory.allocate(2 * bytes)
        defer { unsafe PageMemory.free(memory, 2 * bytes) }
        let scratch = unsafe memory.bindMemory(to: Row.self, capacity: 2 * count)
        // Deeper words are made in a copy, as the rows keep the first ones.
        let copy = unsafe scratch + count

        let shared = unsafe spread(rows, count, depth: 0, scratch, arena)
        var pending: [Range] = []
        unsafe forEachTie(rows, count) { first, size in
            if size <= smallSize {
                unsafe sortSmall(rows + first, size, arena)
                return
            }
            unsafe copy.update(from: rows + first, count: size)
            pending.append(Range(first: 0, count: size, depth: shared))
            while let range = pending.popLast() {
                let part = unsafe copy + range.first
                let short = unsafe partitionShort(part, range.count, range.depth + 8, scratch, arena)
                let rest = range.count - short
                if rest <= smallSize {
                    unsafe sortSmall(part + short, rest, arena)
                    continue
                }
                let depth = unsafe spread(part + short, rest, depth: range.depth + 8, scratch, arena)
                unsafe forEachTie(part + short, rest) { first, size in
                    pending.append(Range(first: range.first + short + first, count: size, depth: depth))
                }
            }
            for index in 0..<size { unsafe rows[first + index].unit = unsafe copy[index].unit }
        }
        return shared
    }

    /// Rows of equal words at `depth`, still to be ordered.
    private struct Range {
        let first: Int
        let count: Int
        let depth: Int
    }

    /// Up to this size rows are sorted by whole keys.
    private static let smallSize = 12

    /// Steps 1 and 2 for rows whose keys are known to share `depth` bytes; returns how many they share.
    @unsafe private static func spread(
        _ rows: UnsafeMutablePointer<Row>, _ count: Int, depth: Int, _ scratch: UnsafeMutablePointer<Row>,
        _ arena: borrowing EntryArena
    ) -> Int {
        let first = unsafe arena.key(rows[0].unit)
        var shared = first.count
        for index in 0..<count {
            let key = unsafe arena.key(rows[index].unit)
            shared = min(shared, key.slice(0, min(shared, key.count)).commonLength(first, from: depth))
            unsafe rows[index].word = key.dropFirst(depth).orderWord
            // Most ranges share nothing more; then the words just made are the right ones.
            if shared == depth {
                for rest in index + 1..<max(count, index + 1) {
                    unsafe rows[rest].word = unsafe arena.key(rows[rest].unit).dropFirst(depth).orderWord
                }
                break
            }
        }
        if shared != depth {
            for index in 0..<count {
                unsafe rows[index].word = unsafe arena.key(rows[index].unit).dropFirst(shared).orderWord
            }
        }
        unsafe sortByWord(rows, count, scratch)
        return shared
    }

    /// Moves the keys shorter than `length` to the front, ordered by length, newest first; returns how many they are.
    @unsafe private static func partitionShort(
        _ rows: UnsafeMutablePointer<Row>, _ count: Int, _ length: Int, _ scratch: UnsafeMutablePointer<Row>,
        _ arena: borrowing EntryArena
    ) -> Int {
        var (short, long) = (0, 0)
        for index in 0..<count {
            let row = unsafe rows[index]
            let keyLength = arena.key(row.unit).count
            if keyLength < length {
                unsafe rows[short] = Row(word: UInt64(keyLength), unit: row.unit)
                short += 1
            } else {
                unsafe scratch[long] = row
                long += 1
            }
        }
        unsafe (rows + short).update(from: scratch, count: long)
        var buffer = unsafe UnsafeMutableBufferPointer(start: rows, count: short)
        unsafe buffer.sort { $0.word != $1.word ? $0.word < $1.word : $0.unit > $1.unit }
        return short
    }

    @unsafe private static func forEachTie(
        _ rows: UnsafeMutablePointer<Row>, _ count: Int, _ body: (_ first: Int, _ size: Int) -> Void
    ) {
        var first = 0
        while first < count {
            var end = first + 1
            while unsafe end < count && rows[end].word == rows[first].word { end += 1 }
            if end - first > 1 { body(first, end - first) }
            first = end
        }
    }

    /// Insertion sort of rows with equal words.
    @unsafe private static func sortSmall(
        _ rows: UnsafeMutablePointer<Row>, _ count: Int, _ arena: borrowing EntryArena
    ) {
        for index in 1..<max(count, 1) {
            let unit = unsafe rows[index].unit
            let key = arena.key(unit)
            var place = index
            while place > 0 {
                let before = unsafe rows[place - 1].unit
                let order = key.compare(arena.key(before))
                if order > 0 || (order == 0 && unit < before) { break }
                unsafe rows[place].unit = before
                place -= 1
            }
            unsafe rows[place].unit = unit
        }
    }

    /// Sorts by word; of equal words the one with the lower unit first. The rows come in order of units where words are
    /// equal, so a stable radix sort does it.
    @unsafe private static func sortByWord(
        _ rows: UnsafeMutablePointer<Row>, _ count: Int, _ scratch: UnsafeMutablePointer<Row>
    ) {
        if count < 400 {
            var buffer = unsafe UnsafeMutableBufferPointer(start: rows, count: count)
            unsafe buffer.sort { $0.word != $1.word ? $0.word < $1.word : $0.unit < $1.unit }
            return
        }
        let counts = UnsafeMutablePointer<Int>.allocate(capacity: 8 * 256)
        defer { unsafe counts.deallocate() }
        unsafe counts.initialize(repeating: 0, count: 8 * 256)
        for index in 0..<count {
            var word = unsafe rows[index].word
            for digit in 0..<8 {
                unsafe counts[digit &* 256 &+ Int(word & 255)] &+= 1
                word >>= 8
            }
        }
        var (from, to) = unsafe (rows, scratch)
        for digit in 0..<8 {
            let counts = unsafe counts + digit * 256
            let shift = UInt64(digit * 8)
            // A digit that is the same in all words needs no pass.
            if unsafe counts[Int(from[0].word >> shift & 255)] == count { continue }
            var sum = 0
            for value in 0..<256 {
                let size = unsafe counts[value]
                unsafe counts[value] = sum
                sum += size
            }
            for index in 0..<count {
                let row = unsafe from[index]
                let value = Int(row.word >> shift & 255)
                unsafe to[counts[value]] = row
                unsafe counts[value] &+= 1
            }
            unsafe swap(&from, &to)
        }
        if unsafe from != rows { unsafe rows.update(from: from, count: count) }
    }
}
