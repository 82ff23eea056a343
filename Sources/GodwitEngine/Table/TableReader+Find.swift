internal import Synchronization

// Point reads, hot path first:
//
// 1. `locate`: the filter's line, then the top index and a partition: the number of the data block that would have the
// key;
// 2. `read`: that block through its slot, its tags, the entry.
//
// Both find everything resident or give up; only then does `findLoading` go the same way again and reads files.

/// Where a key would be in a table: found by `locate`, used by `find`. Between the two, others can be located, so that
/// cache misses of many keys overlap.
struct TablePlace {
    /// The data unit's number, or one of the below.
    let unit: Int

    static let absent = TablePlace(unit: -1)
    static let needsIO = TablePlace(unit: -2)

    /// Whether the table certainly does not have the key.
    var isAbsent: Bool { unit == -1 }
}

extension TableReader {
    /// The newest version of `key` at or below `snapshot`, from what is resident; `.needsIO` when that cannot tell. Within an
    /// epoch. `hash` is the key's, seeded by the store.
    @inline(__always)
    func findResident(_ key: ByteView, hash: UInt64, at snapshot: SequenceNumber) -> TableLookup {
        let place = locate(key, hash: hash)
        if place.isAbsent { return .absent }
        return place.unit >= 0 ? read(place.unit, key, hash: hash, at: snapshot) : .needsIO
    }

    /// The newest version of `key` at or below `snapshot`. Within an epoch. `residentOnly` never touches a file and says
    /// `.needsIO` instead. The value may lie in `lent`.
    func find(
        _ key: ByteView, hash: UInt64, at snapshot: SequenceNumber, residentOnly: Bool, lent: inout LentBlock
    ) throws(EngineError) -> TableLookup {
        let lookup = findResident(key, hash: hash, at: snapshot)
        guard case .needsIO = lookup, !residentOnly else { return lookup }
        return try findLoading(key, hash: hash, at: snapshot, lent: &lent)
    }

    /// Asks for the filter line that a `find` will begin with.
    @inline(__always)
    func prefetchFilter(hash: UInt64) {
        guard let root = TableRootPointer(address: rootAddress.load(ordering: .acquiring)),
            root.root.filterUnits != 0
        else { return }
        let place = FilterUnit.place(hash, units: root.root.filterUnits, lines: root.root.filterLines)
        root.root.filterSlot(place.unit).load()?.content.prefetch(FilterUnit.offset(ofLine: place.line))
    }

    /// Finds the data block that would have the key, from what is resident, and asks for its first lines.
    @inline(__always)
    func locate(_ key: ByteView, hash: UInt64) -> TablePlace {
        guard let root = TableRootPointer(address: rootAddress.load(ordering: .acquiring)) else { return .needsIO }
        if root.root.filterUnits != 0 {
            let place = FilterUnit.place(hash, units: root.root.filterUnits, lines: root.root.filterLines)
            guard let filter = root.root.filterSlot(place.unit).load() else { return .needsIO }
            filter.touch()
            if !FilterUnit(filter.content).mayContain(hash, line: place.line) {
                hits.countHits(filter: true, index: false, data: false)
                return .absent
            }
        }
        if root.root.partitions == 0 { return .absent }
        let partition = root.root.top.lowerBound(key)
        if partition >= root.root.partitions { return .absent }
        guard let block = root.root.partitionSlot(partition).load() else { return .needsIO }
        block.touch()
        let index = IndexBlock(block.content)
        let row = index.lowerBound(key)
        // Only an index at odds with the top index gives no row; the loading path says so.
        if row >= index.count { return .needsIO }
        let unit = index.firstUnit &+ row
        root.root.dataSlot(unit).load()?.prefetch()
        return TablePlace(unit: unit)
    }

    /// Asks for the entry that `read` will look at; what `locate` asked for should be there.
    @inline(__always)
    func prefetchEntry(_ unit: Int, hash: UInt64) {
        guard let root = TableRootPointer(address: rootAddress.load(ordering: .acquiring)) else { return }
        if let block = root.root.dataSlot(unit).load() { DataBlock(block.content).prefetchEntry(hash: hash) }
    }

