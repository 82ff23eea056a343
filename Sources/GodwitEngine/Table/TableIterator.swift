internal import Synchronization

/// Walks one table's entries both ways, pinning one index partition and one data block at a time. Without `fillCache`
/// it reads ahead into a buffer of its own once it moves from block to block.
final class TableIterator: EntryIterator {
    private let reader: TableReader
    private let fillCache: Bool
    /// What readers of this table see at most.
    private let limit: SequenceNumber

    private(set) var current: Entry?

    private var partition = -1
    private var index = IndexBlock(TrustedBytes.nothing)
    private var indexRows = 0
    private var firstUnit = 0
    private var lentIndex = LentBlock()

    private var unit = -1
    private var data = DataBlock(TrustedBytes.nothing)
    private var count = 0
    private var entry = 0
    private var lentData = LentBlock()
    /// The current key: the block's prefix, then what follows it.
    private let key = KeyBuffer()
    private var readAhead: ReadAhead?

    init(_ reader: TableReader, fillCache: Bool) {
        self.reader = reader
        self.fillCache = fillCache
        limit = reader.visibleThrough
        if !fillCache { readAhead = ReadAhead() }
    }

    func seekToFirst() throws(EngineError) {
        let root = try begin()
        if root.root.dataUnits == 0 { return }
        try enter(partition: 0, root)
        try enter(row: 0, root)
        entry = 0
        try settleForward(root)
    }

    func seekToLast() throws(EngineError) {
        let root = try begin()
        if root.root.dataUnits == 0 { return }
        try enter(partition: root.root.partitions - 1, root)
        try enter(row: indexRows - 1, root)
        entry = count - 1
        try settleBackward(root)
    }

    func seek(_ key: ByteView) throws(EngineError) {
        let root = try begin()
        guard try place(at: key, root) else { return }
        try settleForward(root)
    }

    func seekBefore(_ key: ByteView) throws(EngineError) {
        let root = try begin()
        if root.root.dataUnits == 0 { return }
        guard try place(at: key, root) else { return try seekToLast() }
        entry -= 1
        try settleBackward(root)
    }

    func next() throws(EngineError) {
        guard current != nil else { return }
        entry &+= 1
        if entry < count, isVisible(entry) { return show() }
        current = nil
        try settleForward(try reader.root())
    }

    func previous() throws(EngineError) {
        guard current != nil else { return }
        current = nil
        entry &-= 1
        try settleBackward(try reader.root())
    }

    // MARK: Places

    private func begin() throws(EngineError) -> TableRootPointer {
        current = nil
        return try reader.root()
    }

    /// Goes to the first entry whose key is not below `key`, which may be one past a block's last; false where the
    /// table has none.
    private func place(at key: ByteView, _ root: TableRootPointer) throws(EngineError) -> Bool {
        guard root.root.partitions > 0 else { return false }
        let partition = root.root.top.lowerBound(key)
        if partition == root.root.partitions { return false }
        try enter(partition: partition, root)
        let row = index.lowerBound(key)
        guard row < indexRows else { throw reader.contradiction(root.root.top.handle(partition)) }
        try enter(row: row, root)
        entry = data.lowerBound(key)
        return true
    }

    /// Shows the first entry from the current place on that readers see.
    private func settleForward(_ root: TableRootPointer) throws(EngineError) {
        while true {
            while entry < count {
                if isVisible(entry) { return show() }
                entry += 1
            }
            let row = unit - firstUnit + 1
            if row < indexRows {
                try enter(row: row, root)
            } else if partition + 1 < root.root.partitions {
                try enter(partition: partition + 1, root)
                try enter(row: 0, root)
            } else {
                return
            }
            entry = 0
        }
    }

    /// Shows the last entry up to the current place that readers see.
    private func settleBackward(_ root: TableRootPointer) throws(EngineError) {
        while true {
            while entry >= 0 {
                if isVisible(entry) { return show() }
                entry -= 1
            }
            let row = unit - firstUnit - 1
            if row >= 0 {
                try enter(row: row, root)
            } else if partition > 0 {
                try enter(partition: partition - 1, root)
                try enter(row: indexRows - 1, root)
            } else {
                return
            }
            entry = count - 1
        }
    }

    @inline(__always)
    private func isVisible(_ entry: Int) -> Bool {
        if limit == .max { return true }
        return (reader.globalSequence != 0 ? reader.globalSequence : data.sequence(entry)) <= limit
    }

