/// Reads encoded bytes in order; every read says whether the bytes were there, so that a decoder turns damaged
/// input into an error of its own and never traps.
package struct ByteReader {
    private let bytes: ByteView
    /// How many bytes have been read.
    private(set) var offset = 0

    package init(_ bytes: ByteView) { self.bytes = bytes }

    /// How many bytes are left.
    package var remaining: Int { bytes.count - offset }

    /// The next little-endian integer, or nil at the end.
    @inline(__always)
    package mutating func read<T: FixedWidthInteger & BitwiseCopyable>(_ type: T.Type = T.self) -> T? {
        guard remaining >= MemoryLayout<T>.size else { return nil }
        defer { offset += MemoryLayout<T>.size }
        return bytes.load(offset, as: T.self)
    }

    /// The next varint, or nil at the end or when it is longer than 64 bits.
    @inline(__always)
    package mutating func readVarint() -> UInt64? {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while remaining > 0, shift < 64 {
            let byte = bytes[offset]
            offset += 1
            if shift == 63, byte > 1 { return nil }
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
            shift += 7
        }
        return nil
    }

    /// The next `length` bytes, or nil when fewer are left.
    @inline(__always)
    package mutating func readBytes(_ length: Int) -> ByteView? {
        guard length >= 0, remaining >= length else { return nil }
        defer { offset += length }
        return bytes.slice(offset, length)
    }

    /// A varint length and as many bytes, or nil when they are not all there.
    package mutating func readPrefixed() -> ByteView? {
        guard let length = readVarint(), length <= UInt64(remaining) else { return nil }
        return readBytes(Int(length))
    }
}
