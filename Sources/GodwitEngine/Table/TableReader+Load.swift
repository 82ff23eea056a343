internal import Synchronization

/// A unit that was brought into memory, and who sees to its lifetime.
enum LoadedUnit {
    /// Published: the epoch keeps it.
    case published(CachedBlock)
    /// In the cache's memory but in no slot: the receiver gives its one pin back.
    case unpublished(CachedBlock)
    /// Allocated for the receiver, who frees it.
    case owned(CachedBlock)
}

extension TableReader {
    /// The root; on first use, reads footer and top index.
    func root() throws(EngineError) -> TableRootPointer {
        if let root = TableRootPointer(address: rootAddress.load(ordering: .acquiring)) { return root }
        return try openRoot()
    }

    @inline(never)
    private func openRoot() throws(EngineError) -> TableRootPointer {
        let footer = try readFooter()
        var fresh: TableRootPointer
        if footer.partitions == 0 {
            fresh = TableRoot.make(footer: footer, top: .empty)
        } else {
            let handle = UnitHandle(
                offset: footer.topOffset, length: Int(footer.propertiesOffset - footer.topOffset))
            let block = try readOwned(.top, handle)
            defer { block.deallocate() }
            do throws(FormatProblem) {
                try TableReader.checkTop(block.view, footer)
            } catch {
                throw noted(error.error(UnitKind.top.name, file: path, offset: handle.offset))
            }
            fresh = TableRoot.make(footer: footer, top: block.view)
        }
        let (first, other) = rootAddress.compareExchange(
            expected: 0, desired: fresh.address, ordering: .acquiringAndReleasing)
        if first {
            cache.charge(fresh.root.size)
        } else {
            fresh.deallocate()
            fresh = TableRootPointer(address: other)!
        }
        return fresh
    }

    /// Reads and checks the footer.
    func readFooter() throws(EngineError) -> TableFooter {
        let length = UInt64(TableFormat.footer)
        let actual = try file().size()
        guard actual == size, size >= length else {
            throw noted(
                EngineError(
                    .corruption,
                    "table \(number) has \(actual) bytes where the manifest says \(size): restore the file, or repair",
                    file: path, offset: min(actual, size)))
        }
        let offset = size - length
        let footer = try readStored(UnitHandle(offset: offset, length: Int(length))) {
            (bytes) throws(EngineError) -> TableFooter in
            do throws(FormatProblem) {
                return try TableFooter(decoding: bytes, at: offset)
            } catch {
                throw noted(error.error("the footer", file: path, offset: offset))
            }
        }
        guard footer.id == id else {
            throw noted(
                EngineError(
                    .corruption,
                    "the file belongs to another table or store, not to table \(number) here: restore the right file",
                    file: path, offset: offset))
        }
        guard footer.seedProof == TableFormat.seedProof(id, hashSeed: hashSeed) else {
            throw noted(
                EngineError(
                    .corruption,
                    "table \(number) was written under another hash seed, by another store: restore the right file",
                    file: path, offset: offset))
        }
        return footer
    }

    /// Checks that the top index has the partitions that the footer says.
    static func checkTop(_ view: ByteView, _ footer: TableFooter) throws(FormatProblem) {
        try IndexBlock.validate(view, units: Int(footer.partitions), end: footer.topOffset)
        guard view.load(0, as: UInt32.self) == footer.partitions, view.load(4, as: UInt32.self) == 0,
            view.load(8, as: UInt64.self) == footer.indexOffset
        else { throw .damaged("contradicts the footer") }
    }

    // MARK: Units

    /// Where filter unit `unit` lies.
    func filterHandle(_ unit: Int, _ footer: TableFooter) -> UnitHandle {
        let length = TableFormat.unitHeader + TableFormat.filterHeader + 64 * Int(footer.filterLines)
        return UnitHandle(offset: footer.filterOffset + UInt64(unit * length), length: length)
    }

    /// Brings a unit into memory: into the cache where `fillCache` says so and the cache takes it. Within an epoch.
    func load(
        _ kind: UnitKind, _ handle: UnitHandle, in slot: Slot, fillCache: Bool
    ) throws(EngineError) -> LoadedUnit {
        let loaded = try readUnit(kind, handle, try root().root.footer, fillCache: fillCache)
        guard case .unpublished(let block) = loaded else { return loaded }
        if let published = cache.publish(block, in: slot, isOpen: { isOpen }) { return .published(published) }
        return loaded
    }

    /// Reads a unit into the cache's memory, not yet published, or into memory of its own.
    func readUnit(
        _ kind: UnitKind, _ handle: UnitHandle, _ footer: TableFooter, fillCache: Bool
    ) throws(EngineError) -> LoadedUnit {
        if fillCache { cache.countMiss(kind) }
        return try readStored(handle) { (stored) throws(EngineError) -> LoadedUnit in
            try decode(stored, kind, handle, footer) { fillCache ? cache.allocate(length: $0, kind: kind) : nil }
        }
    }

