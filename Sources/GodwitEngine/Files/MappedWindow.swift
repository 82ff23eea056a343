internal import CLinuxIO

#if canImport(Glibc)
    internal import Glibc
#endif

/// A stretch of a file in memory, shared with the page cache: a write is a copy, at a fraction of what the system takes for
/// a call, and as safe from the death of the process. It moves along with the writes.
///
/// An error of the disk must stay an error: a store to a mapping that the kernel cannot serve kills the process. So
/// only file systems are used that write a block where it is and need no new space for it; and each window is read in by a
/// call that reports errors before anything is stored to it. Where that does not work, writes take the usual way.
@safe
struct MappedWindow: ~Copyable {
    private static let length = 4 << 20
    private static let pageSize: UInt64 = 4096

    private let descriptor: Int32
    /// The size of the file: nothing is mapped past it.
    private let end: UInt64
    private var memory: UnsafeMutableRawPointer?
    private var start: UInt64 = 0
    private var count = 0
    /// No window is tried below this offset: there the last attempt failed.
    private var retryAt: UInt64 = 0

    /// A window that maps nothing yet; nil where the file system gives new space to what is overwritten.
    init?(_ descriptor: Int32) {
        var status = stat()
        guard godwit_writes_in_place(descriptor) != 0, unsafe fstat(descriptor, &status) == 0 else { return nil }
        self.descriptor = descriptor
        end = UInt64(status.st_size)
    }

    deinit { if let memory = unsafe memory { unsafe munmap(memory, count) } }

    /// Copies bytes to their place; false where that needs the usual way.
    @unsafe mutating func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) -> Bool {
        guard let source = bytes.baseAddress else { return false }
        if offset < start || offset + UInt64(bytes.count) > start + UInt64(count) {
            guard move(to: offset, bytes.count) else { return false }
        }
        unsafe memory.unsafelyUnwrapped.advanced(by: Int(offset - start)).copyMemory(
            from: source, byteCount: bytes.count)
        return true
    }

    /// Maps the stretch that begins with the page of `offset`.
    @inline(never)
    private mutating func move(to offset: UInt64, _ needed: Int) -> Bool {
        let first = offset & ~(Self.pageSize - 1)
        guard offset >= retryAt, offset + UInt64(needed) <= end,
            offset + UInt64(needed) <= first + UInt64(Self.length)
        else { return false }
        if let memory = unsafe memory { unsafe munmap(memory, count) }
        unsafe memory = nil
        start = 0
        count = 0
        let length = Int(min(UInt64(Self.length), end - first))
        guard let mapped = unsafe godwit_map_window(descriptor, Int64(first), length) else {
            retryAt = first + UInt64(Self.length)
            return false
        }
        unsafe memory = mapped
        start = first
        count = length
        return true
    }
}
