internal import CLinuxIO
internal import Synchronization

/// A unit's content in memory, behind a header of 32 bytes that shares its first cache line: in the block cache, or
/// owned by one reader where the cache refused it.
///
/// Lifetime of a cached one: it is published in its table's slot with one pin, the cache's own. Point readers find it
/// through the slot within an epoch and pin nothing. Iterators take a pin within an epoch. Eviction clears the slot,
/// and gives the cache's pin back after the epoch; with the last pin the memory goes back.
///
/// | offset | field |
/// |---|---|
/// | 0 | pins (u32, atomic) |
/// | 4 | sweeps that the block survives unread (u8, atomic) |
/// | 5 | what a read sets that to (u8) |
/// | 6 | kind (u8) |
/// | 7 | 1 where the memory is a large object or owned, not a span's (u8) |
/// | 8 | address of the slot it is published in, 0 where it is not (guarded by the cache's lock) |
/// | 16 | content length (u32) |
/// | 20 | object number within its span (u32), or number among the large objects |
/// | 24 | span number (u32) |
/// | 32 | content, then at least 16 bytes of slack |
@safe
struct CachedBlock: @unchecked Sendable {
    let base: UnsafeMutableRawPointer

    @inline(__always)
    init(_ base: UnsafeMutableRawPointer) { unsafe self.base = unsafe base }

    /// The block whose address a slot holds.
    @inline(__always)
    init?(slotWord: UInt) {
        guard let base = unsafe UnsafeMutableRawPointer(bitPattern: slotWord) else { return nil }
        unsafe self.base = unsafe base
    }

    static let headerSize = 32
    /// Bytes that a block takes in memory beside its content.
    static let overhead = 48

    @inline(__always) var address: UInt { UInt(bitPattern: unsafe base) }

    @inline(__always)
    @unsafe private var pins: UnsafeMutablePointer<Atomic<UInt32>> {
        unsafe base.assumingMemoryBound(to: Atomic<UInt32>.self)
    }

    @inline(__always)
    @unsafe private var life: UnsafeMutablePointer<Atomic<UInt8>> {
        unsafe (base + 4).assumingMemoryBound(to: Atomic<UInt8>.self)
    }

    /// Fills in the header of fresh memory; one pin is held.
    func initialize(kind: UnitKind, length: Int, isSpanned: Bool, object: Int, span: Int) {
        let full: UInt8 = kind == .data ? 1 : 4
        unsafe pins.initialize(to: Atomic(1))
        unsafe life.initialize(to: Atomic(full))
        unsafe base.storeBytes(of: full, toByteOffset: 5, as: UInt8.self)
        unsafe base.storeBytes(of: kind.rawValue, toByteOffset: 6, as: UInt8.self)
        unsafe base.storeBytes(of: isSpanned ? 0 : 1, toByteOffset: 7, as: UInt8.self)
        unsafe base.storeBytes(of: 0, toByteOffset: 8, as: UInt.self)
        unsafe base.storeBytes(of: UInt32(length), toByteOffset: 16, as: UInt32.self)
        unsafe base.storeBytes(of: UInt32(object), toByteOffset: 20, as: UInt32.self)
        unsafe base.storeBytes(of: UInt32(span), toByteOffset: 24, as: UInt32.self)
    }

    var kind: UnitKind { UnitKind(rawValue: unsafe base.load(fromByteOffset: 6, as: UInt8.self))! }
    var isSpanned: Bool { unsafe base.load(fromByteOffset: 7, as: UInt8.self) == 0 }
    var length: Int { Int(unsafe base.load(fromByteOffset: 16, as: UInt32.self)) }
    var object: Int {
        get { Int(unsafe base.load(fromByteOffset: 20, as: UInt32.self)) }
        nonmutating set { unsafe base.storeBytes(of: UInt32(newValue), toByteOffset: 20, as: UInt32.self) }
    }
    var span: Int { Int(unsafe base.load(fromByteOffset: 24, as: UInt32.self)) }

