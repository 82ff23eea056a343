internal import Glibc
internal import GodwitEngine

/// A handle on a file of a simulated disk. A crash kills it: every call then throws.
final class SimulatedFile: File {
    private let fileSystem: SimulatedFileSystem
    private let number: Int
    private let generation: Int
    private let isWritable: Bool
    let path: String

    init(_ fileSystem: SimulatedFileSystem, _ number: Int, generation: Int, path: String, isWritable: Bool) {
        self.fileSystem = fileSystem
        self.number = number
        self.generation = generation
        self.path = path
        self.isWritable = isWritable
    }

    deinit {
        fileSystem.withDisk { disk in
            guard disk.generation == generation else { return }
            disk.openFiles -= 1
            disk.files[number].handles -= 1
            disk.reclaim(number)
        }
    }

    func readOnce(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(EngineError) -> Int {
        let bytes = try call(.read, "cannot read the file") { (disk, effect) throws(EngineError) -> [UInt8] in
            let content = disk.files[self.number].content
            guard offset < UInt64(content.count) else { return [] }
            var count = min(buffer.count, content.count - Int(offset))
            if case .short(let limit)? = effect { count = min(count, max(limit, 1)) }
            return Array(content[Int(offset)..<(Int(offset) + count)])
        }
        unsafe buffer.copyBytes(from: bytes)
        return bytes.count
    }

    func writeOnce(_ buffer: UnsafeRawBufferPointer, at offset: UInt64) throws(EngineError) -> Int {
        let action = "cannot write the file"
        let bytes = unsafe Array(buffer)
        return try call(.write, action) { (disk, effect) throws(EngineError) -> Int in
            try self.requireWritable(action)
            if bytes.isEmpty { return 0 }
            var count = try self.room(for: bytes.count, at: Int(offset), disk, action)
            switch effect {
            case .short(let limit)?: count = min(count, max(limit, 1))
            case .torn(let number)?:
                disk.files[self.number].write(Array(bytes.prefix(disk.random.below(count + 1))), at: Int(offset))
                throw .system(action, file: self.path, errno: number)
            case .lost?:
                let end = Int(offset) + count
                if end > disk.files[self.number].content.count { disk.files[self.number].truncate(to: end) }
                return count
            case .misdirected(let distance)?:
                disk.files[self.number].write(Array(bytes.prefix(count)), at: max(0, Int(offset) + distance))
                return count
            case .error?, nil: break
            }
            disk.files[self.number].write(Array(bytes.prefix(count)), at: Int(offset))
            return count
        }
    }

    func sync() throws(EngineError) {
        let action = "cannot sync the file"
        try call(.sync, action) { (disk, effect) throws(EngineError) in
            if case .error(let number)? = effect {
                // An interrupted call has done nothing; any other failure drops the data.
                if number != EINTR { disk.files[self.number].failSync() }
                throw .system(action, file: self.path, errno: number)
            }
            if !disk.plan.isPowerOff { disk.files[self.number].sync() }
        }
    }

    func size() throws(EngineError) -> UInt64 {
        try call(.size, "cannot tell the file's size") { disk, _ in UInt64(disk.files[self.number].content.count) }
    }

    func truncate(to size: UInt64) throws(EngineError) {
        let action = "cannot cut the file"
        try call(.truncate, action) { (disk, _) throws(EngineError) in
            try self.requireWritable(action)
            let current = disk.files[self.number].content.count
            let growth = Int(size) - current
            if growth > 0, try self.room(for: growth, at: current, disk, action) < growth {
                throw .system(action, file: self.path, errno: ENOSPC)
            }
            disk.files[self.number].truncate(to: Int(size))
        }
    }

    /// How many of `count` bytes from `offset` the disk has room for; a full disk is an error.
    private func room(for count: Int, at offset: Int, _ disk: DiskState, _ action: String) throws(EngineError) -> Int {
        let current = disk.files[number].content.count
        guard disk.capacity != nil, offset + count > current else { return count }
        let end = current + Int(min(disk.freeSpace, UInt64(Int.max / 2)))
        guard end > offset else { throw .system(action, file: path, errno: ENOSPC) }
        return min(count, end - offset)
    }

    private func requireWritable(_ action: String) throws(EngineError) {
        if !isWritable { throw .system(action, file: path, errno: EBADF) }
    }

    private func call<R: Sendable>(
        _ kind: CallKind, _ action: String, _ body: (inout DiskState, FaultEffect?) throws(EngineError) -> R
    ) throws(EngineError) -> R {
        try fileSystem.call(kind, path, generation: generation, action: action, body)
    }
}
