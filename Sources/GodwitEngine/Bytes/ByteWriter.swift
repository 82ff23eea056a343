/// A growing byte buffer that encodes: memory that is reused from one use to the next, little-endian integers,
/// patches at known offsets. The memory does not move while no more is appended.
@safe
package final class ByteWriter {
    // Private, so that the compiler sees all their uses, and need not check at each that no other overlaps it.
    @unsafe private var base: UnsafeMutableRawPointer
    private var capacity: Int
    private var length = 0

    /// How many bytes have been written.
    @inline(__always)
    package var count: Int { length }

    /// Makes an empty writer with room for `capacity` bytes.
    package init(capacity: Int = 256) {
        self.capacity = max(capacity, 16)
        unsafe base = UnsafeMutableRawPointer.allocate(byteCount: self.capacity, alignment: 16)
    }

    deinit { unsafe base.deallocate() }

    /// What has been written so far; valid until the next append, reset or release of the writer.
    package var view: ByteView { unsafe ByteView(base, count: count) }

    /// A copy of what has been written so far; safe where the writer is a temporary, whose `view` would outlive it.
    package var array: [UInt8] { withExtendedLifetime(self) { view.array } }

    /// Forgets the content and keeps the memory, unless it has grown past `keeping` bytes.
    package func reset(keeping limit: Int = .max) {
        length = 0
        if capacity > limit { reallocate(to: max(limit, 16)) }
    }

    /// Cuts the content to its first `length` bytes.
    package func truncate(to length: Int) {
        precondition(length >= 0 && length <= self.length)
        self.length = length
    }

    /// Makes room for `extra` more bytes, at least doubling when it must grow.
    @inline(__always)
    package func reserve(_ extra: Int) {
        if count &+ extra > capacity { reallocate(to: max(capacity * 2, count + extra)) }
    }

    @inline(never)
    private func reallocate(to size: Int) {
        let fresh = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
        unsafe fresh.copyMemory(from: base, byteCount: count)
        unsafe base.deallocate()
        unsafe base = unsafe fresh
        capacity = size
    }

    /// Appends an integer, little-endian.
    @inline(__always)
    package func append<T: FixedWidthInteger & BitwiseCopyable>(_ value: T) {
        reserve(MemoryLayout<T>.size)
        unsafe base.storeBytes(of: value.littleEndian, toByteOffset: count, as: T.self)
        length &+= MemoryLayout<T>.size
    }

    /// Appends bytes.
    @inline(__always)
    package func append(_ bytes: ByteView) {
        reserve(bytes.count)
        unsafe (base + count).copyMemory(from: bytes.base, byteCount: bytes.count)
        length &+= bytes.count
    }

    /// Appends bytes.
    package func append(_ bytes: [UInt8]) { bytes.withView { append($0) } }

    /// Appends `extra` zero bytes.
    package func appendZeros(_ extra: Int) {
        reserve(extra)
        unsafe (base + length).initializeMemory(as: UInt8.self, repeating: 0, count: extra)
        length += extra
    }

    /// Makes room for `limit` bytes and appends as many of them as `body` says it wrote (0 or less: none); returns
    /// that.
    @unsafe package func appendUninitialized(_ limit: Int, _ body: (UnsafeMutableRawPointer) -> Int) -> Int {
        reserve(limit)
        let written = unsafe body(base + count)
        precondition(written <= limit)
        if written > 0 { length += written }
        return written
    }

    /// Appends an unsigned LEB128 varint: seven bits a byte, low bits first.
    @inline(__always)
    package func appendVarint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(truncatingIfNeeded: rest))
    }

    /// Appends a varint length, then the bytes.
    package func appendPrefixed(_ bytes: ByteView) {
        appendVarint(UInt64(bytes.count))
        append(bytes)
    }

    /// Appends a varint length, then the bytes.
    package func appendPrefixed(_ bytes: [UInt8]) { bytes.withView { appendPrefixed($0) } }

    /// Overwrites the integer at `offset`, which must have been written before.
    @inline(__always)
    package func patch<T: FixedWidthInteger & BitwiseCopyable>(_ value: T, at offset: Int) {
        precondition(offset >= 0 && offset + MemoryLayout<T>.size <= count)
        unsafe base.storeBytes(of: value.littleEndian, toByteOffset: offset, as: T.self)
    }
}