    /// The slot it is published in; guarded by the cache's lock.
    var slot: Slot? {
        get { Slot(address: unsafe base.load(fromByteOffset: 8, as: UInt.self)) }
        nonmutating set { unsafe base.storeBytes(of: newValue?.address ?? 0, toByteOffset: 8, as: UInt.self) }
    }

    /// The content's bytes.
    @inline(__always) var content: TrustedBytes { unsafe TrustedBytes(base + CachedBlock.headerSize) }
    /// The content as checked bytes.
    var view: ByteView { unsafe ByteView(base + CachedBlock.headerSize, count: length) }
    /// Where the content goes.
    @unsafe var target: UnsafeMutableRawPointer { unsafe base + CachedBlock.headerSize }

    /// Asks for the lines that a read of the content begins with.
    @inline(__always)
    func prefetch() {
        unsafe godwit_prefetch(base)
        unsafe godwit_prefetch(base + 64)
        unsafe godwit_prefetch(base + 128)
    }

    /// Notes a read for the sweep, writing only when the last sweep came by since the last read.
    @inline(__always)
    func touch() {
        let full = unsafe base.load(fromByteOffset: 5, as: UInt8.self)
        if unsafe life.pointee.load(ordering: .relaxed) != full { unsafe life.pointee.store(full, ordering: .relaxed) }
    }

    /// What the sweep does to a block that it passes: true where it has been unread for long enough to go.
    func ages() -> Bool {
        let left = unsafe life.pointee.load(ordering: .relaxed)
        if left > 0 { unsafe life.pointee.store(left - 1, ordering: .relaxed) }
        return left == 0
    }

    /// Whether somebody beside the cache pins it.
    var isPinned: Bool { unsafe pins.pointee.load(ordering: .relaxed) > 1 }

    /// Adds a pin; within an epoch in which the block was found in its slot.
    func pin() { unsafe pins.pointee.add(1, ordering: .relaxed) }

    /// Gives a pin back; true where it was the last.
    func unpin() -> Bool { unsafe pins.pointee.subtract(1, ordering: .acquiringAndReleasing).oldValue == 1 }

    /// Memory for a block that no cache knows; freed by `deallocate`.
    static func allocate(length: Int, kind: UnitKind) -> CachedBlock {
        let size = (length + overhead + 63) & ~63
        let block = unsafe CachedBlock(.allocate(byteCount: size, alignment: 64))
        block.initialize(kind: kind, length: length, isSpanned: false, object: 0, span: 0)
        block.clearSlack()
        return block
    }

    /// Sets the 16 bytes behind the content, so that reading past it reads nothing that was never written.
    func clearSlack() {
        unsafe (base + CachedBlock.headerSize + length).initializeMemory(as: UInt8.self, repeating: 0, count: 16)
    }

    func deallocate() { unsafe base.deallocate() }
}

/// One place of a table's slot array: 0, or the address of a published block.
@safe
struct Slot: @unchecked Sendable {
    private let pointer: UnsafeMutablePointer<Atomic<UInt>>

    @inline(__always)
    init(_ pointer: UnsafeMutablePointer<Atomic<UInt>>) { unsafe self.pointer = unsafe pointer }

    init?(address: UInt) {
        guard let pointer = unsafe UnsafeMutablePointer<Atomic<UInt>>(bitPattern: address) else { return nil }
        unsafe self.pointer = unsafe pointer
    }

    var address: UInt { UInt(bitPattern: unsafe pointer) }

    /// The published block, whose content is then visible too.
    @inline(__always)
    func load() -> CachedBlock? { CachedBlock(slotWord: unsafe pointer.pointee.load(ordering: .acquiring)) }

    /// Publishes a block or clears the slot; under the cache's lock.
    func store(_ block: CachedBlock?) { unsafe pointer.pointee.store(block?.address ?? 0, ordering: .releasing) }
}
