internal import Glibc
internal import Synchronization
public import GodwitEngine

/// A disk in memory that loses power, tears writes, fills up and fails on demand, all decided by one seed.
///
/// The model. A file has the bytes that readers see and, for each 512-byte sector written since the last successful
/// `sync`, every state the sector had before. A directory has the names that readers see and those on the disk; name
/// changes wait in order until `syncDirectory` on a directory they touch. `crash` loses power: handles die, locks are
/// freed, and of what was not synced any part is left: per file and sector an earlier or later state, torn at any byte,
/// sizes with or without their data (then zeros), name changes in order or not. Nothing is ever lost that was synced,
/// unless a fault says so. Plan faults with `inject`, stop everything with `powerOff(afterCalls:)`, damage bytes with
/// `flipBits`. Content of a file does not become durable by syncing its directory, nor its name by syncing the file.
public final class SimulatedFileSystem: FileSystem {
    private let state: Locked<DiskState>
    private let observer = Locked(Observer())

    /// Makes an empty disk with a root directory. Relative paths begin at the root.
    public init(seed: UInt64, capacity: UInt64? = nil) {
        var fresh = DiskState(seed: seed)
        fresh.capacity = capacity
        state = Locked(fresh)
    }

    private init(_ copy: sending DiskState) { state = Locked(copy) }

    /// A copy of the disk as it is now, unsynced changes and all, that goes on by itself. Its chance is decided by
    /// `seed` where one is given. It has no open handle, lock, planned fault or observer.
    public func clone(seed: UInt64? = nil) -> SimulatedFileSystem {
        withDisk { disk in
            var copy = disk
            if let seed { copy.random = Xoshiro(seed: seed) }
            copy.generation = 0
            copy.openFiles = 0
            copy.locks = [:]
            copy.plan = FaultPlan()
            for number in copy.files.indices {
                copy.files[number].handles = 0
                copy.reclaim(number)
            }
            return SimulatedFileSystem(copy)
        }
    }

    /// Calls a function before every call, outside of all locks: to let simulated time pass, count, or stop a thread.
    public func observe(_ function: (@Sendable (CallKind, String) -> Void)?) {
        observer.withLock { $0.function = function }
    }

    /// Works on the disk with nobody else at it.
    func withDisk<R: Sendable>(_ body: (inout DiskState) throws(EngineError) -> R) throws(EngineError) -> R {
        try state.withLock { (disk: inout DiskState) throws(EngineError) -> R in try body(&disk) }
    }

    /// Works on the disk where no error can come.
    func withDisk<R: Sendable>(_ body: (inout DiskState) -> R) -> R {
        state.withLock { (disk: inout DiskState) -> R in body(&disk) }
    }

    /// One call: observed, counted, refused or changed by the plan, then done. `body` is told the fault, if any: an
    /// `.error` on a `sync` reaches it, other refusals do not.
    func call<R: Sendable>(
        _ kind: CallKind, _ paths: String..., generation: Int? = nil, action: String,
        _ body: (inout DiskState, FaultEffect?) throws(EngineError) -> R
    ) throws(EngineError) -> R {
        observer.withLock { $0 }.function?(kind, paths[0])
        let powerIsOff = EngineError(.io, "\(action): power is off", file: paths[0], errno: EIO)
        // The result leaves the lock before it is dropped: a handle that goes away takes the lock itself.
        let (result, isLost) = try withDisk { (disk: inout DiskState) throws(EngineError) -> (R, Bool) in
            if let generation, generation != disk.generation {
                throw EngineError(
                    .io, "\(action): power was lost since the file was opened", file: paths[0], errno: EIO)
            }
            switch disk.plan.judge(kind, paths) {
            case .refused: throw powerIsOff
            case .losesPower: return (try body(&disk, nil), true)
            case .goes(.error(let number)?) where kind != .sync:
                throw .system(action, file: paths[0], errno: number)
            case .goes(let effect): return (try body(&disk, effect), false)
            }
        }
        if isLost { throw powerIsOff }
        return result
    }

    // MARK: FileSystem

    /// Makes a directory and its missing parents, all durable at once.
    public func createDirectory(_ path: String) throws(EngineError) {
        let action = "cannot make the directory"
        try call(.createDirectory, path, action: action) { (disk, _) throws(EngineError) in
            var directory = 0
            for part in DiskState.parts(path) {
                let number: Int
                switch disk.directories[directory].names[part] {
                case .directory(let found)?: number = found
                case .file?: throw .system(action, file: path, errno: ENOTDIR)
                case nil:
                    number = disk.directories.count
                    disk.directories.append(DirectoryNode())
                    disk.change(NameChange(removed: nil, added: (directory, part, .directory(number))))
                }
                // Only what is on the way to the new directory is sure to be durable, as on a real disk.
                if !disk.plan.isPowerOff { disk.syncName(part, in: directory) }
                directory = number
            }
        }
    }

    /// The names in a directory, sorted bytewise.
    public func list(_ directory: String) throws(EngineError) -> [String] {
        let action = "cannot list the directory"
        return try call(.list, directory, action: action) { (disk, _) throws(EngineError) in
            disk.sortedNames(try disk.directory(directory, action))
        }
    }

