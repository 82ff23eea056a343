internal import CLinuxIO
internal import Glibc

/// The computer's files, through POSIX calls.
public final class PosixFileSystem: FileSystem {
    /// Makes a view of the computer's files; there is no state.
    public init() {}

    /// Makes a directory and its missing parents, and syncs the parent of each. One that exists has its parent synced
    /// too: the sync may have failed when it was made.
    public func createDirectory(_ path: String) throws(EngineError) {
        let action = "cannot make the directory"
        if unsafe mkdir(path, 0o755) == 0 { return try syncDirectory(Self.parent(of: path)) }
        switch errno {
        case EEXIST:
            if !Self.isDirectory(path) { throw .system(action, file: path, errno: ENOTDIR) }
            try syncDirectory(Self.parent(of: path))
        case ENOENT:
            let parent = Self.parent(of: path)
            if parent == path { throw .system(action, file: path, errno: ENOENT) }
            try createDirectory(parent)
            try createDirectory(path)
        default: throw .system(action, file: path, errno: errno)
        }
    }

    /// The names in a directory without `.` and `..`, sorted bytewise.
    public func list(_ directory: String) throws(EngineError) -> [String] {
        let action = "cannot list the directory"
        guard let stream = unsafe opendir(directory) else { throw .system(action, file: directory, errno: errno) }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = unsafe readdir(stream) else { break }
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { tuple in
                unsafe tuple.withMemoryRebound(to: CChar.self, capacity: 1) { unsafe String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        if errno != 0 { throw .system(action, file: directory, errno: errno) }
        return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }

    /// Opens a file.
    public func open(_ path: String, _ mode: OpenMode) throws(EngineError) -> any File {
        let action = mode == .create ? "cannot make the file" : "cannot open the file"
        switch mode {
        case .read: return PosixFile(try Self.open(path, O_RDONLY, action), path, mode: mode)
        case .readWrite: return PosixFile(try Self.open(path, O_RDWR, action), path, mode: mode)
        case .create: return PosixFile(try Self.open(path, O_RDWR | O_CREAT | O_EXCL, action), path, mode: mode)
        case .readDirect:
            let descriptor = unsafe godwit_open_direct(path)
            if descriptor >= 0 { return PosixFile(descriptor, path, mode: .readDirect) }
            // Some file systems cannot read past the page cache; any other reason comes up again here.
            return PosixFile(try Self.open(path, O_RDONLY, action), path, mode: .read)
        }
    }

    /// Reads pieces at the same time through io_uring, where the kernel has it.
    public func readTogether(_ pieces: inout [FilePiece]) -> Bool { ReadRings.shared.read(&pieces) }

    /// Whether a file or directory has this path.
    public func exists(_ path: String) throws(EngineError) -> Bool {
        var status = stat()
        if unsafe lstat(path, &status) == 0 { return true }
        if errno == ENOENT || errno == ENOTDIR { return false }
        throw .system("cannot look for the file", file: path, errno: errno)
    }

    /// Gives a file another name, replacing what has that name, in one step.
    public func rename(_ from: String, to: String) throws(EngineError) {
        if unsafe Glibc.rename(from, to) != 0 { throw .system("cannot rename the file", file: from, errno: errno) }
    }

    /// Removes a file's name.
    public func remove(_ path: String) throws(EngineError) {
        if unsafe unlink(path) != 0 { throw .system("cannot remove the file", file: path, errno: errno) }
    }

    /// Removes an empty directory.
    public func removeDirectory(_ path: String) throws(EngineError) {
        if unsafe rmdir(path) != 0 { throw .system("cannot remove the directory", file: path, errno: errno) }
    }

    /// Gives a file a second name.
    public func link(_ from: String, to: String) throws(EngineError) {
        if unsafe Glibc.link(from, to) != 0 { throw .system("cannot link the file", file: from, errno: errno) }
    }

    /// Makes the names in a directory durable.
    public func syncDirectory(_ path: String) throws(EngineError) {
        let action = "cannot sync the directory"
        let descriptor = try Self.open(path, O_RDONLY | O_DIRECTORY, action)
        defer { close(descriptor) }
        if fsync(descriptor) != 0 { throw .system(action, file: path, errno: errno) }
    }

    /// Takes the store's lock.
    public func lock(_ path: String) throws(EngineError) -> any DirectoryLock { try PosixDirectoryLock(path) }

    /// The bytes that this process may still write.
    public func freeSpace(_ directory: String) throws(EngineError) -> UInt64 {
        var status = statvfs()
        guard unsafe statvfs(directory, &status) == 0 else {
            throw .system("cannot tell the free space", file: directory, errno: errno)
        }
        return UInt64(status.f_bavail) * UInt64(status.f_frsize)
    }

    /// Opens a descriptor that programs started by this one do not inherit.
    static func open(_ path: String, _ flags: Int32, _ action: String) throws(EngineError) -> Int32 {
        while true {
            let descriptor = unsafe godwit_open(path, flags | O_CLOEXEC, 0o644)
            if descriptor >= 0 { return descriptor }
            if errno != EINTR { throw .system(action, file: path, errno: errno) }
        }
    }

    private static func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// The directory a path is in: `/a/b` for `/a/b/c` and `/a/b/c/`, `.` for a plain name.
    private static func parent(of path: String) -> String {
        let parts = path.split(separator: "/").dropLast().joined(separator: "/")
        return path.hasPrefix("/") ? "/" + parts : (parts.isEmpty ? "." : parts)
    }
}
