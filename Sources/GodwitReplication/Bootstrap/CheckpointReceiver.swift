internal import GodwitEngine

/// Receives a full copy into the directory `incoming` within the store's, file by file, a window of pieces at a time.
///
/// 1. The offer lists the files with size and hash. What an earlier attempt left is used: a file that is not on the list
///    goes, one that is there whole is only checked, and one that is there in part goes on where it ends.
/// 2. Bytes are hashed as they come; those that are there already are read first, a bounded piece at each call. While
///    the last pieces of a file come, those of the next are asked for. A file that went on from an earlier attempt and
///    does not agree in the end is fetched anew; one that was fetched whole is damage.
/// 3. Files that agree are synced in the background. When all are, `CHECKPOINT` is written: the copy is complete and can
///    be installed.
final class CheckpointReceiver {
    enum Progress {
        /// There is more to do at once.
        case more
        /// Pieces are on their way.
        case waiting
        /// Files are being synced.
        case syncing
        case complete
    }

    /// The file that is being received.
    private struct Current {
        let handle: any File
        /// Whether an earlier attempt left some of it.
        let isResumed: Bool
        var hash = ContentHash()
        var have: UInt64
        var hashed: UInt64 = 0

        /// Whether all of a file is there and hashed.
        func isWhole(_ file: Checkpoint.File) -> Bool { have == file.size && hashed == have }
    }

    /// Small enough to stay in a processor's cache on its way through the layers.
    private static let piece = 256 << 10
    private static let window: UInt64 = 8 << 20
    private static let readAtOnce: UInt64 = 8 << 20

    private unowned let core: ReplicaCore
    private let source: NodeID
    /// The other node, for people.
    let name: String
    private var checkpoint: Checkpoint?
    private var index = 0
    private var current: Current?
    /// What is asked for next, and how many bytes are on their way.
    private var next: (file: Int, offset: UInt64) = (0, 0)
    private var onTheWay: UInt64 = 0
    private let syncs: FileSyncs
    private(set) var done: UInt64 = 0

    init(_ core: ReplicaCore, from source: NodeID, _ name: String) {
        self.core = core
        self.source = source
        self.name = name
        syncs = FileSyncs(core.environment.executor)
    }

    private var directory: String { core.directory + "/incoming" }
    private var fileSystem: any FileSystem { core.fileSystem }
    /// Bytes of all files.
    var bytes: UInt64 { checkpoint?.bytes ?? 0 }

    // MARK: 1. The offer

    func offered(_ description: [UInt8], over link: Link) throws(EngineError) {
        guard self.checkpoint == nil else {
            throw EngineError(.invalidArgument, "\(name) offers a second copy over one link")
        }
        let checkpoint = try Checkpoint(decoding: description, file: "the CHECKPOINT of \(name)")
        try fileSystem.createDirectory(directory)
        try CheckpointInstall.abandon(directory, fileSystem)
        let names = checkpoint.files.map(\.name)
        for name in try fileSystem.list(directory) where !names.contains(name) {
            try fileSystem.remove(directory + "/" + name)
        }
        let free = try fileSystem.freeSpace(directory)
        let missing = try checkpoint.bytes - there(checkpoint.files)
        guard free > missing else {
            throw EngineError(
                .diskFull, "the full copy lacks \(missing) bytes and \(free) are free; make room", file: directory)
        }
        self.checkpoint = checkpoint
        core.tell(.copyBegan(node: name, bytes: checkpoint.bytes))
    }

    /// How many bytes of the listed files are on the disk already.
    private func there(_ files: [Checkpoint.File]) throws(EngineError) -> UInt64 {
        var bytes: UInt64 = 0
        for file in files where try fileSystem.exists(path(file)) {
            bytes += min(try fileSystem.open(path(file), .read).size(), file.size)
        }
        return bytes
    }

    // MARK: 2. The files

    /// Goes on: opens the next file, asks for pieces, reads what is there.
    func work(over link: Link) throws(EngineError) -> Progress {
        guard let checkpoint else { return .waiting }
        guard index < checkpoint.files.count else {
            guard try syncs.areDone() else { return .syncing }
            try complete(checkpoint)
            return .complete
        }
        let file = checkpoint.files[index]
        guard let current else {
            try begin(file)
            return .more
        }
        if current.hashed < current.have {
            try readOn(current)
            return .more
        }
        if current.isWhole(file) {
            try conclude(file, current)
            return .more
        }
        try ask(checkpoint.files, over: link)
        return .waiting
    }

