/// Reads stored data blocks for a scan that leaves the cache alone: one by one at first, then many with one read.
@safe
final class ReadAhead {
    private static let window = 256 << 10

    private var memory: UnsafeMutableRawBufferPointer?
    /// The part of the file that is in `memory`.
    private var start: UInt64 = 0
    private var length = 0
    private var skip = 0

    deinit { unsafe memory?.deallocate() }

    /// Whether all bytes of a unit have been read.
    func holds(_ handle: UnitHandle) -> Bool {
        handle.offset >= start && handle.offset + UInt64(handle.length) <= start + UInt64(length)
    }

    /// The unit at `handle`, in memory of its own. `sequential` says that the next ones will be wanted too; the data
    /// ends at `end`.
    func block(
        _ handle: UnitHandle, sequential: Bool, end: UInt64, _ reader: TableReader
    ) throws(EngineError) -> CachedBlock {
        if !holds(handle) {
            if !sequential { return try reader.readOwned(.data, handle) }
            try fill(from: handle.offset, least: handle.length, end: end, reader)
        }
        let stored = unsafe ByteView(UnsafeRawBufferPointer(memory!))
            .slice(skip + Int(handle.offset - start), handle.length)
        return try reader.decodeOwned(stored, .data, handle)
    }

    private func fill(from offset: UInt64, least: Int, end: UInt64, _ reader: TableReader) throws(EngineError) {
        length = 0
        let wanted = Int(min(end - offset, UInt64(max(least, ReadAhead.window))))
        let alignment: UInt64 = reader.direct ? 4096 : 1
        let aligned = offset & ~(alignment - 1)
        skip = Int(offset - aligned)
        let size = (skip + wanted + Int(alignment) - 1) & ~(Int(alignment) - 1)
        if unsafe (memory?.count ?? 0) < size {
            unsafe memory?.deallocate()
            unsafe memory = .allocate(byteCount: size, alignment: 4096)
        }
        let buffer = unsafe UnsafeMutableRawBufferPointer(rebasing: memory![0..<size])
        let count = try unsafe reader.file().readFully(into: buffer, at: aligned)
        guard count >= skip + least else {
            throw reader.noted(
                EngineError(
                    .corruption, "table \(reader.number) ends in the middle of a block: restore the file, or repair",
                    file: reader.path, offset: offset))
        }
        start = offset
        length = min(count - skip, wanted)
    }
}
