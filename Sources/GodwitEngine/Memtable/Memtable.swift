internal import CLinuxIO
internal import Synchronization

/// The newest entries of one keyspace, in memory: one writer, any number of readers that take no lock.
///
/// 1. An insert appends the entry to the arena and publishes it in the point index; the versions of a key are a chain,
///    newest first. Sequence numbers of one key must ascend.
/// 2. A lookup goes hash → slot → entry: two cache misses.
/// 3. Order is made only when somebody asks for an iterator: see `OrderedIndex`. Writers never pay for it.
///
/// The writer's calls must not overlap. Readers hold the memtable strongly or are in an epoch, with the memtable
/// released through `EpochDomain.retire`.
@safe
final class Memtable: @unchecked Sendable {
    let arena: EntryArena
    private let index: PointIndex
    /// A retained `RangeTombstones`, or 0 when there are none.
    private let tombstones = Atomic<UInt>(0)
    private let ordered = OrderedIndex()
    private let hashSeed: UInt64
    /// What inserts change, away from the lines that lookups read.
    private let counters: UnsafeMutablePointer<Counters>

    /// The longest key.
    static let maxKeyLength = 16 << 10
    /// The longest value.
    static let maxValueLength = 16 << 20

    /// An empty memtable. It takes next to no memory before the first insert. `capacity` is the `bytesUsed` at which
    /// its owner stops inserting, but for the batch that passes it; `hashSeed` is what the keys' hashes are made with.
    /// With a pool, memory is reused from one memtable to the next. For `keys` different keys no insert takes long.
    init(capacity: Int, hashSeed: UInt64, pool: ArenaPool? = nil, expecting keys: Int = 0) {
        index = PointIndex(expecting: keys)
        arena = EntryArena(capacity: capacity, pool: pool)
        self.hashSeed = hashSeed
        let memory = UnsafeMutableRawPointer.allocate(byteCount: 256, alignment: 128)
        unsafe counters = memory.bindMemory(to: Counters.self, capacity: 1)
        unsafe counters.initialize(to: Counters())
    }

    deinit {
        arena.release(end: unsafe counters.pointee.end.load(ordering: .relaxed))
        unsafe counters.deinitialize(count: 1)
        unsafe counters.deallocate()
        let address = tombstones.load(ordering: .relaxed)
        if address != 0 { unsafe Self.object(address).release() }
    }

    /// Adds one version of a key; `hash` is the key's under the store's seed. A deadline of 0 stands for never.
    func insert(
        key: ByteView, hash: UInt64, sequence: SequenceNumber, kind: EntryKind, deadline: UInt64, value: ByteView
    ) {
        precondition(
            key.count <= Self.maxKeyLength && value.count <= Self.maxValueLength, "memtable: an entry that is too long")
        precondition(sequence > 0)
        assert(hash == key.hash(seed: hashSeed), "memtable: a hash of another seed")
        index.prefetch(hash)
        let counters = unsafe counters
        let unit = unsafe counters.pointee.end.load(ordering: .relaxed)
        arena.write(at: unit, key: key, sequence: sequence, kind: kind, deadline: deadline, value: value)
        let isNew = index.insert(
            hash, unit: unit, keys: keyCount,
            matches: { arena.key($0).equals(key) },
            link: { older in
                precondition(arena.sequence(older) < sequence, "memtable: a version that is not its key's newest")
                arena.link(unit, toOlder: older)
            })
        unsafe counters.pointee.count(
            isNew: isNew, isDelete: kind == .delete, sequence: sequence, deadline: deadline,
            end: unit + EntryArena.units(key: key.count, value: value.count, hasDeadline: deadline != 0))
    }

    /// Deletes the keys in `start ..< end`; `sequence` must be above that of every range delete before.
    func insertRangeDelete(start: ByteView, end: ByteView, sequence: SequenceNumber) {
        unsafe counters.pointee.note(sequence)
        guard start.compare(end) < 0 else { return }
        let old = tombstones.load(ordering: .relaxed)
        let new =
            if old == 0 {
                RangeTombstones.none.adding(start: start, end: end, sequence: sequence)
            } else {
                unsafe Self.object(old).takeUnretainedValue().adding(start: start, end: end, sequence: sequence)
            }
        unsafe counters.pointee.rangeDeletes.bump()
        unsafe counters.pointee.rangeBytes.store(new.byteCount, ordering: .relaxed)
        let address = unsafe UInt(bitPattern: Unmanaged.passRetained(new).toOpaque())
        tombstones.store(address, ordering: .releasing)
        if old != 0 {
            let bytes = unsafe Self.object(old).takeUnretainedValue().byteCount
            EpochDomain.retire(bytes: bytes) { unsafe Self.object(old).release() }
        }
    }

    /// The newest version of `key` that is not newer than `snapshot`. The entry is lent from the memtable.
    func find(_ key: ByteView, hash: UInt64, at snapshot: SequenceNumber) -> Entry? {
        // The epoch keeps the index's table; who keeps the memtable keeps the arena.
        var unit = EpochDomain.read { index.find(hash) { arena.key($0).equals(key) } }
        while unit != 0 {
            if arena.sequence(unit) <= snapshot { return arena.entry(unit) }
            unit = arena.older(unit)
        }
        return nil
    }

    /// Begins to load what `find` reads first.
    @inline(__always)
    func prefetch(hash: UInt64) { index.prefetch(hash) }

    /// Begins to load what `find` reads second; what `prefetch(hash:)` began to load should be there.
    @inline(__always)
    func prefetchEntry(hash: UInt64) {
        let unit = EpochDomain.read { index.candidate(hash) }
        if unit != 0 { unsafe godwit_prefetch(arena.address(unit)) }
    }

