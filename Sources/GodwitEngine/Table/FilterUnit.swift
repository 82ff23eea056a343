/// A blocked Bloom filter over key hashes: one 64-byte line for each key, so that a test costs one cache miss.
struct FilterUnit {
    let bytes: TrustedBytes

    @inline(__always)
    init(_ bytes: TrustedBytes) { self.bytes = bytes }

    /// Which unit and which line of it a hash belongs to.
    @inline(__always)
    static func place(_ hash: UInt64, units: UInt64, lines: UInt64) -> (unit: Int, line: Int) {
        let product = (hash &>> 32) &* units
        return (Int(product &>> 32), Int(((product & 0xFFFF_FFFF) &* lines) &>> 32))
    }

    /// The bits of a hash within its line, nine for each probe.
    @inline(__always)
    static func probes(_ hash: UInt64) -> UInt64 { hash &* 0x9E37_79B9_7F4A_7C15 }

    /// Where a line begins in the unit.
    @inline(__always)
    static func offset(ofLine line: Int) -> Int { TableFormat.filterHeader &+ line &<< 6 }

    /// False only where no key of this hash was added.
    @inline(__always)
    func mayContain(_ hash: UInt64, line: Int) -> Bool {
        let start = FilterUnit.offset(ofLine: line)
        var bits = FilterUnit.probes(hash)
        var all: UInt64 = 1
        var left = bytes.u8(4)
        while left > 0 {
            let bit = Int(bits & 511)
            all &= bytes.u64(start &+ (bit &>> 6) &<< 3) &>> UInt64(bit & 63)
            bits &>>= 9
            left &-= 1
        }
        return all & 1 != 0
    }

    /// Checks everything that reads rely on.
    static func validate(_ view: ByteView, lines: Int) throws(FormatProblem) {
        guard view.count == TableFormat.filterHeader + 64 * lines, view.load(0, as: UInt32.self) == UInt32(lines),
            (1...7).contains(view[4])
        else { throw .damaged("has a good checksum and impossible content") }
    }
}

/// Collects key hashes and makes filter units of them.
struct FilterBuilder {
    private let hashes = ByteWriter(capacity: 4096)
    private let bitsPerKey: Int
    private var last: UInt64?

    init(bitsPerKey: Int) { self.bitsPerKey = min(max(bitsPerKey, 0), 64) }

    /// Adds a key; versions of one key that follow each other count once.
    @inline(__always)
    mutating func add(_ hash: UInt64) {
        if bitsPerKey == 0 || hash == last { return }
        last = hash
        hashes.append(hash)
    }

    /// The stored size that the filter will have.
    var estimatedSize: Int { hashes.count / 64 * bitsPerKey + 64 }

    /// The contents of the units, all of one size, and how many lines each has; none when there is nothing to filter.
    func finish() -> (units: [ByteWriter], lines: Int) {
        let keys = hashes.count / 8
        guard keys > 0 else { return ([], 0) }
        let total = (keys * bitsPerKey + 511) / 512
        let count = (total + TableFormat.maxFilterLines - 1) / TableFormat.maxFilterLines
        let lines = (total + count - 1) / count
        // 0.69 bits a key would be best in one big filter; lines of uneven load want a little fewer probes.
        let probes = min(max((bitsPerKey * 5 + 4) / 8, 1), 7)
        let units = (0..<count).map { _ in
            let unit = ByteWriter(capacity: TableFormat.filterHeader + 64 * lines)
            unit.append(UInt32(lines))
            unit.append(UInt8(probes))
            unit.appendZeros(TableFormat.filterHeader - 5 + 64 * lines)
            return unit
        }
        let view = hashes.view
        for index in 0..<keys {
            let hash = view.load(index * 8, as: UInt64.self)
            let place = FilterUnit.place(hash, units: UInt64(count), lines: UInt64(lines))
            let start = FilterUnit.offset(ofLine: place.line)
            let unit = units[place.unit]
            var bits = FilterUnit.probes(hash)
            for _ in 0..<probes {
                let bit = Int(bits & 511)
                let at = start + (bit >> 6) << 3
                unit.patch(unit.view.load(at, as: UInt64.self) | 1 << UInt64(bit & 63), at: at)
                bits >>= 9
            }
        }
        return (units, lines)
    }
}
