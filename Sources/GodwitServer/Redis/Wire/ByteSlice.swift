internal import GodwitEngine

/// Bytes lent by a buffer that somebody else keeps alive: a request's argument, a value that was read. The same as the
/// engine's `ByteView`, in this module so that the calls on it are inlined.
@safe
struct ByteSlice {
    @unsafe let base: UnsafeRawPointer
    let count: Int

    @inline(__always)
    init(_ base: UnsafeRawPointer, count: Int) {
        unsafe self.base = unsafe base
        self.count = count
    }

    init(_ view: ByteView) {
        unsafe base = unsafe view.base
        count = view.count
    }

    /// No bytes.
    static var empty: ByteSlice { ByteSlice(ByteView.empty) }

    var isEmpty: Bool { count == 0 }

    /// The byte at `offset`.
    @inline(__always)
    subscript(offset: Int) -> UInt8 {
        precondition(offset >= 0 && offset < count, "byte slice: offset out of bounds")
        return unsafe base.load(fromByteOffset: offset, as: UInt8.self)
    }

    /// The `length` bytes from `offset`.
    @inline(__always)
    func slice(_ offset: Int, _ length: Int) -> ByteSlice {
        precondition(offset >= 0 && length >= 0 && offset &+ length <= count, "byte slice: slice out of bounds")
        return unsafe ByteSlice(base + offset, count: length)
    }

    /// The bytes from `offset` to the end.
    @inline(__always)
    func dropFirst(_ offset: Int) -> ByteSlice { slice(offset, count - offset) }

    /// The big-endian number at `offset`.
    @inline(__always)
    func bigEndian(_ offset: Int) -> UInt64 {
        precondition(offset >= 0 && offset &+ 8 <= count, "byte slice: load out of bounds")
        return UInt64(bigEndian: unsafe base.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    /// Whether both hold the same bytes.
    @inline(__always)
    func equals(_ other: ByteSlice) -> Bool { count == other.count && view.equals(other.view) }

    /// The bytes as the engine's kernel takes them.
    @inline(__always)
    var view: ByteView { unsafe ByteView(base, count: count) }

    /// A copy.
    var array: [UInt8] { unsafe Array(UnsafeRawBufferPointer(start: base, count: count)) }

    /// The bytes as text, damaged places replaced.
    var text: String { unsafe String(decoding: UnsafeRawBufferPointer(start: base, count: count), as: UTF8.self) }

    /// Whether the bytes are `word` (upper-case ASCII), in any case of letters.
    func isWord(_ word: StaticString) -> Bool {
        guard count == word.utf8CodeUnitCount else { return false }
        for offset in 0..<count {
            if unsafe word.utf8Start[offset] != Self.upper(self[offset]) { return false }
        }
        return true
    }

    /// A letter's upper case.
    @inline(__always)
    static func upper(_ byte: UInt8) -> UInt8 { byte &- 0x61 < 26 ? byte & 0xDF : byte }

    /// The bytes as text in lower case.
    var lowercasedText: String { text.lowercased() }

    /// A hash of the bytes.
    @inline(__always)
    func hash(seed: UInt64) -> UInt64 { view.hash(seed: seed) }
}

extension ByteSlice: ByteSource {
    @inline(__always)
    func withBytes<R, E: Error>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R {
        try body(unsafe RawSpan(_unsafeStart: base, byteCount: count))
    }
}

extension Array where Element == UInt8 {
    /// Lends the array's bytes for the time of one call.
    func withSlice<R, E: Error>(_ body: (ByteSlice) throws(E) -> R) throws(E) -> R {
        try withView { (view) throws(E) in try body(ByteSlice(view)) }
    }
}
