/// A value as it is stored under its key in the keyspace of a database.
///
///     offset  size  field
///     0       1     kind (`Kind`); bit 7 is set when a deadline follows
///     1       8     deadline, milliseconds since 1970, big-endian, where announced
///     then          string: the bytes; small hash: `SmallHash`; large hash: `LargeHash`
///
/// The deadline is the entry's own for the engine too, by which expiry is judged; the copy here answers TTL.
struct Value {
    /// What a value is. The raw values are stored.
    enum Kind: UInt8 {
        case string = 0
        /// A hash in one row.
        case smallHash = 1
        /// The head of a hash whose fields have rows of their own.
        case largeHash = 2
    }

    static let deadlineBit: UInt8 = 0x80
    /// So many bytes tell all of a value but what a string or a small hash holds.
    static let headLength = 9 + LargeHash.length
    /// The longest key.
    static let maximumKey = 16 << 10
    /// The longest field of a hash: under its incarnation it is a key.
    static let maximumField = maximumKey - 8
    /// The longest string, and the longest value of a field: an engine's value less the header.
    static let maximumString = (16 << 20) - 16

    let kind: Kind
    /// When it is gone; 0 for never.
    let deadline: UInt64
    let payload: ByteSlice

    init(kind: Kind, deadline: UInt64, payload: ByteSlice) {
        self.kind = kind
        self.deadline = deadline
        self.payload = payload
    }

    /// Reads a stored value; nil for bytes that are none.
    @inline(__always)
    init?(_ stored: ByteSlice) {
        guard stored.count >= 1, let kind = Kind(rawValue: stored[0] & ~Self.deadlineBit) else { return nil }
        self.kind = kind
        if stored[0] & Self.deadlineBit == 0 {
            deadline = 0
            payload = stored.dropFirst(1)
        } else {
            guard stored.count >= 9 else { return nil }
            deadline = stored.bigEndian(1)
            payload = stored.dropFirst(9)
        }
    }

    /// Appends the header.
    @inline(__always)
    static func begin(_ kind: Kind, deadline: UInt64, into bytes: ByteBox) {
        bytes.append(kind.rawValue | (deadline == 0 ? 0 : deadlineBit))
        if deadline != 0 { bytes.appendBigEndian(deadline) }
    }

    /// As TYPE says it.
    var typeName: StaticString { kind == .string ? "string" : "hash" }
}
