internal import Glibc
internal import Synchronization

/// A lock on an open file description (`flock`): another open of the same store is refused in this process and in
/// others, and the kernel frees the lock when the process dies. The file holds the holder's process id, for the message
/// of a refusal only.
final class PosixDirectoryLock: DirectoryLock {
    /// The locked file, until it is released.
    private let file: Mutex<PosixFile?>

    init(_ path: String) throws(EngineError) {
        let action = "cannot take the lock"
        let file = PosixFile(try PosixFileSystem.open(path, O_RDWR | O_CREAT, action), path, mode: .readWrite)
        guard flock(file.descriptor, LOCK_EX | LOCK_NB) == 0 else {
            guard errno == EWOULDBLOCK else { throw .system(action, file: path, errno: errno) }
            throw Self.refusal(path, holder: Self.holder(file))
        }
        try file.truncate(to: 0)
        try Array("\(getpid())\n".utf8).withView { (view) throws(EngineError) in
            try file.writeFully(view, at: 0)
        }
        self.file = Mutex(file)
    }

    /// Closing the file frees the lock: nothing else shares its description.
    func release() { file.withLock { $0 = nil } }

    /// The process id in the lock file, where one is there.
    private static func holder(_ file: PosixFile) -> Int32? {
        guard let size = try? file.size(), size > 0, size < 32, let bytes = try? file.read(Int(size), at: 0) else {
            return nil
        }
        return Int32(String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self))
    }

    private static func refusal(_ path: String, holder: Int32?) -> EngineError {
        let place =
            switch holder {
            case getpid()?: "already open in this process (process \(getpid()))"
            case let holder?: "open in process \(holder)"
            case nil: "open in another process"
            }
        return EngineError(.locked, "the store is \(place); close it there first", file: path, errno: EWOULDBLOCK)
    }
}