    /// Opens a file; `readDirect` is as `read`.
    public func open(_ path: String, _ mode: OpenMode) throws(EngineError) -> any File {
        let action = mode == .create ? "cannot make the file" : "cannot open the file"
        return try call(.open, path, action: action) { (disk, _) throws(EngineError) in
            if disk.openFiles >= disk.openFilesLimit { throw .system(action, file: path, errno: EMFILE) }
            let number: Int
            if mode == .create {
                let place = try disk.parent(path, action)
                if disk.directories[place.directory].names[place.name] != nil {
                    throw .system(action, file: path, errno: EEXIST)
                }
                number = disk.files.count
                disk.files.append(FileNode())
                disk.change(NameChange(removed: nil, added: (place.directory, place.name, .file(number))))
            } else {
                number = try disk.file(path, action)
            }
            disk.files[number].handles += 1
            disk.openFiles += 1
            return SimulatedFile(
                self, number, generation: disk.generation, path: path,
                isWritable: mode == .create || mode == .readWrite)
        }
    }

    /// Whether a file or directory has this path.
    public func exists(_ path: String) throws(EngineError) -> Bool {
        try call(.exists, path, action: "cannot look for the file") { disk, _ in disk.lookUp(path) != nil }
    }

    /// Gives a file another name, replacing what has that name, in one step.
    public func rename(_ from: String, to: String) throws(EngineError) {
        let action = "cannot rename the file"
        try call(.rename, from, to, action: action) { (disk, _) throws(EngineError) in
            let file = try disk.file(from, action)
            let source = try disk.parent(from, action)
            let target = try disk.parent(to, action)
            let replaced = disk.lookUp(to)
            if case .directory? = replaced { throw .system(action, file: to, errno: EISDIR) }
            if replaced == .file(file) { return }
            disk.change(
                NameChange(
                    removed: (source.directory, source.name), added: (target.directory, target.name, .file(file))))
            if case .file(let number)? = replaced { disk.reclaim(number) }
        }
    }

    /// Removes a file's name.
    public func remove(_ path: String) throws(EngineError) {
        let action = "cannot remove the file"
        try call(.remove, path, action: action) { (disk, _) throws(EngineError) in
            let file = try disk.file(path, action)
            let place = try disk.parent(path, action)
            disk.change(NameChange(removed: (place.directory, place.name), added: nil))
            disk.reclaim(file)
        }
    }

    /// Removes an empty directory.
    public func removeDirectory(_ path: String) throws(EngineError) {
        let action = "cannot remove the directory"
        try call(.removeDirectory, path, action: action) { (disk, _) throws(EngineError) in
            let directory = try disk.directory(path, action)
            let place = try disk.parent(path, action)
            if !disk.directories[directory].names.isEmpty { throw .system(action, file: path, errno: ENOTEMPTY) }
            disk.change(NameChange(removed: (place.directory, place.name), added: nil))
        }
    }

    /// Gives a file a second name.
    public func link(_ from: String, to: String) throws(EngineError) {
        let action = "cannot link the file"
        try call(.link, from, to, action: action) { (disk, _) throws(EngineError) in
            let file = try disk.file(from, action)
            let target = try disk.parent(to, action)
            if disk.lookUp(to) != nil { throw .system(action, file: to, errno: EEXIST) }
            disk.change(NameChange(removed: nil, added: (target.directory, target.name, .file(file))))
        }
    }

    /// Makes the names in a directory durable.
    public func syncDirectory(_ path: String) throws(EngineError) {
        let action = "cannot sync the directory"
        try call(.syncDirectory, path, action: action) { (disk, _) throws(EngineError) in
            let directory = try disk.directory(path, action)
            if !disk.plan.isPowerOff { disk.syncNames(of: directory) }
        }
    }

    /// Takes the store's lock; the holder named in a refusal is always process 1.
    public func lock(_ path: String) throws(EngineError) -> any DirectoryLock {
        let action = "cannot take the lock"
        let key = DiskState.parts(path).joined(separator: "/")
        return try call(.lock, path, action: action) { (disk, _) throws(EngineError) in
            let place = try disk.parent(path, action)
            if disk.locks[key] != nil {
                throw EngineError(
                    .locked, "the store is open in process 1; close it there first", file: path, errno: EWOULDBLOCK)
            }
            if disk.lookUp(path) == nil {
                disk.files.append(FileNode())
                disk.change(NameChange(removed: nil, added: (place.directory, place.name, .file(disk.files.count - 1))))
            }
            disk.locksTaken += 1
            disk.locks[key] = disk.locksTaken
            return SimulatedLock(self, key, token: disk.locksTaken)
        }
    }

    /// The bytes that can still be written.
    public func freeSpace(_ directory: String) throws(EngineError) -> UInt64 {
        let action = "cannot tell the free space"
        return try call(.freeSpace, directory, action: action) { (disk, _) throws(EngineError) in
            _ = try disk.directory(directory, action)
            return disk.freeSpace
        }
    }
}

/// Who is told of every call. A function that lay under the lock by itself would be wrapped once more by each look at it, since
/// generic code takes it in another shape.
private struct Observer {
    var function: (@Sendable (CallKind, String) -> Void)?
}

/// A lock on a simulated disk; a crash frees it.
private final class SimulatedLock: DirectoryLock {
    private let fileSystem: SimulatedFileSystem
    private let key: String
    private let token: Int

    init(_ fileSystem: SimulatedFileSystem, _ key: String, token: Int) {
        self.fileSystem = fileSystem
        self.key = key
        self.token = token
    }

    deinit { release() }

    func release() {
        fileSystem.withDisk { disk in
            if disk.locks[key] == token { disk.locks[key] = nil }
        }
    }
}