    /// Brings a filter unit into the cache; nil where the cache has no room for it: reading 64 KiB to save one read of
    /// a block would not pay.
    func loadFilter(_ unit: Int, _ root: TableRootPointer) throws(EngineError) -> CachedBlock? {
        let footer = root.root.footer
        let length = TableFormat.filterHeader + 64 * Int(footer.filterLines)
        guard let room = cache.allocate(length: length, kind: .filter) else { return nil }
        cache.countMiss(.filter)
        let handle = filterHandle(unit, footer)
        var isFilled = false
        defer { if !isFilled { cache.unpin(room) } }
        _ = try readStored(handle) { (stored) throws(EngineError) -> LoadedUnit in
            try decode(stored, .filter, handle, footer) { $0 == length ? room : nil }
        }
        isFilled = true
        if let published = cache.publish(room, in: root.root.filterSlot(unit), isOpen: { isOpen }) { return published }
        cache.unpin(room)
        return nil
    }

    /// Reads a unit into memory of its own, past the cache.
    func readOwned(_ kind: UnitKind, _ handle: UnitHandle) throws(EngineError) -> CachedBlock {
        try readStored(handle) { (stored) throws(EngineError) -> CachedBlock in
            try decodeOwned(stored, kind, handle)
        }
    }

    /// Unpacks a stored unit into memory of its own; content that points elsewhere is not checked.
    func decodeOwned(
        _ stored: ByteView, _ kind: UnitKind, _ handle: UnitHandle
    ) throws(EngineError) -> CachedBlock {
        let loaded = try decode(stored, kind, handle, nil) { _ in nil }
        guard case .owned(let block) = loaded else { preconditionFailure("no room was offered") }
        return block
    }

    /// Checks and unpacks a stored unit, into what `room` gives for its length or else into memory of its own.
    func decode(
        _ stored: ByteView, _ kind: UnitKind, _ handle: UnitHandle, _ footer: TableFooter?,
        room: (Int) -> CachedBlock?
    ) throws(EngineError) -> LoadedUnit {
        do throws(FormatProblem) {
            let header = try UnitHeader(checking: stored, kind: kind, id: id, offset: handle.offset)
            let given = room(header.rawLength)
            let block = given ?? CachedBlock.allocate(length: header.rawLength, kind: kind)
            do throws(FormatProblem) {
                let content = stored.dropFirst(TableFormat.unitHeader)
                switch header.compression {
                case .none: unsafe block.target.copyMemory(from: content.base, byteCount: content.count)
                case .lz4:
                    guard unsafe content.decompress(into: block.target, count: header.rawLength) else {
                        throw .damaged("has a good checksum and does not decompress")
                    }
                }
                switch kind {
                case .data: try DataBlock.validate(block.view)
                case .index:
                    if let footer {
                        try IndexBlock.validate(
                            block.view, units: Int(footer.dataUnits), end: footer.filterOffset)
                    }
                case .filter:
                    if let footer { try FilterUnit.validate(block.view, lines: Int(footer.filterLines)) }
                case .top, .rangeTombstones, .properties: break
                }
            } catch {
                // The filter's room stays its caller's.
                if given == nil { block.deallocate() } else if kind != .filter { cache.unpin(block) }
                throw error
            }
            return given == nil ? .owned(block) : .unpublished(block)
        } catch {
            throw noted(error.error("\(kind.name) of table \(number)", file: path, offset: handle.offset))
        }
    }

    // MARK: Ahead of reads

    /// Which part of the data blocks is in the cache, about.
    var residentShare: Double {
        guard let root = TableRootPointer(address: rootAddress.load(ordering: .acquiring)), root.root.dataUnits > 0
        else { return 0 }
        return Double((0..<root.root.dataUnits).count { root.root.dataSlot($0).load() != nil }) / Double(root.root.dataUnits)
    }

    /// Brings the root, the filter and the index into the cache, unless they would take much of it, and the blocks that
    /// were kept when the table was written: the first reads of a new table then need not. What cannot be read is left
    /// for them to meet.
    func warm(_ fresh: FreshBlocks?) {
        guard let root = try? root() else { return }
        fresh?.publish(in: root) { isOpen }
        let footer = root.root.footer
        let filter = UInt64(footer.filterUnits) * 64 * UInt64(footer.filterLines)
        guard filter + footer.topOffset - footer.indexOffset <= UInt64(cache.statistics.capacity / 16) else { return }
        for unit in 0..<Int(root.root.filterUnits) where root.root.filterSlot(unit).load() == nil {
            EpochDomain.read { _ = try? loadFilter(unit, root) }
        }
        for partition in 0..<root.root.partitions where root.root.partitionSlot(partition).load() == nil {
            var lent = LentBlock()
            EpochDomain.read { _ = try? hold(partition: partition, root, &lent) }
            lent.release()
        }
    }

    // MARK: Bytes

    /// Lends the stored bytes of a unit for the time of one call.
    func readStored<R>(
        _ handle: UnitHandle, _ body: (ByteView) throws(EngineError) -> R
    ) throws(EngineError) -> R {
        // Direct reads want offset, length and memory aligned.
        let alignment = direct ? 4096 : 1
        let start = handle.offset & ~UInt64(alignment - 1)
        let skip = Int(handle.offset - start)
        let length = (skip + handle.length + alignment - 1) & ~(alignment - 1)
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: length, alignment: max(alignment, 16))
        defer { unsafe buffer.deallocate() }
        let count = try unsafe file().readFully(into: buffer, at: start)
        guard count >= skip + handle.length else {
            throw noted(
                EngineError(
                    .corruption, "table \(number) ends in the middle of a block: restore the file, or repair",
                    file: path, offset: handle.offset))
        }
        return try body(unsafe ByteView(UnsafeRawBufferPointer(buffer)).slice(skip, handle.length))
    }
}
