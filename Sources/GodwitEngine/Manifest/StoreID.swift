/// 128 random bits that name a store: all nodes that replicate one history have the same.
public struct StoreID: Hashable, Sendable, CustomStringConvertible {
    /// The first 64 bits.
    public let high: UInt64
    /// The last 64 bits.
    public let low: UInt64

    /// Makes an id from its two halves.
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// 32 hexadecimal digits.
    public var description: String {
        let halves = [high, low].map { half in
            let digits = String(half, radix: 16)
            return String(repeating: "0", count: 16 - digits.utf8.count) + digits
        }
        return halves.joined()
    }

    /// The 16 bytes: high half, then low half, little-endian each.
    var bytes: [UInt8] {
        let writer = ByteWriter(capacity: 16)
        writer.append(high)
        writer.append(low)
        return writer.array
    }
}