    /// Reads a resident data block. With `locate` it makes `findResident`; between the two, others can be located.
    @inline(__always)
    func read(
        _ first: Int, _ key: ByteView, hash: UInt64, at snapshot: SequenceNumber
    ) -> TableLookup {
        let limit = min(snapshot, visibleThrough)
        if globalSequence != 0, globalSequence > limit { return .absent }
        guard let root = TableRootPointer(address: rootAddress.load(ordering: .acquiring)) else { return .needsIO }
        var unit = first
        while unit < root.root.dataUnits {
            guard let block = root.root.dataSlot(unit).load() else { return .needsIO }
            block.touch()
            let data = DataBlock(block.content)
            let index = data.find(key, hash: hash, at: globalSequence == 0 ? limit : .max)
            if index >= 0 || !data.continues {
                hits.countHits(filter: root.root.filterUnits != 0, index: true, data: true)
                return index < 0 ? .absent : .found(entry(data, index, key))
            }
            unit &+= 1
        }
        return .absent
    }

    /// Entry `index` of a block as readers see it.
    @inline(__always)
    func entry(_ data: DataBlock, _ index: Int, _ key: ByteView) -> Entry {
        if globalSequence == 0 { return data.entry(index, key: key) }
        return Entry(
            key: key, sequence: globalSequence, kind: data.kind(index), deadline: data.deadline(index),
            value: data.value(index))
    }

    // MARK: With files

    /// The same as `find`, reading what is not resident.
    @inline(never)
    private func findLoading(
        _ key: ByteView, hash: UInt64, at snapshot: SequenceNumber, lent: inout LentBlock
    ) throws(EngineError) -> TableLookup {
        let limit = min(snapshot, visibleThrough)
        if globalSequence != 0, globalSequence > limit { return .absent }
        let root = try self.root()
        if root.root.filterUnits != 0 {
            let place = FilterUnit.place(hash, units: root.root.filterUnits, lines: root.root.filterLines)
            var filter = root.root.filterSlot(place.unit).load()
            if filter == nil { filter = try loadFilter(place.unit, root) }
            if let filter, !FilterUnit(filter.content).mayContain(hash, line: place.line) { return .absent }
        }
        if root.root.partitions == 0 { return .absent }
        var partition = root.root.top.lowerBound(key)
        var row: Int?
        while partition < root.root.partitions {
            var lentPartition = LentBlock()
            let index = IndexBlock(try hold(partition: partition, root, &lentPartition).content)
            let from = row ?? index.lowerBound(key)
            guard from < index.count else { throw contradiction(root.root.top.handle(partition)) }
            for current in from..<index.count {
                let slot = root.root.dataSlot(index.firstUnit + current)
                let data = DataBlock(try hold(.data, index.handle(current), in: slot, &lent).content)
                let found = data.find(key, hash: hash, at: globalSequence == 0 ? limit : .max)
                if found >= 0 { return .found(entry(data, found, key)) }
                // Asked before the block goes, which may be this reader's alone.
                let continues = data.continues
                lent.release()
                if !continues { return .absent }
            }
            // Versions of the key may go on in the next partition.
            partition += 1
            row = 0
        }
        return .absent
    }

    /// An index partition, lent by the epoch or by `lent`.
    func hold(
        partition: Int, _ root: TableRootPointer, _ lent: inout LentBlock
    ) throws(EngineError) -> CachedBlock {
        try hold(.index, root.root.top.handle(partition), in: root.root.partitionSlot(partition), &lent)
    }

    private func hold(
        _ kind: UnitKind, _ handle: UnitHandle, in slot: Slot, _ lent: inout LentBlock
    ) throws(EngineError) -> CachedBlock {
        if let block = slot.load() {
            block.touch()
            return block
        }
        switch try load(kind, handle, in: slot, fillCache: true) {
        case .published(let block): return block
        case .unpublished(let block):
            lent.take(block, from: cache)
            return block
        case .owned(let block):
            lent.take(own: block)
            return block
        }
    }

    /// An index that says other things than the top index.
    func contradiction(_ handle: UnitHandle) -> EngineError {
        noted(
            EngineError(
                .corruption,
                "the index of table \(number) contradicts its top index: run verify, then repair or restore",
                file: path, offset: handle.offset))
    }
}
