internal import Synchronization

/// What a reader keeps of an open table: the footer's numbers, the top index, and the slots of everything that is
/// cached. One allocation, made on first use, read without a lock, freed with the reader.
@safe
struct TableRoot {
    /// Where the header, the slots and the top index are.
    private let memory: UnsafeMutableRawPointer
    private let slots: UnsafeMutablePointer<Atomic<UInt>>
    let filterUnits: UInt64
    let filterLines: UInt64
    let partitions: Int
    let dataUnits: Int
    /// The top index; nothing to search in a table without entries.
    let top: IndexBlock
    let footer: TableFooter
    /// Bytes taken.
    let size: Int

    /// Slots in all: filter units, partitions, data units.
    var slotCount: Int { Int(filterUnits) + partitions + dataUnits }

    @inline(__always)
    func filterSlot(_ unit: Int) -> Slot { unsafe Slot(slots + unit) }
    @inline(__always)
    func partitionSlot(_ partition: Int) -> Slot { unsafe Slot(slots + Int(filterUnits) + partition) }
    @inline(__always)
    func dataSlot(_ unit: Int) -> Slot { unsafe Slot(slots + (Int(filterUnits) &+ partitions &+ unit)) }
    func slot(_ number: Int) -> Slot { unsafe Slot(slots + number) }

    /// Lays a root out; `top` is the validated content of the top index, empty for a table without entries.
    static func make(footer: TableFooter, top: ByteView) -> TableRootPointer {
        let slotCount = Int(footer.filterUnits) + Int(footer.partitions) + Int(footer.dataUnits)
        let head = (MemoryLayout<TableRoot>.size + 63) & ~63
        let topAt = head + (slotCount * 8 + 63) & ~63
        let size = topAt + top.count + 64
        let memory = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 64)
        unsafe memory.initializeMemory(as: UInt8.self, repeating: 0, count: size)
        let slots = unsafe (memory + head).bindMemory(to: Atomic<UInt>.self, capacity: slotCount)
        for index in 0..<slotCount { unsafe (slots + index).initialize(to: Atomic(0)) }
        unsafe (memory + topAt).copyMemory(from: top.base, byteCount: top.count)
        let root = unsafe TableRoot(
            memory: memory, slots: slots, filterUnits: UInt64(footer.filterUnits),
            filterLines: UInt64(footer.filterLines), partitions: Int(footer.partitions),
            dataUnits: Int(footer.dataUnits), top: IndexBlock(TrustedBytes(memory + topAt)), footer: footer,
            size: size)
        unsafe memory.bindMemory(to: TableRoot.self, capacity: 1).initialize(to: root)
        return TableRootPointer(address: UInt(bitPattern: memory))!
    }

    fileprivate func deallocate() { unsafe memory.deallocate() }
}

/// The address of a root: what point reads go through, so that they copy no more of it than they use.
@safe
struct TableRootPointer {
    private let pointer: UnsafeMutablePointer<TableRoot>

    @inline(__always)
    init?(address: UInt) {
        guard let pointer = unsafe UnsafeMutablePointer<TableRoot>(bitPattern: address) else { return nil }
        unsafe self.pointer = unsafe pointer
    }

    var address: UInt { UInt(bitPattern: unsafe pointer) }

    @inline(__always)
    var root: TableRoot { unsafe pointer.pointee }

    func deallocate() { root.deallocate() }
}
