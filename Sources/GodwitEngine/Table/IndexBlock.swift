/// The content of an index partition or of the top index, validated: rows of separators and unit offsets.
///
/// Searched over 8-byte words after the separators' common prefix, without branches that depend on the key; separators
/// are looked at whole only where words tie. See `docs/formats/table.md` for the layout.
struct IndexBlock {
    let bytes: TrustedBytes

    @inline(__always)
    init(_ bytes: TrustedBytes) { self.bytes = bytes }

    static let header = 24
    static let hasRests = 1

    /// How many rows there are.
    @inline(__always) var count: Int { bytes.u32(0) }
    /// The number of the first row's unit.
    @inline(__always) var firstUnit: Int { bytes.u32(4) }
    /// Where the first row's unit begins in the file.
    @inline(__always) var baseOffset: UInt64 { bytes.u64(8) }
    @inline(__always) private var prefixLength: Int { bytes.u16(16) }
    @inline(__always) private var restColumn: Int { bytes.u16(18) & IndexBlock.hasRests == 0 ? 0 : 4 * (count + 1) }

    private var offsetsAt: Int { IndexBlock.header + 8 * count }
    private var wordLengthsAt: Int { offsetsAt + 4 * (count + 1) }
    private var restOffsetsAt: Int { wordLengthsAt + count }
    @inline(__always) private var prefixAt: Int {
        IndexBlock.header &+ 13 &* count &+ 4 &+ restColumn
    }
    private var restsAt: Int { prefixAt + prefixLength }

    @inline(__always)
    private func word(_ row: Int) -> UInt64 { bytes.u64(IndexBlock.header &+ row &* 8) }

    /// Where the unit of `row` lies.
    func handle(_ row: Int) -> UnitHandle {
        let start = bytes.u32(offsetsAt + 4 * row)
        let end = bytes.u32(offsetsAt + 4 * row + 4)
        return UnitHandle(offset: baseOffset + UInt64(start), length: end - start)
    }

    /// Where the last row's unit ends.
    var endOffset: UInt64 { baseOffset + UInt64(bytes.u32(offsetsAt + 4 * count)) }

    /// The first row whose separator is not below `key`, or `count`.
    @inline(__always)
    func lowerBound(_ key: ByteView) -> Int {
        let count = self.count
        let shared = prefixLength
        if shared > 0 {
            if key.count < shared || !bytes.equals(prefixAt, key, from: 0, count: shared) {
                return besidePrefix(key)
            }
        }
        let wanted = key.slice(shared, key.count &- shared).orderWord
        var low = 0
        var length = count
        while length > 1 {
            let half = length &>> 1
            low &+= word(low &+ half &- 1) < wanted ? half : 0
            length &-= half
        }
        let found = word(low)
        if found > wanted { return low }
        if found < wanted { return low &+ 1 }
        return resolveTie(key, word: wanted, from: low)
    }

    /// The lower bound of a key that does not begin with the prefix.
    @inline(never)
    private func besidePrefix(_ key: ByteView) -> Int {
        key.slice(0, min(key.count, prefixLength)).compare(bytes.view(prefixAt, prefixLength)) < 0 ? 0 : count
    }

    /// The lower bound among the rows from `first` on whose word is that of the key.
    @inline(never)
    private func resolveTie(_ key: ByteView, word wanted: UInt64, from first: Int) -> Int {
        let rest = key.dropFirst(prefixLength)
        var low = first
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if word(middle) == wanted && separator(middle, isBelow: rest) { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// Whether a separator whose word ties with that of `rest` (the key after the prefix) is below it.
    private func separator(_ row: Int, isBelow rest: ByteView) -> Bool {
        let length = bytes.u8(wordLengthsAt + row)
        // Words are alike, so where either ends within its word the shorter begins the longer, but for zeros.
        if length < 8 || rest.count < 8 { return length + self.rest(row).count < rest.count }
        return self.rest(row).compare(rest.dropFirst(8)) < 0
    }

    /// The bytes of a separator after its word.
    private func rest(_ row: Int) -> ByteView {
        guard restColumn > 0 else { return .empty }
        let start = bytes.u32(restOffsetsAt + 4 * row)
        return bytes.view(restsAt + start, bytes.u32(restOffsetsAt + 4 * row + 4) - start)
    }

    /// A whole separator.
    func separator(_ row: Int) -> [UInt8] {
        var key = bytes.view(prefixAt, prefixLength).array
        let word = self.word(row)
        for byte in 0..<bytes.u8(wordLengthsAt + row) {
            key.append(UInt8(truncatingIfNeeded: word >> UInt64(56 - 8 * byte)))
        }
        return key + rest(row).array
    }

    /// Checks everything that reads rely on, and that rows hold units numbered below `units` that end at or before
    /// `end`. Order is left to `TableReader.verify`.
    static func validate(_ view: ByteView, units: Int, end: UInt64) throws(FormatProblem) {
        let malformed = FormatProblem.damaged("has a good checksum and impossible content")
        guard view.count >= header else { throw malformed }
        let count = Int(view.load(0, as: UInt32.self))
        let flags = Int(view.load(18, as: UInt16.self))
        guard flags & ~hasRests == 0 else { throw .unsupported("has flags that this version does not know") }
        let prefix = Int(view.load(16, as: UInt16.self))
        let fixed = header + 13 * count + 4 + (flags & hasRests == 0 ? 0 : 4 * (count + 1)) + prefix
        guard count > 0, fixed <= view.count, prefix <= TableFormat.maxKey else { throw malformed }
        let first = Int(view.load(4, as: UInt32.self))
        let base = view.load(8, as: UInt64.self)
        let offsets = header + 8 * count
        let wordLengths = offsets + 4 * (count + 1)
        let rests = wordLengths + count
        guard first + count <= units, base <= end, view.load(offsets, as: UInt32.self) == 0 else { throw malformed }
        var rest: UInt32 = 0
        for row in 0..<count {
            let start = view.load(offsets + 4 * row, as: UInt32.self)
            let next = view.load(offsets + 4 * row + 4, as: UInt32.self)
            guard next > start, Int(next - start) > TableFormat.unitHeader, view[wordLengths + row] <= 8 else {
                throw malformed
            }
            if flags & hasRests != 0 {
                guard view.load(rests + 4 * row, as: UInt32.self) == rest else { throw malformed }
                let restEnd = view.load(rests + 4 * row + 4, as: UInt32.self)
                guard restEnd >= rest, Int(restEnd - rest) <= TableFormat.maxKey else { throw malformed }
                guard restEnd == rest || view[wordLengths + row] == 8 else { throw malformed }
                rest = restEnd
            }
        }
        guard UInt64(view.load(offsets + 4 * count, as: UInt32.self)) <= end - base,
            fixed + Int(rest) == view.count
        else { throw malformed }
    }
}