    @inline(__always)
    private func show() {
        current = reader.entry(data, entry, key.replaceSuffix(data.suffix(entry)))
    }

    // MARK: Blocks

    private func enter(partition number: Int, _ root: TableRootPointer) throws(EngineError) {
        if number == partition { return }
        partition = -1
        unit = -1
        let handle = root.root.top.handle(number)
        let block = try hold(.index, handle, in: root.root.partitionSlot(number), &lentIndex)
        index = IndexBlock(block.content)
        indexRows = index.count
        firstUnit = index.firstUnit
        guard number == 0 ? firstUnit == 0 : firstUnit > 0 else { throw reader.contradiction(handle) }
        partition = number
    }

    private func enter(row: Int, _ root: TableRootPointer) throws(EngineError) {
        let number = firstUnit + row
        if number == unit { return }
        let isNext = number == unit + 1
        unit = -1
        let slot = root.root.dataSlot(number)
        let handle = index.handle(row)
        let block: CachedBlock
        if !fillCache, !pinResident(slot, &lentData), let readAhead {
            block = try readAhead.block(
                handle, sequential: isNext || readAhead.holds(handle), end: root.root.footer.filterOffset, reader)
            lentData.take(own: block)
        } else if !fillCache {
            block = lentData.held!
        } else {
            block = try hold(.data, handle, in: slot, &lentData)
        }
        data = DataBlock(block.content)
        count = data.count
        key.setPrefix(data.prefix)
        unit = number
    }

    /// Pins a resident block; false where it is not resident.
    private func pinResident(_ slot: Slot, _ lent: inout LentBlock) -> Bool {
        let block = EpochDomain.read { () -> CachedBlock? in
            guard let block = slot.load() else { return nil }
            block.touch()
            block.pin()
            return block
        }
        guard let block else { return false }
        lent.take(block, from: reader.cache)
        return true
    }

    /// Brings a unit into memory and keeps it in `lent`.
    private func hold(
        _ kind: UnitKind, _ handle: UnitHandle, in slot: Slot, _ lent: inout LentBlock
    ) throws(EngineError) -> CachedBlock {
        if pinResident(slot, &lent) { return lent.held! }
        let root = try reader.root().root
        let loaded = try reader.readUnit(kind, handle, root.footer, fillCache: fillCache)
        switch loaded {
        case .owned(let block):
            lent.take(own: block)
        case .unpublished(let block), .published(let block):
            // One pin for the cache, one for this iterator: both before others can see the block.
            block.pin()
            let published = EpochDomain.read { () -> CachedBlock? in
                let published = reader.cache.publish(block, in: slot, isOpen: { reader.isOpen })
                if let published, published.address != block.address { published.pin() }
                return published
            }
            if let published, published.address != block.address {
                reader.cache.unpin(block)
                lent.take(published, from: reader.cache)
            } else {
                // Not published: the cache's pin has no owner.
                if published == nil { reader.cache.unpin(block) }
                lent.take(block, from: reader.cache)
            }
        }
        return lent.held!
    }
}

/// A key put together from a block's prefix and an entry's rest.
@safe
private final class KeyBuffer {
    private let base: UnsafeMutableRawPointer
    private var prefixLength = 0

    init() {
        // Sixteen bytes more than a key can have: short rests are copied sixteen bytes at a time.
        unsafe base = .allocate(byteCount: 2 * TableFormat.maxKey + 16, alignment: 16)
    }

    deinit { unsafe base.deallocate() }

    func setPrefix(_ prefix: ByteView) {
        unsafe base.copyMemory(from: prefix.base, byteCount: prefix.count)
        prefixLength = prefix.count
    }

    /// `suffix` has 16 readable bytes after its last, as all content of blocks has.
    @inline(__always)
    func replaceSuffix(_ suffix: ByteView) -> ByteView {
        let target = unsafe base + prefixLength
        if suffix.count <= 16 {
            let low = unsafe suffix.base.loadUnaligned(as: UInt64.self)
            let high = unsafe suffix.base.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
            unsafe target.storeBytes(of: low, as: UInt64.self)
            unsafe target.storeBytes(of: high, toByteOffset: 8, as: UInt64.self)
        } else {
            unsafe target.copyMemory(from: suffix.base, byteCount: suffix.count)
        }
        return unsafe ByteView(base, count: prefixLength &+ suffix.count)
    }
}
