/// The keys from a smallest to a largest, both included: what a table, or several, may hold.
struct KeySpan: Hashable, Sendable {
    /// The first key.
    private(set) var smallest: [UInt8]
    /// The last key.
    private(set) var largest: [UInt8]

    init(smallest: [UInt8], largest: [UInt8]) {
        self.smallest = smallest
        self.largest = largest
    }

    /// Whether a key may be in both.
    func overlaps(_ other: KeySpan) -> Bool {
        smallest.compareBytes(other.largest) <= 0 && other.smallest.compareBytes(largest) <= 0
    }

    /// Whether a key of the span is in the range.
    func overlaps(_ range: KeyRange) -> Bool {
        if let upper = range.upper, smallest.compareBytes(upper) >= 0 { return false }
        if let lower = range.lower, largest.compareBytes(lower) < 0 { return false }
        return true
    }

    /// Whether `other` lies wholly within.
    func contains(_ other: KeySpan) -> Bool {
        smallest.compareBytes(other.smallest) <= 0 && other.largest.compareBytes(largest) <= 0
    }

    /// Grows the span so that it contains `other`.
    mutating func formUnion(_ other: KeySpan) {
        if other.smallest.compareBytes(smallest) < 0 { smallest = other.smallest }
        if other.largest.compareBytes(largest) > 0 { largest = other.largest }
    }

    /// The least span over all the tables; nil when there are none.
    static func over(_ tables: [TableMeta]) -> KeySpan? {
        guard let first = tables.first else { return nil }
        return tables.dropFirst().reduce(into: first.span) { $0.formUnion($1.span) }
    }
}

extension Array where Element == UInt8 {
    /// Below zero, zero or above zero: the bytewise order of keys.
    func compareBytes(_ other: [UInt8]) -> Int {
        withView { mine in other.withView { mine.compare($0) } }
    }

    /// Below zero, zero or above zero: the bytewise order of keys.
    func compareBytes(_ other: ByteView) -> Int { withView { $0.compare(other) } }
}
