/// A checkpoint: a whole store at one position, in a directory of its own. Its tables are hard links to those of the
/// store it was made from, so that it costs no space until compaction has replaced them there. Described by the file
/// `CHECKPOINT`, which is written last:
///
///     godwit checkpoint 1
///     store 00f1…            32 hexadecimal digits
///     point 3 5f00aa12 1042 9f…    epoch number, epoch tag, sequence number, chain value
///     time 1700000000000     wall-clock milliseconds
///     file CURRENT 48 1c0d…  name, bytes, XXH3-64 of the content (seed 0)
///     …                      one line a file, by name
///     sum 77aa…              XXH3-64 of everything above
///
/// Numbers are decimal but for tags, chain values, ids and hashes. A directory without a `CHECKPOINT` that verifies is
/// no checkpoint: its making was interrupted.
public struct Checkpoint: Sendable, Hashable {
    /// One file of a checkpoint.
    public struct File: Sendable, Hashable {
        /// The name in the checkpoint's directory.
        public let name: String
        /// How many bytes it has.
        public let size: UInt64
        /// The XXH3-64 of its content.
        public let hash: UInt64
    }

    /// The store that it was made from.
    public let storeID: StoreID
    /// The end of the history that it holds: everything up to here, nothing after it.
    public let point: HistoryPoint
    /// When it was made (wall-clock milliseconds).
    public let madeAt: UInt64
    /// Its files by name, `CHECKPOINT` itself not among them.
    public let files: [File]

    /// The bytes of all files together.
    public var bytes: UInt64 { files.reduce(0) { $0 + $1.size } }

    init(storeID: StoreID, point: HistoryPoint, madeAt: UInt64, files: [File]) {
        self.storeID = storeID
        self.point = point
        self.madeAt = madeAt
        self.files = files
    }

    /// Reads what a directory's `CHECKPOINT` says; the files themselves are not looked at.
    ///
    /// - Throws: `.notFound` when the directory holds no complete checkpoint, `.corruption` when `CHECKPOINT` is damaged.
    public static func read(
        at directory: String, environment: EngineEnvironment = .system
    ) throws(EngineError) -> Checkpoint {
        let path = FileName.checkpoint.path(in: directory)
        guard try environment.fileSystem.exists(path) else {
            throw EngineError(
                .notFound, "this is no checkpoint, or one whose making was interrupted: it has no CHECKPOINT file",
                file: path)
        }
        let file = try environment.fileSystem.open(path, .read)
        let size = try file.size()
        guard size <= 1 << 30 else { throw damaged(path, "has \(size) bytes") }
        return try Checkpoint(decoding: file.read(Int(size), at: 0), file: path)
    }

    // MARK: Text

    /// The content of `CHECKPOINT`.
    package func encode() -> [UInt8] {
        var text = "godwit checkpoint 1\nstore \(storeID)\n"
        let position = point.position
        text += "point \(position.epoch.number) \(Self.hex(UInt64(position.epoch.tag), 8)) \(position.sequence) "
        text += "\(Self.hex(point.chain))\ntime \(madeAt)\n"
        for file in files { text += "file \(file.name) \(file.size) \(Self.hex(file.hash))\n" }
        let bytes = Array(text.utf8)
        return bytes + Array("sum \(Self.hex(Self.sum(bytes[...])))\n".utf8)
    }

    /// Reads the content of a `CHECKPOINT`; `path` is for messages.
    package init(decoding bytes: [UInt8], file path: String) throws(EngineError) {
        // The last line is "sum ", 16 digits and a line feed.
        let body = bytes.dropLast(21)
        guard bytes.count > 21, String(decoding: bytes.suffix(21), as: UTF8.self) == "sum \(Self.hex(Self.sum(body)))\n"
        else { throw Self.damaged(path, "fails its checksum") }
        var lines = String(decoding: body, as: UTF8.self).split(separator: "\n").map { $0.split(separator: " ") }[...]
        func fields(_ name: String, _ count: Int) throws(EngineError) -> [Substring] {
            guard let line = lines.popFirst(), line.count == count + 1, line[0] == name else {
                throw Self.damaged(path, "lacks the line `\(name)`")
            }
            return Array(line.dropFirst())
        }
        let head = try fields("godwit", 2)
        guard head[0] == "checkpoint", head[1] == "1" else {
            throw EngineError(
                .unsupportedFormat, "a checkpoint of format \(head.last ?? "?"): made by a newer Godwit, use that one",
                file: path, offset: 0)
        }
        let store = try fields("store", 1)[0]
        let point = try fields("point", 4)
        let time = try fields("time", 1)[0]
        guard store.utf8.count == 32, let high = UInt64(store.prefix(16), radix: 16),
            let low = UInt64(store.suffix(16), radix: 16), let number = UInt32(point[0]),
            let tag = UInt32(point[1], radix: 16), let sequence = UInt64(point[2]),
            let chain = UInt64(point[3], radix: 16), let made = UInt64(time)
        else { throw Self.damaged(path, "has lines that say nothing") }
        var files: [File] = []
        while !lines.isEmpty {
            let file = try fields("file", 3)
            guard let size = UInt64(file[1]), let hash = UInt64(file[2], radix: 16), FileName(String(file[0])) != nil
            else { throw Self.damaged(path, "has lines that say nothing") }
            files.append(File(name: String(file[0]), size: size, hash: hash))
        }
        self.init(
            storeID: StoreID(high: high, low: low),
            point: HistoryPoint(
                position: Position(epoch: Epoch(number: number, tag: tag), sequence: sequence), chain: chain),
            madeAt: made, files: files)
    }

    private static func sum(_ bytes: ArraySlice<UInt8>) -> UInt64 { Array(bytes).withView { $0.longHash(seed: 0) } }

    private static func hex(_ value: UInt64, _ width: Int = 16) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: width - digits.utf8.count) + digits
    }

    private static func damaged(_ path: String, _ what: String) -> EngineError {
        EngineError(.corruption, "the file CHECKPOINT \(what): use another checkpoint", file: path, offset: 0)
    }

    // MARK: Files

    /// Reads every byte of the files in `directory` and reports each that is not as listed.
    func check(
        in directory: String, _ fileSystem: any FileSystem, _ progress: inout ProgressCounter,
        _ report: (EngineError) -> Void
    ) throws(EngineError) {
        for file in files {
            progress.begin("checking \(file.name)")
            let path = directory + "/" + file.name
            guard try fileSystem.exists(path) else {
                report(EngineError(.corruption, "\(file.name) of the checkpoint is missing", file: path))
                continue
            }
            let found = try FileCopy.digest(fileSystem, path) { progress.pass(UInt64($0)) }
            if let complaint = complaint(file, found.size, found.hash, path) { report(complaint) }
        }
    }

    /// What is wrong with a file of which these are size and hash; nil when it is as listed.
    func complaint(_ file: File, _ size: UInt64, _ hash: UInt64, _ path: String) -> EngineError? {
        if size != file.size {
            return EngineError(
                .corruption,
                "\(file.name) has \(size) bytes and had \(file.size) when the checkpoint was made: use "
                    + "another checkpoint", file: path, offset: min(size, file.size))
        }
        guard hash != file.hash else { return nil }
        return EngineError(
            .corruption,
            "\(file.name) is not as it was when the checkpoint was made (hash \(Self.hex(hash)), not "
                + "\(Self.hex(file.hash))): use another checkpoint", file: path)
    }
}
