/// A range of keys: from `lower` (included) to `upper` (excluded); nil leaves a side open.
public struct KeyRange: Hashable, Sendable {
    /// The first key of the range, or nil for "from the first key there is".
    public let lower: [UInt8]?
    /// The first key past the range, or nil for "to the last key there is".
    public let upper: [UInt8]?

    /// Makes a range; a range whose upper bound is not above its lower one is empty.
    public init(from lower: [UInt8]? = nil, to upper: [UInt8]? = nil) {
        self.lower = lower
        self.upper = upper
    }

    /// Every key.
    public static let all = KeyRange()

    /// The keys that begin with `prefix`.
    public static func prefix(_ prefix: [UInt8]) -> KeyRange {
        KeyRange(from: prefix, to: successor(ofPrefix: prefix))
    }

    /// The least key above all that begin with `prefix`; nil when there is none (all bytes 0xFF).
    static func successor(ofPrefix prefix: [UInt8]) -> [UInt8]? {
        guard let last = prefix.lastIndex(where: { $0 != 0xFF }) else { return nil }
        var next = Array(prefix[...last])
        next[last] += 1
        return next
    }
}
