internal import CLinuxIO

/// Memory whose structure was validated once, when it was loaded: reads are not checked again. Only the contents of
/// cached units are read this way; `DataBlock.validate` and its like are what makes that sound. At least 16 readable
/// bytes follow the last one.
@safe
struct TrustedBytes {
    @unsafe let base: UnsafeRawPointer

    @inline(__always)
    init(_ base: UnsafeRawPointer) { unsafe self.base = unsafe base }

    /// An address that is never read.
    static var nothing: TrustedBytes { unsafe TrustedBytes(UnsafeRawPointer(bitPattern: 64)!) }

    @inline(__always) func u8(_ at: Int) -> Int { Int(unsafe base.load(fromByteOffset: at, as: UInt8.self)) }
    @inline(__always) func u16(_ at: Int) -> Int {
        Int(UInt16(littleEndian: unsafe base.loadUnaligned(fromByteOffset: at, as: UInt16.self)))
    }
    @inline(__always) func u32(_ at: Int) -> Int {
        Int(UInt32(littleEndian: unsafe base.loadUnaligned(fromByteOffset: at, as: UInt32.self)))
    }
    @inline(__always) func u64(_ at: Int) -> UInt64 {
        UInt64(littleEndian: unsafe base.loadUnaligned(fromByteOffset: at, as: UInt64.self))
    }

    /// The unsigned integer of 2^`log` bytes at `at`.
    @inline(__always)
    func unsigned(_ at: Int, log: Int) -> UInt64 {
        switch log {
        case 0: UInt64(u8(at))
        case 1: UInt64(u16(at))
        case 2: UInt64(u32(at))
        default: u64(at)
        }
    }

    @inline(__always)
    func view(_ at: Int, _ count: Int) -> ByteView { unsafe ByteView(base + at, count: count) }

    /// Whether the bytes at `at` are those of `other` from `offset`, `count` of them; both sides must have them.
    @inline(__always)
    func equals(_ at: Int, _ other: ByteView, from offset: Int, count: Int) -> Bool {
        let left = unsafe base + at
        let right = unsafe other.base + offset
        if count >= 8 {
            var done = 0
            let last = count &- 8
            while done < last {
                let a = unsafe left.loadUnaligned(fromByteOffset: done, as: UInt64.self)
                let b = unsafe right.loadUnaligned(fromByteOffset: done, as: UInt64.self)
                if a != b { return false }
                done &+= 8
            }
            let a = unsafe left.loadUnaligned(fromByteOffset: last, as: UInt64.self)
            let b = unsafe right.loadUnaligned(fromByteOffset: last, as: UInt64.self)
            return a == b
        }
        if count >= 4 {
            let a = unsafe left.loadUnaligned(as: UInt32.self) ^ right.loadUnaligned(as: UInt32.self)
            let last = count &- 4
            let b = unsafe left.loadUnaligned(fromByteOffset: last, as: UInt32.self)
            let c = unsafe right.loadUnaligned(fromByteOffset: last, as: UInt32.self)
            return a | (b ^ c) == 0
        }
        var done = 0
        while done < count {
            let a = unsafe left.load(fromByteOffset: done, as: UInt8.self)
            let b = unsafe right.load(fromByteOffset: done, as: UInt8.self)
            if a != b { return false }
            done &+= 1
        }
        return true
    }

    /// Bit i is set where the byte at `at` + i is `tag`, for i in 0..<16.
    @inline(__always)
    func match16(_ at: Int, _ tag: UInt8) -> UInt32 { unsafe godwit_match16(base + at, tag) }

    /// Begins to bring the cache line of `at` close.
    @inline(__always)
    func prefetch(_ at: Int) { unsafe godwit_prefetch(base + at) }
}
