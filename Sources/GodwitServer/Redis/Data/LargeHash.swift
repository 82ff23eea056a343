/// The head of a large hash: who its fields are and how many.
///
///     0   8   incarnation, big-endian: a number that no other hash has or will have
///     8   8   how many fields there are, big-endian
///
/// A field's row in the keyspace of fields is `incarnation ++ field → value`. The index of deadlines has one row for each
/// large hash, `deadline (all ones for never) ++ incarnation → key`. The head alone decides whether the hash is there and
/// when it is gone: the sweep then removes the rows.
struct LargeHash {
    static let length = 16

    let incarnation: UInt64
    var count: Int

    init(incarnation: UInt64, count: Int) {
        self.incarnation = incarnation
        self.count = count
    }

    init(_ payload: ByteSlice) {
        precondition(payload.count == Self.length, "large hash: a head has \(Self.length) bytes")
        incarnation = payload.bigEndian(0)
        count = Int(payload.bigEndian(8))
    }

    /// Appends the head.
    func encode(into bytes: ByteBox) {
        bytes.appendBigEndian(incarnation)
        bytes.appendBigEndian(UInt64(count))
    }

    /// Where the rows of the fields begin.
    var lower: [UInt8] { Self.bigEndian(incarnation) }

    /// The first key past them.
    var upper: [UInt8] { Self.bigEndian(incarnation + 1) }

    /// The hash's row in the index of deadlines.
    func indexKey(deadline: UInt64) -> [UInt8] {
        Self.bigEndian(deadline == 0 ? .max : deadline) + Self.bigEndian(incarnation)
    }

    static func bigEndian(_ value: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: value >> UInt64(56 - 8 * $0)) }
    }
}
