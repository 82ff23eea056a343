internal import GodwitEngine

/// Receives a full copy into the directory `incoming` within the store's, file by file, a window of pieces at a time.
///
/// 1. The offer lists the files with size and hash. What an earlier attempt left is used: a file that is not on the
/// list
///    goes, one that is there whole is only checked, and one that is there in part goes on where it ends.
/// 2. When all bytes of a file are there it is read back and hashed, a bounded piece at each call; then synced. A file
/// that
///    went on from an earlier attempt and does not agree is fetched anew; one that was fetched whole is damage.
/// 3. When all files agree, `CHECKPOINT` is written: the copy is complete and can be installed.
final class CheckpointReceiver {
    enum Progress {
        case more, waiting, complete
    }

    private enum Step {
        case fetching(any File, resumed: Bool, asked: UInt64, have: UInt64)
        case checking(any File, resumed: Bool, hash: ContentHash, done: UInt64)
    }

    private static let piece = 1 << 20
    private static let window: UInt64 = 4 << 20
    private static let checkedAtOnce = 8 << 20

    private unowned let core: ReplicaCore
    private let source: NodeID
    /// The other node, for people.
    let name: String
    private var checkpoint: Checkpoint?
    private var index = 0
    private var step: Step?
    private(set) var done: UInt64 = 0

    init(_ core: ReplicaCore, from source: NodeID, _ name: String) {
        self.core = core
        self.source = source
        self.name = name
    }

    private var directory: String { core.directory + "/incoming" }
    private var fileSystem: any FileSystem { core.fileSystem }
    /// Bytes of all files.
    var bytes: UInt64 { checkpoint?.bytes ?? 0 }

    // MARK: 1. The offer

    func offered(_ description: [UInt8], over link: Link) throws(EngineError) {
        let checkpoint = try Checkpoint(decoding: description, file: "the CHECKPOINT of \(name)")
        try fileSystem.createDirectory(directory)
        try CheckpointInstall.abandon(directory, fileSystem)
        let names = checkpoint.files.map(\.name)
        for name in try fileSystem.list(directory) where !names.contains(name) {
            try fileSystem.remove(directory + "/" + name)
        }
        let free = try fileSystem.freeSpace(directory)
        guard free > checkpoint.bytes else {
            throw EngineError(
                .diskFull, "the full copy has \(checkpoint.bytes) bytes and \(free) are free; make room",
                file: directory)
        }
        self.checkpoint = checkpoint
        (index, step, done) = (0, nil, 0)
        core.tell(.copyBegan(node: name, bytes: checkpoint.bytes))
    }

    // MARK: 2. The files

    /// Goes on: opens the next file, asks for pieces, checks what is there.
    func work(over link: Link) throws(EngineError) -> Progress {
        guard let checkpoint else { return .waiting }
        guard index < checkpoint.files.count else {
            try complete(checkpoint)
            return .complete
        }
        let file = checkpoint.files[index]
        switch step {
        case nil:
            try begin(file)
            return .more
        case .fetching(let handle, let resumed, let asked, let have):
            if have == file.size {
                step = .checking(handle, resumed: resumed, hash: ContentHash(), done: 0)
                return .more
            }
            ask(file, handle, resumed, asked, have, over: link)
            return .waiting
        case .checking(let handle, let resumed, let hash, let checked):
            try check(file, handle, resumed, hash, checked)
            return .more
        }
    }

    private func begin(_ file: Checkpoint.File) throws(EngineError) {
        let path = directory + "/" + file.name
        let exists = try fileSystem.exists(path)
        let handle = try fileSystem.open(path, exists ? .readWrite : .create)
        var have = try handle.size()
        if have > file.size {
            try handle.truncate(to: 0)
            have = 0
        }
        step = .fetching(handle, resumed: have > 0, asked: have, have: have)
        done += have
    }

    /// Keeps a window of pieces on their way.
    private func ask(
        _ file: Checkpoint.File, _ handle: any File, _ resumed: Bool, _ asked: UInt64, _ have: UInt64, over link: Link
    ) {
        var asked = asked
        while asked < file.size, asked - have < Self.window {
            let length = UInt32(min(UInt64(Self.piece), file.size - asked))
            core.send(.copyRequest(CopyRequest(file: UInt32(index), offset: asked, length: length)), on: link)
            asked += UInt64(length)
        }
        step = .fetching(handle, resumed: resumed, asked: asked, have: have)
    }

    /// Takes a piece; one that nobody asked for is passed over.
    func received(_ file: UInt32, _ offset: UInt64, _ bytes: ByteView) throws(EngineError) {
        guard Int(file) == index, case .fetching(let handle, let resumed, let asked, let have) = step, offset == have,
            have + UInt64(bytes.count) <= asked, !bytes.isEmpty
        else { return }
        try handle.writeFully(bytes, at: offset)
        done += UInt64(bytes.count)
        step = .fetching(handle, resumed: resumed, asked: asked, have: have + UInt64(bytes.count))
    }

    private func check(
        _ file: Checkpoint.File, _ handle: any File, _ resumed: Bool, _ hash: ContentHash, _ checked: UInt64
    ) throws(EngineError) {
        let length = min(Self.checkedAtOnce, Int(file.size - checked))
        try handle.read(length, at: checked).withView { hash.update($0) }
        let checked = checked + UInt64(length)
        guard checked == file.size else {
            step = .checking(handle, resumed: resumed, hash: hash, done: checked)
            return
        }
        if hash.digest == file.hash {
            try handle.sync()
            step = nil
            index += 1
            return
        }
        try handle.truncate(to: 0)
        guard resumed else {
            throw EngineError(
                .corruption, "\(file.name) of the full copy from \(name) is not as it was listed; try again")
        }
        done -= file.size
        step = .fetching(handle, resumed: false, asked: 0, have: 0)
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
        step = nil
        try CheckpointInstall.run(from: directory, to: core.directory, core.environment)
    }
}
