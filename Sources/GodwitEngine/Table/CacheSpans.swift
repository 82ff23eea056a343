internal import Glibc

/// The block cache's memory: spans of 64 KiB, cut out of chunks of 2 MiB on huge pages, each span holding objects of
/// one size. Not thread-safe: the cache's lock guards it.
///
/// There are as many sizes as there are numbers of objects that a span can hold (1 to 16, then coarser to 64), so that
/// little is lost to rounding. A span whose last object is freed may take on any size.
@safe
struct CacheSpans: ~Copyable {
    static let spanSize = 64 << 10
    private static let chunkSize = 2 << 20

    /// Objects in a span of each class, from the largest objects to the smallest.
    static let counts = Array(1...16) + [18, 20, 24, 28, 32, 40, 48, 64]

    struct Span {
        let base: UInt
        /// The class of its objects, or -1.
        var sizeClass = -1
        /// Bit i is set where object i is free.
        var free: UInt64 = 0
        /// Bit i is set where object i is published in a slot.
        var published: UInt64 = 0
        /// Whether the class's list of spans with room names it.
        var isListed = false
    }

    private(set) var spans: [Span] = []
    private var chunks: [(base: UInt, size: Int)] = []
    private var unassigned: [Int] = []
    /// Spans of each class that have free objects; and some that have none any more.
    private var withRoom: [[Int]] = Array(repeating: [], count: counts.count)
    private(set) var freeObjects = Array(repeating: 0, count: counts.count)
    /// How many spans hold objects.
    private(set) var assigned = 0

    /// The size of the objects of a class.
    static func objectSize(_ sizeClass: Int) -> Int { (spanSize / counts[sizeClass]) & ~63 }

    /// The class of the smallest objects that `size` bytes fit in, or nil where none is large enough.
    static func sizeClass(_ size: Int) -> Int? {
        if size > spanSize { return nil }
        var low = 0
        var high = counts.count - 1
        while low < high {
            let middle = (low + high + 1) / 2
            if objectSize(middle) >= size { low = middle } else { high = middle - 1 }
        }
        return low
    }

    deinit {
        for chunk in chunks { unsafe munmap(UnsafeMutableRawPointer(bitPattern: chunk.base), chunk.size) }
    }

    /// Whether a span can take on another class when `limit` spans may hold objects.
    func hasRoom(limit: Int) -> Bool { assigned < limit }

    /// Takes an object, or nil when that would need more than `limit` spans.
    mutating func take(_ sizeClass: Int, limit: Int) -> (span: Int, object: Int, address: UInt)? {
        while let index = withRoom[sizeClass].last {
            if spans[index].sizeClass == sizeClass, spans[index].free != 0 { return takeObject(index) }
            withRoom[sizeClass].removeLast()
            if spans[index].sizeClass == sizeClass { spans[index].isListed = false }
        }
        guard assigned < limit, let index = unassigned.popLast() ?? map(limit: limit) else { return nil }
        let count = CacheSpans.counts[sizeClass]
        spans[index].sizeClass = sizeClass
        spans[index].free = count == 64 ? .max : (1 << UInt64(count)) - 1
        spans[index].published = 0
        spans[index].isListed = true
        withRoom[sizeClass].append(index)
        freeObjects[sizeClass] += count
        assigned += 1
        return takeObject(index)
    }

    private mutating func takeObject(_ index: Int) -> (span: Int, object: Int, address: UInt) {
        let sizeClass = spans[index].sizeClass
        let object = spans[index].free.trailingZeroBitCount
        spans[index].free &= spans[index].free &- 1
        freeObjects[sizeClass] -= 1
        return (index, object, spans[index].base + UInt(object * CacheSpans.objectSize(sizeClass)))
    }

    /// Takes an object back. `limit` is how many spans may hold objects from now on.
    mutating func give(_ index: Int, _ object: Int, limit: Int) {
        let sizeClass = spans[index].sizeClass
        let count = CacheSpans.counts[sizeClass]
        precondition(spans[index].free & (1 << UInt64(object)) == 0, "a cached block was freed twice")
        spans[index].free |= 1 << UInt64(object)
        freeObjects[sizeClass] += 1
        if spans[index].free.nonzeroBitCount == count {
            // A name may be left in the list of the class: `take` drops it.
            freeObjects[sizeClass] -= count
            withRoom[sizeClass].removeAll { $0 == index }
            spans[index].sizeClass = -1
            spans[index].isListed = false
            assigned -= 1
            unassigned.append(index)
            if assigned >= limit { release(index) }
        } else if !spans[index].isListed {
            spans[index].isListed = true
            withRoom[sizeClass].append(index)
        }
    }

    /// Gives the memory of all spans without objects back to the system, keeping their addresses.
    mutating func releaseUnassigned() {
        for index in unassigned { release(index) }
    }

    private func release(_ index: Int) {
        unsafe madvise(UnsafeMutableRawPointer(bitPattern: spans[index].base), CacheSpans.spanSize, MADV_DONTNEED)
    }

    mutating func setPublished(_ index: Int, _ object: Int, _ isPublished: Bool) {
        let bit = UInt64(1) << UInt64(object)
        if isPublished { spans[index].published |= bit } else { spans[index].published &= ~bit }
    }

    func block(_ index: Int, _ object: Int) -> CachedBlock {
        let address = spans[index].base + UInt(object * CacheSpans.objectSize(spans[index].sizeClass))
        return CachedBlock(slotWord: address)!
    }

    /// Maps a chunk of spans that are not there yet; returns one of them.
    private mutating func map(limit: Int) -> Int? {
        let full = CacheSpans.chunkSize / CacheSpans.spanSize
        let count = min(full, max(limit - spans.count, 1))
        let size = count * CacheSpans.spanSize
        let alignment = UInt(count == full ? CacheSpans.chunkSize : CacheSpans.spanSize)
        let length = size + Int(alignment)
        let mapped = unsafe mmap(
            nil, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
        let address = UInt(bitPattern: mapped)
        if address == .max { return nil }
        let base = (address + alignment - 1) & ~(alignment - 1)
        let before = Int(base - address)
        if before > 0 { unsafe munmap(mapped, before) }
        let after = length - before - size
        if after > 0 { unsafe munmap(UnsafeMutableRawPointer(bitPattern: base + UInt(size)), after) }
        // Memory in huge pages is resident as a whole, so only chunks that will be used as a whole ask for them.
        if count == full { unsafe madvise(UnsafeMutableRawPointer(bitPattern: base), size, MADV_HUGEPAGE) }
        chunks.append((base, size))
        for index in (0..<count).reversed() {
            spans.append(Span(base: base + UInt(index * CacheSpans.spanSize)))
            unassigned.append(spans.count - 1)
        }
        return unassigned.popLast()
    }
}
