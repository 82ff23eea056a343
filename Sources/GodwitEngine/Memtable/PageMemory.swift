#if canImport(Glibc)
    internal import Glibc
#endif

/// Zeroed memory for large structures: from 2 MiB on mapped, aligned to 2 MiB and on huge pages (a random access costs
/// half), below that from the heap. Running out of memory traps, as everywhere in Swift.
enum PageMemory {
    /// The size of a huge page.
    static let hugePage = 2 << 20

    /// Zeroed memory, aligned to at least 128 bytes.
    @unsafe static func allocate(_ bytes: Int) -> UnsafeMutableRawPointer {
        if bytes >= hugePage { return unsafe reserve(bytes, smallPages: 0) }
        let memory = UnsafeMutableRawPointer.allocate(byteCount: bytes, alignment: 128)
        unsafe memory.initializeMemory(as: UInt8.self, repeating: 0, count: bytes)
        return unsafe memory
    }

    /// Gives back what `allocate` or `reserve` returned for as many bytes.
    @unsafe static func free(_ memory: UnsafeMutableRawPointer, _ bytes: Int) {
        if bytes >= hugePage {
            let result = unsafe munmap(memory, rounded(bytes))
            precondition(result == 0, "munmap failed")
        } else {
            unsafe memory.deallocate()
        }
    }

    /// Address space for at least 2 MiB that takes memory only where it is touched: the first `smallPages` bytes by the
    /// small page, so that what stays nearly empty stays small, the rest by the huge page.
    @unsafe static func reserve(_ bytes: Int, smallPages: Int) -> UnsafeMutableRawPointer {
        let size = rounded(bytes)
        let mapped = unsafe mmap(
            nil, size + hugePage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
        guard let mapped = unsafe mapped, unsafe mapped != MAP_FAILED else {
            fatalError("out of memory: cannot map \(size) bytes")
        }
        // Mapped one huge page too long, and cut to alignment at both ends.
        let head = (hugePage - Int(bitPattern: mapped) & (hugePage - 1)) & (hugePage - 1)
        if head > 0 { unsafe munmap(mapped, head) }
        if head < hugePage { unsafe munmap(mapped + head + size, hugePage - head) }
        if smallPages < size {
            // Advice only: without huge pages everything works, slower.
            unsafe madvise(mapped + head + smallPages, size - smallPages, MADV_HUGEPAGE)
        }
        return unsafe mapped + head
    }

    private static func rounded(_ bytes: Int) -> Int { (bytes + hugePage - 1) & ~(hugePage - 1) }
}
