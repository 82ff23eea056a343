internal import Synchronization

/// Where a memtable's entries lie, one after the other in the order they were inserted; nothing moves or is changed
/// once it is published. An entry is named by its *unit*: its offset in steps of 8 bytes, from 1, so that 32 bits name
/// 32 GiB and 0 stands for none.
///
/// | offset | bytes | what |
/// |---|---|---|
/// | 0 | 8 | sequence number |
/// | 8 | 4 | unit of the next older version of the same key, 0 where there is none |
/// | 12 | 4 | bits 0–24 length of the value; bit 30: a deadline follows; bit 31: a delete |
/// | 16 | 2 | length of the key |
/// | 18 | 8 | deadline, only where bit 30 says so |
/// | … | | key, value, padding to a multiple of 8 |
@safe
struct EntryArena: ~Copyable {
    /// The address of the reserved memory; 0 before the first append.
    private let base = Atomic<UInt>(0)
    private let reserved: Int
    private let pool: ArenaPool?
    /// How many bytes another arena has touched already.
    private let touched = Atomic<Int>(0)

    /// The unit of the first entry.
    static let firstUnit: UInt32 = 1

    private static let headerBytes = 18
    private static let deleteBit: UInt32 = 1 << 31
    private static let deadlineBit: UInt32 = 1 << 30
    private static let valueMask: UInt32 = (1 << 25) - 1

    /// An arena with room for `capacity` bytes and then one batch of 64 MiB, however small its operations: three bytes
    /// of a batch are an operation, which takes 24 here. Memory comes from `pool` and goes back to it.
    init(capacity: Int, pool: ArenaPool?) {
        self.pool = pool
        reserved = capacity + 8 * (64 << 20) + PageMemory.hugePage
        precondition(reserved <= 8 * Int(UInt32.max), "memtable: a capacity above 31 GiB")
    }

    /// Gives the memory back, of which entries took the part before the unit `end`. Nobody may use it after.
    func release(end: UInt32) {
        let address = base.exchange(0, ordering: .acquiringAndReleasing)
        guard address != 0 else { return }
        let mapping = ArenaPool.Mapping(
            address: address, reserved: reserved, touched: max(Int(end) * 8, touched.load(ordering: .relaxed)))
        if let pool { pool.give(mapping) } else { ArenaPool.unmap(mapping) }
    }

    /// How many units an entry takes.
    @inline(__always)
    static func units(key: Int, value: Int, hasDeadline: Bool) -> UInt32 {
        UInt32(truncatingIfNeeded: (headerBytes + (hasDeadline ? 8 : 0) + key + value + 7) >> 3)
    }

    /// Writes an entry at `unit`, the end of what has been written, without a link to an older version. The writer's
    /// alone.
    @inline(__always)
    func write(
        at unit: UInt32, key: ByteView, sequence: SequenceNumber, kind: EntryKind, deadline: UInt64, value: ByteView
    ) {
        let start = base.load(ordering: .relaxed)
        let memory = unsafe UnsafeMutableRawPointer(bitPattern: start) ?? reserveMemory()
        precondition(
            Int(unit) * 8 + Self.headerBytes + 8 + key.count + value.count <= reserved, "memtable: the arena is full")
        let at = unsafe memory + Int(unit) * 8
        var lengths = UInt32(truncatingIfNeeded: value.count)
        if kind == .delete { lengths |= Self.deleteBit }
        var keyOffset = Self.headerBytes
        if deadline != 0 {
            lengths |= Self.deadlineBit
            unsafe at.storeBytes(of: deadline, toByteOffset: keyOffset, as: UInt64.self)
            keyOffset += 8
        }
        unsafe at.storeBytes(of: sequence, as: UInt64.self)
        unsafe at.storeBytes(of: 0, toByteOffset: 8, as: UInt32.self)
        unsafe at.storeBytes(of: lengths, toByteOffset: 12, as: UInt32.self)
        unsafe at.storeBytes(of: UInt16(truncatingIfNeeded: key.count), toByteOffset: 16, as: UInt16.self)
        unsafe (at + keyOffset).copyMemory(from: key.base, byteCount: key.count)
        unsafe (at + keyOffset + key.count).copyMemory(from: value.base, byteCount: value.count)
    }

    /// Links the entry just written to the next older version of its key. The writer's alone, before publishing.
    @inline(__always)
    func link(_ unit: UInt32, toOlder older: UInt32) {
        unsafe address(unit).storeBytes(of: older, toByteOffset: 8, as: UInt32.self)
    }

    @inline(never)
    @unsafe private func reserveMemory() -> UnsafeMutableRawPointer {
        let kept = pool?.take(reserved)
        touched.store(kept?.touched ?? 0, ordering: .relaxed)
        let memory = unsafe kept.flatMap { unsafe UnsafeMutableRawPointer(bitPattern: $0.address) }
            ?? PageMemory.reserve(reserved, smallPages: PageMemory.hugePage)
        base.store(UInt(bitPattern: memory), ordering: .releasing)
        return unsafe memory
    }

    /// The address of a published entry. Units come from the point index, from links and from walking: they are
    /// trusted.
    @inline(__always)
    @unsafe func address(_ unit: UInt32) -> UnsafeMutableRawPointer {
        unsafe UnsafeMutableRawPointer(bitPattern: base.load(ordering: .relaxed)).unsafelyUnwrapped + Int(unit) * 8
    }

    /// The sequence number of the entry at `unit`.
    @inline(__always)
    func sequence(_ unit: UInt32) -> SequenceNumber { unsafe address(unit).load(as: UInt64.self) }

    /// The unit of the next older version, or 0.
    @inline(__always)
    func older(_ unit: UInt32) -> UInt32 { unsafe address(unit).load(fromByteOffset: 8, as: UInt32.self) }

    /// The key of the entry at `unit`.
    @inline(__always)
    func key(_ unit: UInt32) -> ByteView {
        let at = unsafe address(unit)
        let lengths = unsafe at.load(fromByteOffset: 12, as: UInt32.self)
        let keyLength = unsafe Int(at.load(fromByteOffset: 16, as: UInt16.self))
        let offset = lengths & Self.deadlineBit == 0 ? Self.headerBytes : Self.headerBytes + 8
        return unsafe ByteView(at + offset, count: keyLength)
    }

    /// The entry at `unit`.
    @inline(__always)
    func entry(_ unit: UInt32) -> Entry {
        let at = unsafe address(unit)
        let lengths = unsafe at.load(fromByteOffset: 12, as: UInt32.self)
        let keyLength = unsafe Int(at.load(fromByteOffset: 16, as: UInt16.self))
        var offset = Self.headerBytes
        var deadline: UInt64 = 0
        if lengths & Self.deadlineBit != 0 {
            deadline = unsafe at.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            offset += 8
        }
        return Entry(
            key: unsafe ByteView(at + offset, count: keyLength),
            sequence: unsafe at.load(as: UInt64.self),
            kind: lengths & Self.deleteBit == 0 ? .put : .delete,
            deadline: deadline,
            value: unsafe ByteView(at + offset + keyLength, count: Int(lengths & Self.valueMask)))
    }

    /// The unit after the entry at `unit`.
    @inline(__always)
    func unit(after unit: UInt32) -> UInt32 {
        let at = unsafe address(unit)
        let lengths = unsafe at.load(fromByteOffset: 12, as: UInt32.self)
        return unit
            + Self.units(
                key: unsafe Int(at.load(fromByteOffset: 16, as: UInt16.self)), value: Int(lengths & Self.valueMask),
                hasDeadline: lengths & Self.deadlineBit != 0)
    }
}
