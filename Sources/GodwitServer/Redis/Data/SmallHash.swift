/// A hash in one row: for each field in the order of insertion a varint length and the field, a varint length and the
/// value.
struct SmallHash {
    /// How large a hash in one row may be; past either it gets a row for each field. Why so: docs/decisions/0005.
    struct Bounds: Sendable {
        var fields = 128
        var bytes = 8 << 10
    }

    /// One field. `start` and `end` are the places of the pair in the payload.
    struct Pair {
        let field: ByteSlice
        let value: ByteSlice
        let start: Int
        let end: Int
    }

    let bytes: ByteSlice

    init(_ bytes: ByteSlice) { self.bytes = bytes }

    /// Calls `body` with each pair until it returns false.
    @inline(__always)
    func forEach(_ body: (Pair) -> Bool) {
        var offset = 0
        while offset < bytes.count {
            let start = offset
            let field = text(&offset)
            let value = text(&offset)
            if !body(Pair(field: field, value: value, start: start, end: offset)) { return }
        }
    }

    /// A field's pair.
    func find(_ field: ByteSlice) -> Pair? {
        var found: Pair?
        forEach { pair in
            guard pair.field.equals(field) else { return true }
            found = pair
            return false
        }
        return found
    }

    /// How many fields there are.
    var count: Int {
        var count = 0
        forEach { _ in
            count += 1
            return true
        }
        return count
    }

    /// All pairs.
    var pairs: [Pair] {
        var pairs: [Pair] = []
        forEach {
            pairs.append($0)
            return true
        }
        return pairs
    }

    /// Appends a pair.
    static func append(_ field: ByteSlice, _ value: ByteSlice, to bytes: ByteBox) {
        bytes.appendVarint(field.count)
        bytes.append(field)
        bytes.appendVarint(value.count)
        bytes.append(value)
    }

    @inline(__always)
    private func text(_ offset: inout Int) -> ByteSlice {
        var length = 0
        var shift = 0
        while true {
            precondition(offset < bytes.count && shift < 35, "small hash: a length runs past the row")
            let byte = bytes[offset]
            offset &+= 1
            length |= Int(byte & 0x7F) << shift
            if byte < 0x80 { break }
            shift += 7
        }
        defer { offset &+= length }
        return bytes.slice(offset, length)
    }
}
