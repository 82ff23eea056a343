/// The content of a data unit, validated: entries in order, found by tag for point reads, by offset for scans.
///
/// A point read touches the header and tags (one to two lines), the offsets and prefix (one to two), then the entry it
/// wants; the first are asked for together. See `docs/formats/table.md` for the layout.
struct DataBlock {
    let bytes: TrustedBytes

    @inline(__always)
    init(_ bytes: TrustedBytes) { self.bytes = bytes }

    static let header = 16
    /// Bits of the columns byte.
    static let sequences = 1
    static let kinds = 2
    static let deadlines = 4
    /// Bits of the layout byte.
    static let wide = 16
    static let continues = 32
    /// The suffix length that says that each entry has its own.
    static let ownLength = 0xFFFF

    @inline(__always) var count: Int { bytes.u16(0) }
    @inline(__always) var columns: Int { bytes.u8(2) }
    @inline(__always) var layout: Int { bytes.u8(3) }
    @inline(__always) var prefixLength: Int { bytes.u16(4) }
    @inline(__always) var suffixLength: Int { bytes.u16(6) }
    @inline(__always) var baseSequence: UInt64 { bytes.u64(8) }
    /// Whether the next unit begins with the key that this one ends with.
    @inline(__always) var continues: Bool { layout & DataBlock.continues != 0 }

    @inline(__always) private var tagsAt: Int { columns & DataBlock.deadlines == 0 ? 16 : 24 }
    @inline(__always) private var offsetsAt: Int { tagsAt &+ count }
    @inline(__always) private var offsetShift: Int { layout & DataBlock.wide == 0 ? 1 : 2 }
    @inline(__always) private var sequencesAt: Int { offsetsAt &+ (count &+ 1) &<< offsetShift }
    @inline(__always) private var kindsAt: Int {
        sequencesAt &+ (columns & DataBlock.sequences == 0 ? 0 : count &<< (layout & 3))
    }
    @inline(__always) private var deadlinesAt: Int {
        kindsAt &+ (columns & DataBlock.kinds == 0 ? 0 : (count &+ 7) &>> 3)
    }
    @inline(__always) private var prefixAt: Int {
        if columns == 0 { return sequencesAt }
        return deadlinesAt &+ (columns & DataBlock.deadlines == 0 ? 0 : count &<< ((layout &>> 2) & 3))
    }

    /// Where entry `index` begins; `index` may be `count`.
    @inline(__always)
    private func offset(_ index: Int) -> Int {
        if layout & DataBlock.wide == 0 { return bytes.u16(offsetsAt &+ index &* 2) }
        return bytes.u32(offsetsAt &+ index &* 4)
    }

    @inline(__always)
    func sequence(_ index: Int) -> SequenceNumber {
        if columns & DataBlock.sequences == 0 { return baseSequence }
        let log = layout & 3
        return baseSequence &+ bytes.unsigned(sequencesAt &+ index &<< log, log: log)
    }

    @inline(__always)
    func kind(_ index: Int) -> EntryKind {
        if columns & DataBlock.kinds == 0 { return .put }
        return bytes.u8(kindsAt &+ index &>> 3) &>> (index & 7) & 1 == 0 ? .put : .delete
    }

    @inline(__always)
    func deadline(_ index: Int) -> UInt64 {
        if columns & DataBlock.deadlines == 0 { return 0 }
        let log = (layout &>> 2) & 3
        let stored = bytes.unsigned(deadlinesAt &+ index &<< log, log: log)
        return stored == 0 ? 0 : bytes.u64(16) &+ stored &- 1
    }

    /// The tag stored for entry `index`.
    func tag(_ index: Int) -> UInt8 { UInt8(bytes.u8(tagsAt + index)) }

    /// The prefix that all keys share.
    var prefix: ByteView { bytes.view(prefixAt, prefixLength) }

    /// What follows the prefix in the key of entry `index`.
    @inline(__always)
    func suffix(_ index: Int) -> ByteView {
        let start = offset(index)
        let length = suffixLength
        if length != DataBlock.ownLength { return bytes.view(start, length) }
        return bytes.view(start &+ 2, bytes.u16(start))
    }

    @inline(__always)
    func value(_ index: Int) -> ByteView {
        var start = offset(index)
        let length = suffixLength
        start &+= length != DataBlock.ownLength ? length : 2 &+ bytes.u16(start)
        return bytes.view(start, offset(index &+ 1) &- start)
    }

    /// Entry `index`, under a key that the caller has whole.
    @inline(__always)
    func entry(_ index: Int, key: ByteView) -> Entry {
        Entry(
            key: key, sequence: sequence(index), kind: kind(index), deadline: deadline(index), value: value(index))
    }