    private func path(_ file: Checkpoint.File) -> String { directory + "/" + file.name }

    private func begin(_ file: Checkpoint.File) throws(EngineError) {
        let path = path(file)
        let exists = try fileSystem.exists(path)
        let handle = try fileSystem.open(path, exists ? .readWrite : .create)
        var have = try handle.size()
        if have > file.size {
            try handle.truncate(to: 0)
            have = 0
        }
        current = Current(handle: handle, isResumed: have > 0, have: have)
        if next.file <= index, next.offset < have || next.file < index { next = (index, have) }
        done += have
    }

    /// Hashes a piece of what an earlier attempt left.
    private func readOn(_ current: Current) throws(EngineError) {
        let length = Int(min(Self.readAtOnce, current.have - current.hashed))
        try current.handle.read(length, at: current.hashed).withView { current.hash.update($0) }
        self.current?.hashed += UInt64(length)
    }

    /// Keeps a window of pieces on their way, also of the files after this one that are not there at all.
    private func ask(_ files: [Checkpoint.File], over link: Link) throws(EngineError) {
        while onTheWay < Self.window {
            let file = files[next.file]
            if next.offset == file.size {
                guard next.file + 1 < files.count, try !fileSystem.exists(path(files[next.file + 1])) else { return }
                next = (next.file + 1, 0)
                continue
            }
            let length = min(UInt64(Self.piece), file.size - next.offset)
            let request = CopyRequest(file: UInt32(next.file), offset: next.offset, length: UInt32(length))
            core.send(.copyRequest(request), on: link)
            next.offset += length
            onTheWay += length
        }
    }

    /// Takes a piece; one that nobody waits for is passed over.
    func received(_ file: UInt32, _ offset: UInt64, _ bytes: ByteView) throws(EngineError) {
        guard let files = checkpoint?.files else { return }
        onTheWay -= min(onTheWay, UInt64(bytes.count))
        // Pieces of the files that come next may be here before `work` is called.
        while index <= Int(file), index < files.count {
            if current == nil { try begin(files[index]) }
            guard index < Int(file), let current, current.isWhole(files[index]) else { break }
            try conclude(files[index], current)
        }
        guard Int(file) == index, index < files.count, let current, current.hashed == current.have,
            offset == current.have, current.have + UInt64(bytes.count) <= files[index].size
        else { return }
        try current.handle.writeFully(bytes, at: offset)
        current.hash.update(bytes)
        self.current?.have += UInt64(bytes.count)
        self.current?.hashed += UInt64(bytes.count)
        done += UInt64(bytes.count)
    }

    /// All of a file is there: goes on to the next one if it is as it was listed.
    private func conclude(_ file: Checkpoint.File, _ current: Current) throws(EngineError) {
        if current.hash.digest == file.hash {
            syncs.add(current.handle)
            self.current = nil
            index += 1
            return
        }
        try current.handle.truncate(to: 0)
        guard current.isResumed else {
            throw EngineError(
                .corruption, "\(file.name) of the full copy from \(name) is not as it was listed; try again")
        }
        done -= file.size
        // What is on its way of later files is passed over, and asked for again.
        self.current = Current(handle: current.handle, isResumed: false, have: 0)
        next = (index, 0)
    }

    // MARK: 3. The end

    private func complete(_ checkpoint: Checkpoint) throws(EngineError) {
        let path = directory + "/CHECKPOINT"
        if try fileSystem.exists(path) { try fileSystem.remove(path) }
        let file = try fileSystem.open(path, .create)
        try checkpoint.encode().withView { (view) throws(EngineError) in try file.writeFully(view, at: 0) }
        try file.sync()
        try fileSystem.syncDirectory(directory)
    }

    /// Makes the copy this node's store; the old one is closed.
    func install() throws(EngineError) {
        try CheckpointInstall.run(from: directory, to: core.directory, core.environment)
    }
}
