internal import Synchronization

/// Brings the data blocks that lookups of many keys lack into the cache, with reads that are under way at the same time. It
/// only prepares: a block that cannot be read, or that the cache does not take, is met again by the lookup itself, which
/// reads it alone and says what is wrong.
@safe
struct BlockFetch: ~Copyable {
    private struct Want {
        let reader: TableReader
        let unit: Int
        let handle: UnitHandle
        /// The unit's first byte within the piece.
        let skip: Int
    }

    private var wants: [Want] = []
    private var pieces: [FilePiece] = []

    deinit { for piece in pieces { unsafe piece.buffer.deallocate() } }

    var isEmpty: Bool { wants.isEmpty }

    /// Adds the block that stands in the way of a lookup of `key`, if it is a data block. Within an epoch.
    mutating func add(_ key: ByteView, hash: UInt64, in view: TreeView) {
        for (index, level) in view.levels.enumerated() where level.count > 0 {
            let places = index == 0 ? 0..<level.count : level.table(for: key).map { $0..<$0 + 1 } ?? 0..<0
            for place in places {
                let reader = level.tables[place].reader
                let unit = reader.locate(key, hash: hash).unit
                if unit >= 0, let handle = reader.handleOfMissing(unit, key) { return add(reader, unit, handle) }
            }
        }
    }

    private mutating func add(_ reader: TableReader, _ unit: Int, _ handle: UnitHandle) {
        if wants.contains(where: { $0.reader === reader && $0.unit == unit }) { return }
        guard let file = try? reader.file() else { return }
        // Direct reads want offset, length and memory aligned.
        let alignment: UInt64 = reader.direct ? 4096 : 1
        let start = handle.offset & ~(alignment - 1)
        let skip = Int(handle.offset - start)
        let length = (skip + handle.length + Int(alignment) - 1) & ~(Int(alignment) - 1)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: length, alignment: max(Int(alignment), 16))
        unsafe pieces.append(FilePiece(file, into: buffer, at: start))
        wants.append(Want(reader: reader, unit: unit, handle: handle, skip: skip))
    }

    /// Reads all and publishes what came. Blocks.
    mutating func run(_ fileSystem: any FileSystem, or pool: ColdReads) {
        if wants.count < 2 { return }
        if !fileSystem.readTogether(&pieces) { pool.readTogether(&pieces) }
        for (want, piece) in zip(wants, pieces) where piece.count >= want.skip + want.handle.length {
            let stored = unsafe ByteView(UnsafeRawBufferPointer(piece.buffer)).slice(want.skip, want.handle.length)
            want.reader.publish(stored, unit: want.unit, want.handle)
        }
    }
}

extension TableReader {
    /// Where a data unit lies that is not resident; nil where it is, or where the index is not. Within an epoch.
    fileprivate func handleOfMissing(_ unit: Int, _ key: ByteView) -> UnitHandle? {
        guard let root = TableRootPointer(address: rootAddress.load(ordering: .acquiring)),
            root.root.dataSlot(unit).load() == nil
        else { return nil }
        let partition = root.root.top.lowerBound(key)
        guard partition < root.root.partitions, let block = root.root.partitionSlot(partition).load() else {
            return nil
        }
        let index = IndexBlock(block.content)
        let row = unit - index.firstUnit
        return row >= 0 && row < index.count ? index.handle(row) : nil
    }

    /// Puts a data unit that was read into the cache. What is wrong with it is left for a read of it alone to say.
    fileprivate func publish(_ stored: ByteView, unit: Int, _ handle: UnitHandle) {
        guard let root = TableRootPointer(address: rootAddress.load(ordering: .acquiring)) else { return }
        cache.countMiss(.data)
        let loaded = try? decode(stored, .data, handle, root.root.footer) { cache.allocate(length: $0, kind: .data) }
        switch loaded {
        case .unpublished(let block), .published(let block):
            let published = EpochDomain.read { cache.publish(block, in: root.root.dataSlot(unit), isOpen: { isOpen }) }
            if published == nil { cache.unpin(block) }
        case .owned(let block): block.deallocate()
        case nil: return
        }
    }
}
