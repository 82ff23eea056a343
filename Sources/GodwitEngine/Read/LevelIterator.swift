/// Walks over tables that do not overlap, in key order, opening one at a time.
final class LevelIterator: EntryIterator {
    private let tables: [TableHandle]
    private let fillCache: Bool
    private var place = 0
    private var table: TableIterator?
    private(set) var current: Entry?

    /// `tables` in key order, without overlaps.
    init(_ tables: [TableHandle], fillCache: Bool) {
        self.tables = tables
        self.fillCache = fillCache
    }

    func seekToFirst() throws(EngineError) {
        try open(0)?.seekToFirst()
        try skipForward()
    }

    func seekToLast() throws(EngineError) {
        try open(tables.count - 1)?.seekToLast()
        try skipBackward()
    }

    func seek(_ key: ByteView) throws(EngineError) {
        // The last table that begins at or before the key, or the first of all.
        let first = max(0, countBeginning(notAbove: key) - 1)
        try open(first)?.seek(key)
        try skipForward()
    }

    func seekBefore(_ key: ByteView) throws(EngineError) {
        let last = countBeginning(notAbove: key) - 1
        try open(last)?.seekBefore(key)
        try skipBackward()
    }

    func next() throws(EngineError) {
        guard let table else { return }
        current = nil
        try table.next()
        current = table.current
        if current == nil { try skipForward() }
    }

    func previous() throws(EngineError) {
        guard let table else { return }
        current = nil
        try table.previous()
        current = table.current
        if current == nil { try skipBackward() }
    }

    private func skipForward() throws(EngineError) {
        while let table, table.current == nil { try open(place + 1)?.seekToFirst() }
        current = table?.current
    }

    private func skipBackward() throws(EngineError) {
        while let table, table.current == nil { try open(place - 1)?.seekToLast() }
        current = table?.current
    }

    /// The iterator of a table, or nil past either end.
    private func open(_ index: Int) -> TableIterator? {
        current = nil
        guard tables.indices.contains(index) else {
            table = nil
            return nil
        }
        if index != place || table == nil {
            table = TableIterator(tables[index].reader, fillCache: fillCache)
        }
        place = index
        return table
    }

    private func countBeginning(notAbove key: ByteView) -> Int {
        var low = 0
        var high = tables.count
        while low < high {
            let middle = (low + high) / 2
            if tables[middle].meta.smallestKey.compareBytes(key) <= 0 { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
