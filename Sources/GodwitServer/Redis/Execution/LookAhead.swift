/// Finds the keys that the next requests of a pipeline will read, without carrying anything out: so that their lookups can
/// overlap. What it does not understand ends the search; nothing depends on it.
struct LookAhead {
    /// How many requests it looks at.
    static let limit = 16
    /// Requests with more arguments than this are not looked behind.
    private static let maximumArguments = 64

    private let bytes: ByteSlice
    private var place = 0

    private init(_ bytes: ByteSlice) { self.bytes = bytes }

    /// Puts the keys into `keys`; returns how many requests were found.
    static func find(_ bytes: ByteSlice, _ keys: inout [ByteSlice]) -> Int {
        keys.removeAll(keepingCapacity: true)
        var reader = LookAhead(bytes)
        var found = 0
        while found < limit, reader.request(&keys) { found += 1 }
        return found
    }

    private mutating func request(_ keys: inout [ByteSlice]) -> Bool {
        guard let count = number(behind: UInt8(ascii: "*")), count >= 1, count <= Self.maximumArguments,
            let name = argument()
        else { return false }
        if count == 1 { return true }
        guard let key = argument() else { return false }
        for _ in 2..<max(2, count) where argument() == nil { return false }
        if CommandTable.shared.find(name)?.flags.contains(.readsFirstKey) ?? false { keys.append(key) }
        return true
    }

    private mutating func argument() -> ByteSlice? {
        guard let length = number(behind: UInt8(ascii: "$")), bytes.count - place >= length + 2 else { return nil }
        defer { place += length + 2 }
        return bytes.slice(place, length)
    }

    /// The number of a line that begins with a sign.
    @inline(__always)
    private mutating func number(behind sign: UInt8) -> Int? {
        guard place < bytes.count, bytes[place] == sign else { return nil }
        let start = place &+ 1
        var (index, value) = (start, 0)
        while index < bytes.count, index &- start < 9 {
            let digit = bytes[index] &- UInt8(ascii: "0")
            guard digit <= 9 else { break }
            value = value &* 10 &+ Int(digit)
            index &+= 1
        }
        guard index > start, index &+ 1 < bytes.count, bytes[index] == 13 else { return nil }
        place = index &+ 2
        return value
    }
}
