/// Reads whole files in pieces: to hash them, and to copy them.
package enum FileCopy {
    /// What is read and written at once.
    private static let piece = 1 << 20

    /// The size and the hash of a file's content. `passed` is told after each piece how many bytes it had.
    package static func digest(
        _ fileSystem: any FileSystem, _ path: String, passed: (Int) -> Void = { _ in }
    ) throws(EngineError) -> (size: UInt64, hash: UInt64) {
        let hash = ContentHash()
        let size = try read(try fileSystem.open(path, .read)) { (bytes, _) in
            hash.update(bytes)
            passed(bytes.count)
        }
        return (size, hash.digest)
    }

    /// Copies a file to a path that has none, and syncs it. Returns the size and hash of what was written. The name is
    /// durable only once the directory is synced.
    @discardableResult
    package static func copy(
        _ fileSystem: any FileSystem, _ from: String, to: String, passed: (Int) -> Void = { _ in }
    ) throws(EngineError) -> (size: UInt64, hash: UInt64) {
        let source = try fileSystem.open(from, .read)
        let target = try fileSystem.open(to, .create)
        let hash = ContentHash()
        let size = try read(source) { (bytes, offset) throws(EngineError) in
            try target.writeFully(bytes, at: offset)
            hash.update(bytes)
            passed(bytes.count)
        }
        try target.sync()
        return (size, hash.digest)
    }

    /// Gives a file a second name, or makes a copy where the file system cannot (another disk).
    package static func linkOrCopy(_ fileSystem: any FileSystem, _ from: String, to: String) throws(EngineError) {
        do throws(EngineError) {
            try fileSystem.link(from, to: to)
        } catch {
            // EXDEV, EPERM, EMLINK, EOPNOTSUPP: another file system, or one without (more) links.
            guard let number = error.errno, [18, 1, 31, 95].contains(number) else { throw error }
            try copy(fileSystem, from, to: to)
        }
    }

    private static func read(
        _ file: any File, _ body: (ByteView, UInt64) throws(EngineError) -> Void
    ) throws(EngineError) -> UInt64 {
        let size = try file.size()
        var offset: UInt64 = 0
        while offset < size {
            let bytes = try file.read(Int(min(UInt64(piece), size - offset)), at: offset)
            let start = offset
            try bytes.withView { (view) throws(EngineError) in try body(view, start) }
            offset += UInt64(bytes.count)
        }
        return size
    }
}
