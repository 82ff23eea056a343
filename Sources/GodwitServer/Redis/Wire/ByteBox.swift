internal import GodwitEngine

/// A growing byte buffer that keeps its memory: requests as they come, replies as they go, values that are put
/// together. Bytes are appended at the end and may be consumed at the front.
@safe
final class ByteBox {
    @unsafe private var base: UnsafeMutableRawPointer
    private var capacity: Int
    /// Where what was not consumed begins.
    private var start = 0
    /// Where it ends.
    private var end = 0

    init(capacity: Int = 256) {
        self.capacity = max(capacity, 64)
        unsafe base = .allocate(byteCount: self.capacity, alignment: 16)
    }

    deinit { unsafe base.deallocate() }

    /// How many bytes there are.
    @inline(__always)
    var count: Int { end &- start }

    var isEmpty: Bool { start == end }

    /// All bytes; good until the next append or consumption.
    @inline(__always)
    var slice: ByteSlice { unsafe ByteSlice(base + start, count: end &- start) }

    /// The bytes from `offset`.
    func slice(from offset: Int) -> ByteSlice { slice.dropFirst(offset) }

    /// Forgets the content, and memory past `limit`.
    func clear(keeping limit: Int = .max) {
        start = 0
        end = 0
        if capacity > limit { move(to: limit) }
    }

    /// Takes bytes off the front.
    func consume(_ length: Int) {
        precondition(length <= count)
        start &+= length
        if start == end {
            start = 0
            end = 0
        }
    }

    /// Cuts the content to its first `length` bytes.
    func truncate(to length: Int) {
        precondition(length >= 0 && length <= count)
        end = start + length
    }

    /// Makes room for `extra` bytes.
    @inline(__always)
    func reserve(_ extra: Int) { if end &+ extra > capacity { makeRoom(extra) } }

    @inline(never)
    private func makeRoom(_ extra: Int) {
        let length = count
        if start > 0, length + extra <= capacity, start >= length {
            unsafe base.copyMemory(from: base + start, byteCount: length)
            start = 0
            end = length
        } else {
            move(to: max(capacity * 2, length + extra))
        }
    }

    private func move(to size: Int) {
        let size = max(size, count, 64)
        let fresh = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
        unsafe fresh.copyMemory(from: base + start, byteCount: count)
        unsafe base.deallocate()
        unsafe base = unsafe fresh
        capacity = size
        end = count
        start = 0
    }

    /// Gives memory back that an unusually large content took, when there is none now.
    func shrink(to limit: Int) { if isEmpty, capacity > limit { move(to: limit) } }

    // MARK: Appending

    @inline(__always)
    func append(_ byte: UInt8) {
        reserve(1)
        unsafe base.storeBytes(of: byte, toByteOffset: end, as: UInt8.self)
        end &+= 1
    }

    @inline(__always)
    func append(_ bytes: ByteSlice) {
        reserve(bytes.count)
        unsafe (base + end).copyMemory(from: bytes.base, byteCount: bytes.count)
        end &+= bytes.count
    }

    @inline(__always)
    func append(_ text: StaticString) {
        let count = text.utf8CodeUnitCount
        reserve(count)
        unsafe (base + end).copyMemory(from: text.utf8Start, byteCount: count)
        end &+= count
    }

    func append(_ bytes: [UInt8]) { bytes.withSlice { append($0) } }

    func append(_ text: String) { for byte in text.utf8 { append(byte) } }

    func append(_ span: RawSpan) {
        span.withView { append(ByteSlice($0)) }
    }

    /// Appends a number as eight bytes, most significant first.
    func appendBigEndian(_ value: UInt64) {
        reserve(8)
        unsafe base.storeBytes(of: value.bigEndian, toByteOffset: end, as: UInt64.self)
        end &+= 8
    }

    /// Appends zero bytes.
    func appendZeros(_ length: Int) {
        reserve(length)
        unsafe (base + end).initializeMemory(as: UInt8.self, repeating: 0, count: length)
        end += length
    }

    /// Overwrites bytes that are there.
    func overwrite(at offset: Int, _ bytes: ByteSlice) {
        precondition(offset >= 0 && offset + bytes.count <= count)
        unsafe (base + start + offset).copyMemory(from: bytes.base, byteCount: bytes.count)
    }

    /// Appends an unsigned number, seven bits a byte, low bits first.
    func appendVarint(_ value: Int) {
        var rest = UInt(value)
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(truncatingIfNeeded: rest))
    }

    /// Appends a number in decimal digits.
    @inline(__always)
    func appendDecimal(_ value: Int) {
        if value >= 0, value < 10 {
            append(UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: value))
            return
        }
        appendLongDecimal(value)
    }

    @inline(never)
    private func appendLongDecimal(_ value: Int) {
        reserve(20)
        var rest = value.magnitude
        var digits = 1
        var limit: UInt = 10
        while digits < 20, rest >= limit {
            digits += 1
            let (next, overflow) = limit.multipliedReportingOverflow(by: 10)
            if overflow { break }
            limit = next
        }
        if value < 0 { append(UInt8(ascii: "-")) }
        reserve(digits)
        var place = end + digits
        end = place
        repeat {
            place -= 1
            unsafe base.storeBytes(
                of: UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10), toByteOffset: place, as: UInt8.self)
            rest /= 10
        } while rest > 0
    }
}
