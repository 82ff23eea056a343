/// One level of a keyspace as readers search it: the tables, and below L0 their smallest keys laid out for a binary
/// search that touches no table.
@safe
final class LevelView: @unchecked Sendable {
    /// The tables: L0 newest first, other levels in key order.
    let tables: [TableHandle]
    /// Whether any table deletes ranges.
    let hasRangeTombstones: Bool
    /// The same tables for the read path, which takes no reference count.
    private let readers: UnsafeMutablePointer<Unmanaged<TableReader>>
    /// The eight bytes of each smallest key behind the prefix that all share, as numbers in key order.
    private let words: UnsafeMutablePointer<UInt64>
    /// The smallest keys end to end, and where each begins; the shared prefix is the first bytes of the first.
    private let keys: ByteWriter
    private let starts: UnsafeMutablePointer<Int>
    private let prefixLength: Int

    init(_ tables: [TableHandle], level: Int) {
        self.tables = tables
        count = tables.count
        hasRangeTombstones = tables.contains { $0.meta.rangeTombstones > 0 }
        unsafe readers = .allocate(capacity: max(tables.count, 1))
        unsafe words = .allocate(capacity: max(tables.count, 1))
        unsafe starts = .allocate(capacity: tables.count + 1)
        keys = ByteWriter()
        unsafe starts[0] = 0
        for (index, table) in tables.enumerated() {
            unsafe (readers + index).initialize(to: Unmanaged.passUnretained(table.reader))
            keys.append(table.meta.smallestKey)
            unsafe starts[index + 1] = keys.count
        }
        // Keys in order: what the first and the last share, all share.
        var shared = 0
        if level > 0, let first = tables.first, let last = tables.last {
            shared = first.meta.smallestKey.withView { low in
                last.meta.smallestKey.withView { low.commonPrefix(with: $0) }
            }
        }
        prefixLength = shared
        for index in tables.indices {
            unsafe words[index] = level > 0 ? key(index).dropFirst(shared).orderWord : 0
        }
    }

    deinit {
        unsafe readers.deallocate()
        unsafe words.deallocate()
        unsafe starts.deallocate()
    }

    /// How many tables there are.
    let count: Int

    /// Calls `body` with the reader of a table, without a reference count: the caller keeps the view alive.
    @inline(__always)
    func withReader<R>(_ index: Int, _ body: (TableReader) -> R) -> R {
        precondition(index >= 0 && index < count)
        return unsafe readers[index]._withUnsafeGuaranteedRef { body($0) }
    }

    /// The one table below L0 that may hold `key`: the last that begins at or before it. O(log n), no table is touched.
    @inline(__always)
    func table(for key: ByteView) -> Int? {
        if count == 0 { return nil }
        let order = key.slice(0, min(key.count, prefixLength)).compare(self.key(0).slice(0, prefixLength))
        if order < 0 { return nil }
        if order > 0 { return count - 1 }
        let word = key.dropFirst(prefixLength).orderWord
        var low = 0
        var high = count
        while low < high {
            let middle = (low &+ high) >> 1
            let other = unsafe words[middle]
            let isAtOrBefore = other < word || (other == word && self.key(middle).compare(key) <= 0)
            if isAtOrBefore { low = middle &+ 1 } else { high = middle }
        }
        return low > 0 ? low - 1 : nil
    }

    @inline(__always)
    private func key(_ index: Int) -> ByteView {
        unsafe keys.view.slice(starts[index], starts[index + 1] - starts[index])
    }
}