    /// Asks for the lines that a point read begins with.
    @inline(__always)
    func prefetch() {
        bytes.prefetch(0)
        bytes.prefetch(64)
        bytes.prefetch(128)
    }

    /// The newest version of `key` at or below `snapshot`: its index, or -1.
    @inline(__always)
    func find(_ key: ByteView, hash: UInt64, at snapshot: SequenceNumber) -> Int {
        let count = self.count
        let tags = tagsAt
        let tag = UInt8(truncatingIfNeeded: hash)
        var first = 0
        while first < count {
            var mask = bytes.match16(tags &+ first, tag)
            let rest = count &- first
            if rest < 16 { mask &= (1 &<< UInt32(rest)) &- 1 }
            while mask != 0 {
                let index = first &+ mask.trailingZeroBitCount
                mask &= mask &- 1
                if matches(index, key), sequence(index) <= snapshot { return index }
            }
            first &+= 16
        }
        return -1
    }

    /// Asks for the lines of the entry that `find` will look at first.
    @inline(__always)
    func prefetchEntry(hash: UInt64) {
        let count = self.count
        let tags = tagsAt
        var first = 0
        while first < count {
            var mask = bytes.match16(tags &+ first, UInt8(truncatingIfNeeded: hash))
            let rest = count &- first
            if rest < 16 { mask &= (1 &<< UInt32(rest)) &- 1 }
            if mask != 0 {
                let start = offset(first &+ mask.trailingZeroBitCount)
                bytes.prefetch(start)
                bytes.prefetch(start &+ 64)
                return
            }
            first &+= 16
        }
    }

    /// Whether entry `index` has this key.
    @inline(__always)
    private func matches(_ index: Int, _ key: ByteView) -> Bool {
        let start = offset(index)
        bytes.prefetch(start)
        bytes.prefetch(start &+ 64)
        let prefixLength = self.prefixLength
        var length = suffixLength
        var at = start
        if length == DataBlock.ownLength {
            length = bytes.u16(start)
            at &+= 2
        }
        return key.count == prefixLength &+ length
            && bytes.equals(prefixAt, key, from: 0, count: prefixLength)
            && bytes.equals(at, key, from: prefixLength, count: length)
    }

    /// The first entry whose key is not below `key`, or `count`.
    func lowerBound(_ key: ByteView) -> Int {
        let prefix = self.prefix
        let order = key.slice(0, min(key.count, prefix.count)).compare(prefix)
        if order != 0 { return order < 0 ? 0 : count }
        let rest = key.dropFirst(prefix.count)
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if suffix(middle).compare(rest) < 0 { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

extension DataBlock {
    /// Checks everything that reads rely on, so that they need not. Order is left to `TableReader.verify`.
    static func validate(_ view: ByteView) throws(FormatProblem) {
        let malformed = FormatProblem.damaged("has a good checksum and impossible content")
        guard view.count >= header else { throw malformed }
        let columns = Int(view[2])
        let layout = Int(view[3])
        guard columns & ~(sequences | kinds | deadlines) == 0 else {
            throw .unsupported("has a column that this version does not know (bits \(columns))")
        }
        guard layout & 0xC0 == 0 else { throw .unsupported("has a layout that this version does not know") }
        let count = Int(view.load(0, as: UInt16.self))
        let wide = layout & DataBlock.wide != 0
        let prefix = Int(view.load(4, as: UInt16.self))
        var needed = header + count + (count + 1) * (wide ? 4 : 2) + prefix
        if columns & sequences != 0 { needed += count << (layout & 3) }
        if columns & kinds != 0 { needed += (count + 7) / 8 }
        if columns & deadlines != 0 { needed += 8 + count << ((layout >> 2) & 3) }
        guard count > 0, needed <= view.count else { throw malformed }
        let own = Int(view.load(6, as: UInt16.self))
        let offsets = header + (columns & deadlines != 0 ? 8 : 0) + count
        var start = needed
        for index in 0...count {
            let at = offsets + index * (wide ? 4 : 2)
            let next = wide ? Int(view.load(at, as: UInt32.self)) : Int(view.load(at, as: UInt16.self))
            if index == 0 {
                guard next == needed else { throw malformed }
                continue
            }
            guard next >= start, next <= view.count else { throw malformed }
            var suffix = own
            if own == ownLength {
                guard next - start >= 2 else { throw malformed }
                suffix = Int(view.load(start, as: UInt16.self)) + 2
            }
            guard suffix <= next - start, prefix + suffix <= TableFormat.maxKey + 2 else { throw malformed }
            start = next
        }
        guard start == view.count else { throw malformed }
    }
}
