internal import CLinuxIO
internal import Synchronization

/// Finds a key's newest entry by the key's hash: an open-addressing table of 64-bit slots with one writer and any
/// number of lock-free readers.
///
/// A slot is 0 or (32 bits of the hash, the *tag*) << 32 | (the entry's unit). A tag's place is its own high bits, and
/// probing goes on to the next slot; so the slots are nearly sorted by tag, a table of twice the size is filled in one
/// sequential sweep, and no key is read for it. A slot, once taken, is only ever replaced by a newer version's: a
/// release store publishes the entry that was written before.
@safe
struct PointIndex: ~Copyable {
    /// The table's address with the logarithm of its slot count in the low bits, in one word, so that readers always
    /// have a pair that belongs together; 0 before the first insert.
    private let table = Atomic<UInt>(0)

    private static let logarithmMask: UInt = 63
    private static let smallestLogarithm: UInt = 9
    /// The size of the table that the first insert makes.
    private let firstLogarithm: UInt

    /// An empty index that will not have to grow for `keys` keys, nor for an eighth more: growing takes a millisecond for
    /// every hundred thousand. It takes no memory before the first insert.
    init(expecting keys: Int) {
        // Five eighths of the slots may be taken.
        let slots = UInt(keys + keys / 8) * 8 / 5 + 1
        firstLogarithm = max(Self.smallestLogarithm, UInt(UInt.bitWidth - slots.leadingZeroBitCount))
    }

    deinit {
        let word = table.load(ordering: .relaxed)
        if word != 0 { Self.free(word) }
    }

    /// How many bytes the table takes.
    var byteCount: Int {
        let word = table.load(ordering: .relaxed)
        return word == 0 ? 0 : 8 << Int(word & Self.logarithmMask)
    }

    /// Begins to load the slot that a lookup of `hash` starts with.
    @inline(__always)
    func prefetch(_ hash: UInt64) {
        let word = table.load(ordering: .relaxed)
        guard word != 0 else { return }
        let place = Self.place(hash >> 32, word & Self.logarithmMask)
        unsafe godwit_prefetch(Self.slots(word) + Int(place))
    }

    /// The unit of the newest entry whose tag is that of `hash` and for which `matches` holds; 0 when there is none.
    /// The caller is in an epoch, or is the writer.
    @inline(__always)
    func find(_ hash: UInt64, matches: (UInt32) -> Bool) -> UInt32 {
        let word = table.load(ordering: .acquiring)
        guard word != 0 else { return 0 }
        let tag = hash >> 32
        let logarithm = word & Self.logarithmMask
        let mask = UInt64(1) << UInt64(logarithm) - 1
        let slots = unsafe Self.slots(word)
        var place = Self.place(tag, logarithm)
        while true {
            let slot = unsafe slots[Int(place)].load(ordering: .acquiring)
            if slot == 0 { return 0 }
            if slot >> 32 == tag, matches(UInt32(truncatingIfNeeded: slot)) {
                return UInt32(truncatingIfNeeded: slot)
            }
            place = (place + 1) & mask
        }
    }

    /// Begins to load the newest entry that a lookup of `hash` may find. The caller is in an epoch.
    @inline(__always)
    func candidate(_ hash: UInt64) -> UInt32 { find(hash) { _ in true } }

    /// Publishes `unit`. Where the table has an entry with the tag of `hash` for which `matches` holds, `unit` takes
    /// its place, after `link` was called with the old unit. Returns whether the key is new. The writer's alone.
    @inline(__always)
    func insert(
        _ hash: UInt64, unit: UInt32, keys: Int, matches: (UInt32) -> Bool, link: (UInt32) -> Void
    ) -> Bool {
        var word = table.load(ordering: .relaxed)
        // At most five eighths full, as an unsuccessful probe of a fuller table goes far.
        if word == 0 || keys >= (5 << Int(word & Self.logarithmMask)) >> 3 {
            grow()
            word = table.load(ordering: .relaxed)
        }
        let tag = hash >> 32
        let logarithm = word & Self.logarithmMask
        let mask = UInt64(1) << UInt64(logarithm) - 1
        let slots = unsafe Self.slots(word)
        var place = Self.place(tag, logarithm)
        while true {
            let slot = unsafe slots[Int(place)].load(ordering: .relaxed)
            let isFree = slot == 0
            if isFree || (slot >> 32 == tag && matches(UInt32(truncatingIfNeeded: slot))) {
                if !isFree { link(UInt32(truncatingIfNeeded: slot)) }
                unsafe slots[Int(place)].store(tag << 32 | UInt64(unit), ordering: .releasing)
                return isFree
            }
            place = (place + 1) & mask
        }
    }

    /// Publishes a table of twice the slots; readers may still be in the old one.
    @inline(never)
    private func grow() {
        let old = table.load(ordering: .relaxed)
        guard old != 0 else {
            table.store(Self.make(firstLogarithm), ordering: .releasing)
            return
        }
        let logarithm = old & Self.logarithmMask
        precondition(logarithm < 31, "memtable: too many keys")
        let new = Self.make(logarithm + 1)
        let mask = UInt64(2) << UInt64(logarithm) - 1
        let (from, to) = unsafe (Self.slots(old), Self.slots(new))
        for index in 0..<(1 << Int(logarithm)) {
            let slot = unsafe from[index].load(ordering: .relaxed)
            if slot == 0 { continue }
            var place = Self.place(slot >> 32, logarithm + 1)
            while unsafe to[Int(place)].load(ordering: .relaxed) != 0 { place = (place + 1) & mask }
            unsafe to[Int(place)].store(slot, ordering: .relaxed)
        }
        table.store(new, ordering: .releasing)
        EpochDomain.retire(bytes: 8 << Int(logarithm)) { Self.free(old) }
    }

    @inline(__always)
    private static func place(_ tag: UInt64, _ logarithm: UInt) -> UInt64 { tag >> UInt64(32 - logarithm) }

    @inline(__always)
    @unsafe private static func slots(_ word: UInt) -> UnsafeMutablePointer<Atomic<UInt64>> {
        unsafe UnsafeMutablePointer(bitPattern: word & ~logarithmMask).unsafelyUnwrapped
    }

    private static func make(_ logarithm: UInt) -> UInt {
        let memory = unsafe PageMemory.allocate(8 << Int(logarithm))
        unsafe memory.bindMemory(to: Atomic<UInt64>.self, capacity: 1 << Int(logarithm))
        return UInt(bitPattern: memory) | logarithm
    }

    private static func free(_ word: UInt) {
        unsafe PageMemory.free(
            UnsafeMutableRawPointer(bitPattern: word & ~logarithmMask)!, 8 << Int(word & logarithmMask))
    }
}