    /// How many different keys there are.
    var keyCount: Int { unsafe counters.pointee.keys.load(ordering: .relaxed) }

    /// Whether ranges have been deleted: one relaxed load.
    @inline(__always)
    var hasRangeTombstones: Bool { tombstones.load(ordering: .relaxed) != 0 }

    /// The range deletes so far.
    var rangeTombstones: RangeTombstones {
        guard hasRangeTombstones else { return .none }
        return EpochDomain.read { unsafe Self.object(tombstones.load(ordering: .acquiring)).takeUnretainedValue() }
    }

    /// The sequence number of the newest range delete that covers `key` and is not newer than `snapshot`, 0 where there
    /// is none. No lock, no reference count; one relaxed load where no range was deleted.
    @inline(__always)
    func rangeDelete(covering key: ByteView, at snapshot: SequenceNumber) -> SequenceNumber {
        hasRangeTombstones ? searchRangeDeletes(key, snapshot) : 0
    }

    @inline(never)
    private func searchRangeDeletes(_ key: ByteView, _ snapshot: SequenceNumber) -> SequenceNumber {
        EpochDomain.read {
            unsafe Self.object(tombstones.load(ordering: .acquiring))
                ._withUnsafeGuaranteedRef { $0.covering(key, at: snapshot) }
        }
    }

    /// An iterator over at least all entries whose insertion happened before the call, in order. It keeps the memtable.
    /// Entries newer than a reader's snapshot are for the reader to skip. The first call since many inserts sorts them.
    func iterator() -> any EntryIterator {
        let runs = ordered.runs(arena, through: unsafe counters.pointee.end.load(ordering: .acquiring))
        return MergingIterator.merging(runs.map { RunIterator(self, $0) })
    }

    /// How many bytes inserts have taken: entries, point index and range deletes. What rotation is decided by.
    var bytesUsed: Int {
        let counters = unsafe counters
        let units = unsafe counters.pointee.end.load(ordering: .relaxed) - EntryArena.firstUnit
        return unsafe Int(units) * 8 + index.byteCount + counters.pointee.rangeBytes.load(ordering: .relaxed)
    }

    /// How many bytes the sorted runs that iterators asked for take, on top of `bytesUsed`.
    var orderedBytes: Int { ordered.byteCount }

    /// How many entries there are, versions of one key counted each, range deletes not.
    var entryCount: Int { unsafe counters.pointee.entries.load(ordering: .relaxed) }
    /// How many of them are deletes.
    var tombstoneCount: Int { unsafe counters.pointee.deletes.load(ordering: .relaxed) }
    /// How many range deletes there are.
    var rangeTombstoneCount: Int { unsafe counters.pointee.rangeDeletes.load(ordering: .relaxed) }
    /// How many entries have a deadline.
    var expiringCount: Int { unsafe counters.pointee.expiring.load(ordering: .relaxed) }
    /// The first inserted sequence number; 0 when empty.
    var firstSequence: SequenceNumber { unsafe counters.pointee.first.load(ordering: .relaxed) }
    /// The last inserted sequence number; 0 when empty.
    var lastSequence: SequenceNumber { unsafe counters.pointee.last.load(ordering: .relaxed) }
    /// The earliest deadline; 0 when there is none.
    var minDeadline: UInt64 {
        let deadline = unsafe counters.pointee.minDeadline.load(ordering: .relaxed)
        return deadline == .max ? 0 : deadline
    }
    /// The latest deadline; 0 when there is none.
    var maxDeadline: UInt64 { unsafe counters.pointee.maxDeadline.load(ordering: .relaxed) }
    /// Whether nothing was ever inserted, range deletes included.
    var isEmpty: Bool { lastSequence == 0 }

    @inline(__always)
    @unsafe private static func object(_ address: UInt) -> Unmanaged<RangeTombstones> {
        unsafe .fromOpaque(UnsafeRawPointer(bitPattern: address).unsafelyUnwrapped)
    }
}

/// What the writer counts and anybody may read.
private struct Counters: ~Copyable {
    /// The unit after the last published entry; released after the entry was written.
    let end = Atomic<UInt32>(EntryArena.firstUnit)
    /// How many different keys the point index holds.
    let keys = Atomic<Int>(0)
    let entries = Atomic<Int>(0)
    let deletes = Atomic<Int>(0)
    let rangeDeletes = Atomic<Int>(0)
    let rangeBytes = Atomic<Int>(0)
    let expiring = Atomic<Int>(0)
    let first = Atomic<UInt64>(0)
    let last = Atomic<UInt64>(0)
    let minDeadline = Atomic<UInt64>(.max)
    let maxDeadline = Atomic<UInt64>(0)

    @inline(__always)
    func count(isNew: Bool, isDelete: Bool, sequence: SequenceNumber, deadline: UInt64, end: UInt32) {
        if isNew { keys.bump() }
        if isDelete { deletes.bump() }
        entries.bump()
        note(sequence)
        if deadline != 0 {
            expiring.bump()
            if deadline < minDeadline.load(ordering: .relaxed) { minDeadline.store(deadline, ordering: .relaxed) }
            if deadline > maxDeadline.load(ordering: .relaxed) { maxDeadline.store(deadline, ordering: .relaxed) }
        }
        self.end.store(end, ordering: .releasing)
    }

    @inline(__always)
    func note(_ sequence: SequenceNumber) {
        if first.load(ordering: .relaxed) == 0 { first.store(sequence, ordering: .relaxed) }
        last.store(sequence, ordering: .relaxed)
    }
}

extension Atomic where Value == Int {
    /// One more, by the only thread that writes: no locked instruction.
    @inline(__always)
    fileprivate func bump() { store(load(ordering: .relaxed) &+ 1, ordering: .relaxed) }
}
