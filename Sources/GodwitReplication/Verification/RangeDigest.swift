internal import GodwitEngine

/// What nodes compare of a range of keys, as a snapshot and a cut in time show it.
enum RangeDigest {
    /// How many entries are compared at once.
    static let entries = 4096
    /// About how many bytes a list of entries has.
    static let listBytes = 1 << 20

    /// A piece of a keyspace: from a key on, up to `entries` entries.
    struct Piece {
        /// The first key after the piece; nil when it is the last.
        let upper: [UInt8]?
        let count: UInt64
        let hash: UInt64
    }

    /// The next piece from a key on.
    static func piece(
        _ engine: Engine, _ keyspace: Keyspace, from lower: [UInt8], at snapshot: Snapshot, cut: UInt64
    ) throws(EngineError) -> Piece {
        let hash = EntryHash()
        var upper: [UInt8]?
        var count: UInt64 = 0
        try engine.scan(range(lower, nil), in: keyspace, at: snapshot, cut: cut) { key, value, deadline in
            if count == entries {
                upper = key.array
                return false
            }
            hash.add(key, value, deadline)
            count += 1
            return true
        }
        return Piece(upper: upper, count: count, hash: hash.digest)
    }

    /// Whether a range has exactly these entries; looks at no more than one above `count`.
    static func matches(
        _ range: DigestRange, count: UInt64, hash wanted: UInt64, _ engine: Engine, _ keyspace: Keyspace,
        at snapshot: Snapshot, cut: UInt64
    ) throws(EngineError) -> Bool {
        let hash = EntryHash()
        var found: UInt64 = 0
        try engine.scan(self.range(range.lower, range.upper), in: keyspace, at: snapshot, cut: cut) {
            key, value, deadline in
            found += 1
            hash.add(key, value, deadline)
            return found <= count
        }
        return found == count && hash.digest == wanted
    }

    /// The entries of a range with a hash each, about `listBytes` of them, and whether there are more.
    static func list(
        _ range: DigestRange, _ engine: Engine, _ keyspace: Keyspace, at snapshot: Snapshot, cut: UInt64
    ) throws(EngineError) -> (entries: [(key: [UInt8], hash: UInt64)], more: Bool) {
        var entries: [(key: [UInt8], hash: UInt64)] = []
        var bytes = 0
        var more = false
        try engine.scan(self.range(range.lower, range.upper), in: keyspace, at: snapshot, cut: cut) {
            key, value, deadline in
            if bytes >= listBytes {
                more = true
                return false
            }
            let hash = EntryHash()
            hash.add(key, value, deadline)
            entries.append((key.array, hash.digest))
            bytes += key.count + 24
            return true
        }
        return (entries, more)
    }

    private static func range(_ lower: [UInt8], _ upper: [UInt8]?) -> KeyRange {
        KeyRange(from: lower, to: upper)
    }

    /// The hash of entries in order: lengths, key, value, deadline.
    private final class EntryHash {
        private let hash = ContentHash()
        private let buffer = ByteWriter(capacity: 256)

        func add(_ key: ByteView, _ value: ByteView, _ deadline: UInt64) {
            buffer.reset(keeping: 1 << 20)
            buffer.append(UInt32(key.count))
            buffer.append(UInt32(value.count))
            buffer.append(deadline)
            buffer.append(key)
            buffer.append(value)
            hash.update(buffer.view)
        }

        var digest: UInt64 { hash.digest }
    }
}
