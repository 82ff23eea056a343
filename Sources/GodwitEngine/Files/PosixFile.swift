internal import Glibc

/// An open file of the computer.
final class PosixFile: File, @unchecked Sendable {
    /// What reads past the page cache must be aligned to: enough for every common file system and disk.
    private static let directAlignment = 4096

    private static let layoutPiece = 16 << 10

    let descriptor: Int32
    private let isDirect: Bool
    let path: String
    /// The stretch that writes in place go to; the writer's alone, of whom there is one at a time.
    @exclusivity(unchecked) private var window: MappedWindow?

    /// Takes over an open descriptor.
    init(_ descriptor: Int32, _ path: String, mode: OpenMode) {
        self.descriptor = descriptor
        self.path = path
        isDirect = mode == .readDirect
    }

    deinit { close(descriptor) }

    func readOnce(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(EngineError) -> Int {
        if unsafe isDirect && !Self.isAligned(buffer, offset) {
            return try unsafe readUnaligned(into: buffer, at: offset)
        }
        return try unsafe read(buffer, at: offset)
    }

    /// Writes the zeros in small pieces. The kernel keeps what one call writes in one large folio where it can, and a sync
    /// writes whole folios: after a write of 1 MiB each later sync of a few bytes within it would write 1 MiB again.
    func layOut(_ count: Int, at offset: UInt64) throws(EngineError) {
        let zeros = ByteWriter(capacity: Self.layoutPiece)
        zeros.appendZeros(Self.layoutPiece)
        for start in stride(from: 0, to: count, by: Self.layoutPiece) {
            try writeFully(zeros.view.slice(0, min(Self.layoutPiece, count - start)), at: offset + UInt64(start))
        }
    }

    func beginWritingInPlace() { unsafe window = MappedWindow(descriptor) }

    func writeOnce(_ buffer: UnsafeRawBufferPointer, at offset: UInt64) throws(EngineError) -> Int {
        if unsafe window != nil, unsafe window!.write(buffer, at: offset) { return buffer.count }
        let count = unsafe pwrite(descriptor, buffer.baseAddress, buffer.count, try position(offset))
        if count < 0 { throw .system("cannot write the file", file: path, errno: errno) }
        if count == 0, buffer.count > 0 { throw .system("cannot write the file", file: path, errno: EIO) }
        return count
    }

    func sync() throws(EngineError) {
        if fdatasync(descriptor) != 0 { throw .system("cannot sync the file", file: path, errno: errno) }
    }

    func size() throws(EngineError) -> UInt64 {
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else {
            throw .system("cannot tell the file's size", file: path, errno: errno)
        }
        return UInt64(status.st_size)
    }

    func truncate(to size: UInt64) throws(EngineError) {
        while ftruncate(descriptor, try position(size)) != 0 {
            if errno != EINTR { throw .system("cannot cut the file", file: path, errno: errno) }
        }
    }

    private func read(_ buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(EngineError) -> Int {
        let count = unsafe pread(descriptor, buffer.baseAddress, buffer.count, try position(offset))
        if count < 0 { throw .system("cannot read the file", file: path, errno: errno) }
        return count
    }

    /// Reads the aligned surroundings into memory of its own and copies the part that was asked for.
    private func readUnaligned(
        into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64
    ) throws(EngineError) -> Int {
        let alignment = Self.directAlignment
        let skipped = Int(offset % UInt64(alignment))
        let length = (skipped + buffer.count + alignment - 1) / alignment * alignment
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: length, alignment: alignment)
        defer { unsafe memory.deallocate() }
        let count = try unsafe read(memory, at: offset - UInt64(skipped))
        let wanted = min(max(count - skipped, 0), buffer.count)
        if wanted > 0 {
            unsafe buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: memory[skipped..<(skipped + wanted)]))
        }
        return wanted
    }

    private static func isAligned(_ buffer: UnsafeMutableRawBufferPointer, _ offset: UInt64) -> Bool {
        let address = UInt(bitPattern: buffer.baseAddress)
        return (address | UInt(buffer.count) | UInt(truncatingIfNeeded: offset)) % UInt(directAlignment) == 0
    }

    private func position(_ offset: UInt64) throws(EngineError) -> off_t {
        guard let position = off_t(exactly: offset) else {
            throw .system("cannot reach the offset", file: path, errno: EINVAL)
        }
        return position
    }
}
