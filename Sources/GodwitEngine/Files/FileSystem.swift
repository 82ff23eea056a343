/// How a file is opened.
public enum OpenMode: Sendable {
    /// For reading; the file must exist.
    case read
    /// For reading and writing; the file must exist.
    case readWrite
    /// For reading and writing; the file must not exist and is made.
    case create
    /// For reading past the page cache (`O_DIRECT`), where the file system can; else as `read`.
    case readDirect
}

/// Where the engine keeps its files. Nothing else in the engine touches a disk, so that tests hand in one that
/// loses power.
///
/// Paths are absolute or relative to the process, `/` between parts. All calls may be made from any thread, block,
/// and throw `EngineError` with code `.io` (or `.diskFull`, `.notFound`, `.locked`), `file` and `errno` set.
/// A name is durable only after `syncDirectory` on its directory; content only after `File.sync`.
public protocol FileSystem: AnyObject, Sendable {
    /// Makes a directory and its missing parents; one that exists is no error. The parents are synced.
    func createDirectory(_ path: String) throws(EngineError)
    /// The names (not paths) in a directory, sorted bytewise.
    func list(_ directory: String) throws(EngineError) -> [String]
    /// Opens a file.
    func open(_ path: String, _ mode: OpenMode) throws(EngineError) -> any File
    /// Whether a file or directory has this path.
    func exists(_ path: String) throws(EngineError) -> Bool
    /// Gives a file another name, replacing what has that name, in one step.
    func rename(_ from: String, to: String) throws(EngineError)
    /// Removes a file's name; its space is given back when no name and no open file is left.
    func remove(_ path: String) throws(EngineError)
    /// Removes an empty directory.
    func removeDirectory(_ path: String) throws(EngineError)
    /// Gives a file a second name on the same file system.
    func link(_ from: String, to: String) throws(EngineError)
    /// Makes the names in a directory durable.
    func syncDirectory(_ path: String) throws(EngineError)
    /// Takes the store's lock: refused (`.locked`, the message naming the holder's process id) while another
    /// open store, of this or of another process, holds it. Freed by `DirectoryLock.release` or process death.
    func lock(_ path: String) throws(EngineError) -> any DirectoryLock
    /// Reads many pieces at the same time, each wholly or in part, where the system has a way to; returns whether it has.
    /// A piece that failed has a count of 0: reading it by itself tells why.
    func readTogether(_ pieces: inout [FilePiece]) -> Bool
    /// The bytes that can still be written on the file system of `directory`.
    func freeSpace(_ directory: String) throws(EngineError) -> UInt64
}

/// A lock taken by `FileSystem.lock`.
public protocol DirectoryLock: AnyObject, Sendable {
    /// Gives the lock back; further calls do nothing.
    func release()
}

/// An open file. Calls may be made from any thread; one writer at a time. Closed when released.
public protocol File: AnyObject, Sendable {
    /// Reads once: up to `buffer.count` bytes from `offset`. Returns how many were read, 0 only at the end of the
    /// file. May be interrupted (`errno` EINTR) or short: callers use `readFully`.
    func readOnce(into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64) throws(EngineError) -> Int
    /// Writes once: at least one byte of `buffer` at `offset`, growing the file. Returns how many were written. May
    /// be interrupted (`errno` EINTR) or short: callers use `writeFully`.
    func writeOnce(_ buffer: UnsafeRawBufferPointer, at offset: UInt64) throws(EngineError) -> Int
    /// Makes content and size durable (`fdatasync`). After a failure the file must not be trusted or retried.
    func sync() throws(EngineError)
    /// The file's size in bytes.
    func size() throws(EngineError) -> UInt64
    /// Cuts the file to `size` bytes, or grows it with zeros.
    func truncate(to size: UInt64) throws(EngineError)
    /// Fills a stretch with zeros that many small writes will go to, each perhaps followed by a sync.
    func layOut(_ count: Int, at offset: UInt64) throws(EngineError)
    /// Says that writes from now on lie within the file's present size, one after the other: a file may then find a
    /// faster way for them than a call of the system for each. Called once, by the writer.
    func beginWritingInPlace()
    /// The path the file was opened by, for messages.
    var path: String { get }
}

extension File {
    /// Writes the zeros at once.
    public func layOut(_ count: Int, at offset: UInt64) throws(EngineError) {
        let zeros = ByteWriter(capacity: count)
        zeros.appendZeros(count)
        try writeFully(zeros.view, at: offset)
    }

    /// Writes go on as before.
    public func beginWritingInPlace() {}
}
