internal import CLinuxIO
internal import CXXHash

/// Bytes lent from memory that somebody else keeps alive: an arena, a block, a buffer. Every access is
/// bounds-checked. Whoever makes a view answers for the memory outliving it; whoever receives one must not keep
/// it past the call or the lender's stated lifetime.
@safe
package struct ByteView {
    /// The first byte. Valid for `count` bytes.
    @unsafe package let base: UnsafeRawPointer
    /// How many bytes are lent.
    package let count: Int

    /// A view of `count` bytes from `base`.
    @inline(__always)
    package init(_ base: UnsafeRawPointer, count: Int) {
        unsafe self.base = unsafe base
        self.count = count
    }

    /// A view of a whole buffer.
    @inline(__always)
    package init(_ buffer: UnsafeRawBufferPointer) {
        unsafe self.base = unsafe buffer.baseAddress ?? ByteView.nowhere
        self.count = buffer.count
    }

    /// No bytes at all.
    package static var empty: ByteView { unsafe ByteView(nowhere, count: 0) }

    /// An address that is never read: the base of empty views.
    private static var nowhere: UnsafeRawPointer { unsafe UnsafeRawPointer(bitPattern: 16)! }

    package var isEmpty: Bool { count == 0 }

    /// The view as a buffer, for calls that want one.
    @inline(__always)
    @unsafe package var buffer: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(start: base, count: count) }

    /// The byte at `offset`.
    @inline(__always)
    package subscript(offset: Int) -> UInt8 {
        precondition(offset >= 0 && offset < count, "byte view: offset out of bounds")
        return unsafe base.load(fromByteOffset: offset, as: UInt8.self)
    }

    /// The little-endian integer at `offset`, wherever that is aligned.
    @inline(__always)
    package func load<T: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, as type: T.Type = T.self) -> T {
        precondition(offset >= 0 && offset &+ MemoryLayout<T>.size <= count, "byte view: load out of bounds")
        return T(littleEndian: unsafe base.loadUnaligned(fromByteOffset: offset, as: T.self))
    }

    /// The `length` bytes from `offset`.
    @inline(__always)
    package func slice(_ offset: Int, _ length: Int) -> ByteView {
        precondition(offset >= 0 && length >= 0 && offset &+ length <= count, "byte view: slice out of bounds")
        return unsafe ByteView(base + offset, count: length)
    }

    /// The bytes from `offset` to the end.
    @inline(__always)
    package func dropFirst(_ offset: Int) -> ByteView { slice(offset, count - offset) }

    /// Below zero, zero or above zero: the bytewise order, a prefix before what it begins.
    @inline(__always)
    package func compare(_ other: ByteView) -> Int {
        let common = min(count, other.count)
        if common >= 8 {
            let left = unsafe UInt64(bigEndian: base.loadUnaligned(as: UInt64.self))
            let right = unsafe UInt64(bigEndian: other.base.loadUnaligned(as: UInt64.self))
            if left != right { return left < right ? -1 : 1 }
        }
        let order = unsafe godwit_compare(base, other.base, common)
        return order != 0 ? Int(order) : count - other.count
    }

    /// Whether both hold the same bytes. Keys are short: up to 32 bytes are compared without a call.
    @inline(__always)
    package func equals(_ other: ByteView) -> Bool {
        guard count == other.count else { return false }
        if count >= 8 && count <= 32 {
            // The first and the last eight bytes, or sixteen, may overlap.
            var difference = difference(other, at: 0) | self.difference(other, at: count - 8)
            if count > 16 {
                difference |= self.difference(other, at: 8) | self.difference(other, at: count - 16)
            }
            return difference == 0
        }
        return unsafe godwit_compare(base, other.base, count) == 0
    }

    /// Which bits differ in the eight bytes from `offset`, of which the caller knows that both views hold them.
    @inline(__always)
    private func difference(_ other: ByteView, at offset: Int) -> UInt64 {
        unsafe base.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            ^ other.base.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
    }

    /// Whether the first bytes are those of `prefix`.
    package func starts(with prefix: ByteView) -> Bool {
        count >= prefix.count && slice(0, prefix.count).equals(prefix)
    }

    /// How many leading bytes both share.
    package func commonPrefix(with other: ByteView) -> Int {
        let limit = min(count, other.count)
        var length = 0
        while length < limit, self[length] == other[length] { length += 1 }
        return length
    }

    /// The first eight bytes as a number that orders as the bytes do; missing bytes count as zero.
    @inline(__always)
    package var orderWord: UInt64 {
        if count >= 8 { return unsafe UInt64(bigEndian: base.loadUnaligned(as: UInt64.self)) }
        var word: UInt64 = 0
        for offset in 0..<count { word |= UInt64(self[offset]) << UInt64(56 - 8 * offset) }
        return word
    }

    /// XXH3-64 for short input (keys, headers): inlined.
    @inline(__always)
    package func hash(seed: UInt64) -> UInt64 { unsafe godwit_hash_key(base, count, seed) }

    /// XXH3-64 for long input (blocks, payloads): out of line. The same function as `hash(seed:)`.
    package func longHash(seed: UInt64) -> UInt64 { unsafe godwit_hash_block(base, count, seed) }

    /// A copy of the bytes.
    package var array: [UInt8] { unsafe Array(buffer) }

    /// The bytes as the public API lends them: valid as long as this view's lender.
    @inline(__always)
    package func withSpan<R, E: Error>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R {
        try body(unsafe RawSpan(_unsafeStart: base, byteCount: count))
    }
}

extension Array where Element == UInt8 {
    /// Lends the array's bytes for the time of one call.
    @inline(__always)
    package func withView<R, E: Error>(_ body: (ByteView) throws(E) -> R) throws(E) -> R {
        try unsafe self.span.bytes.withView(body)
    }
}

extension RawSpan {
    /// Lends the span's bytes for the time of one call.
    @inline(__always)
    package func withView<R, E: Error>(_ body: (ByteView) throws(E) -> R) throws(E) -> R {
        try unsafe self.withUnsafeBytes { (bytes) throws(E) -> R in try unsafe body(ByteView(bytes)) }
    }
}
