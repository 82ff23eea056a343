internal import GodwitEngine

/// What has been written and is not committed yet: the commands of a turn read it before they ask the engine. Entries are
/// only added; the newest of a key counts.
@safe
final class Overlay {
    /// One write. Places are in `arena`.
    struct Entry {
        let hash: UInt64
        let keyspace: UInt32
        let keyStart: Int
        let keyLength: Int
        /// -1 for a delete.
        let valueLength: Int
        let deadline: UInt64
    }

    /// What it knows of a key.
    enum Answer {
        case unknown
        case absent
        case found(ByteSlice, deadline: UInt64)
    }

    private let written = LoopOwned<ContiguousArray<Entry>>([])
    var entries: ContiguousArray<Entry> {
        @inline(__always) _read { yield written.value }
    }
    /// Keyspaces that were emptied: what the engine has there is gone.
    private let emptied = LoopOwned<[UInt32]>([])
    var cleared: [UInt32] {
        @inline(__always) _read { yield emptied.value }
    }
    private let arena = ByteBox(capacity: 64 << 10)
    private var slots: UnsafeMutablePointer<Int32>
    private var mask = 1023
    private let seed = UInt64.random(in: .min ... .max)

    init() {
        unsafe slots = .allocate(capacity: 1024)
        unsafe slots.initialize(repeating: -1, count: 1024)
        written.value.reserveCapacity(512)
    }

    deinit { unsafe slots.deallocate() }

    @inline(__always)
    var isEmpty: Bool { entries.isEmpty && cleared.isEmpty }

    @inline(__always)
    func hash(_ key: ByteSlice) -> UInt64 { key.hash(seed: seed) }

    /// Forgets everything.
    func clear() {
        if entries.count * 4 < mask {
            for entry in entries { unclaim(entry.hash) }
        } else {
            unsafe slots.update(repeating: -1, count: mask + 1)
        }
        written.value.removeAll(keepingCapacity: entries.capacity <= 1 << 16)
        emptied.value.removeAll()
        arena.clear(keeping: 1 << 20)
    }

    /// Empties the whole run of slots that an entry may stand in.
    private func unclaim(_ hash: UInt64) {
        var slot = Int(truncatingIfNeeded: hash) & mask
        while unsafe slots[slot] >= 0 {
            unsafe slots[slot] = -1
            slot = (slot + 1) & mask
        }
    }

    /// Everything the engine has in a keyspace is gone, and what was written here before.
    func clear(_ keyspace: UInt32) {
        if !cleared.contains(keyspace) { emptied.value.append(keyspace) }
        for index in entries.indices where entries[index].keyspace == keyspace && entries[index].valueLength >= 0 {
            let entry = entries[index]
            written.value[index] = Entry(
                hash: entry.hash, keyspace: keyspace, keyStart: entry.keyStart, keyLength: entry.keyLength,
                valueLength: -1, deadline: 0)
        }
    }

    func key(of entry: Entry) -> ByteSlice { arena.slice.slice(entry.keyStart, entry.keyLength) }

    func value(of entry: Entry) -> ByteSlice {
        arena.slice.slice(entry.keyStart + entry.keyLength, max(0, entry.valueLength))
    }

    /// What is known of a key. A slice is good until the next write.
    @inline(__always)
    func find(_ keyspace: UInt32, _ key: ByteSlice) -> Answer {
        if isEmpty { return .unknown }
        return search(keyspace, key, hash(key))
    }

    private func search(_ keyspace: UInt32, _ key: ByteSlice, _ hash: UInt64) -> Answer {
        var slot = Int(truncatingIfNeeded: hash) & mask
        while true {
            let index = unsafe Int(slots[slot])
            if index < 0 { return cleared.contains(keyspace) ? .absent : .unknown }
            let entry = entries[index]
            if entry.hash == hash, entry.keyspace == keyspace, self.key(of: entry).equals(key) {
                return entry.valueLength < 0 ? .absent : .found(value(of: entry), deadline: entry.deadline)
            }
            slot = (slot + 1) & mask
        }
    }

    /// Adds a write; `fill` appends the value, nil for a delete. Returns the key and the value as they lie here.
    @inline(__always)
    func add(
        _ keyspace: UInt32, _ key: ByteSlice, deadline: UInt64, _ fill: ((ByteBox) -> Void)?
    ) -> (key: ByteSlice, value: ByteSlice) {
        let hash = hash(key)
        let start = arena.count
        arena.append(key)
        fill?(arena)
        let entry = Entry(
            hash: hash, keyspace: keyspace, keyStart: start, keyLength: key.count,
            valueLength: fill == nil ? -1 : arena.count - start - key.count, deadline: deadline)
        if entries.count * 2 > mask { grow() }
        place(entry, Int32(truncatingIfNeeded: entries.count))
        written.value.append(entry)
        return (self.key(of: entry), value(of: entry))
    }

    @inline(__always)
    private func place(_ entry: Entry, _ number: Int32) {
        var slot = Int(truncatingIfNeeded: entry.hash) & mask
        while true {
            let index = unsafe Int(slots[slot])
            if index < 0 { break }
            let other = entries[index]
            if other.hash == entry.hash, other.keyspace == entry.keyspace, key(of: other).equals(key(of: entry)) {
                break
            }
            slot = (slot + 1) & mask
        }
        unsafe slots[slot] = number
    }

    private func grow() {
        let size = (mask + 1) * 2
        unsafe slots.deallocate()
        unsafe slots = .allocate(capacity: size)
        unsafe slots.initialize(repeating: -1, count: size)
        mask = size - 1
        for (number, entry) in entries.enumerated() { place(entry, Int32(truncatingIfNeeded: number)) }
    }

    /// The newest writes of a keyspace within a range, by key: the value, or nil for a delete or what has expired.
    func changes(_ keyspace: UInt32, from lower: [UInt8]?, to upper: [UInt8]?, now: UInt64) -> [[UInt8]: [UInt8]?] {
        var changes: [[UInt8]: [UInt8]?] = [:]
        for entry in entries where entry.keyspace == keyspace {
            let key = key(of: entry).array
            if let lower, key.lexicographicallyPrecedes(lower) { continue }
            if let upper, !key.lexicographicallyPrecedes(upper) { continue }
            let isGone = entry.valueLength < 0 || entry.deadline != 0 && now >= entry.deadline
            changes[key] = .some(isGone ? nil : value(of: entry).array)
        }
        return changes
    }
}
