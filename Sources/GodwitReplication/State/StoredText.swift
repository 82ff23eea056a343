internal import GodwitEngine

/// A small text file that is replaced as a whole: lines of fields between tabs, the last line a checksum. A crash
/// leaves the old content or the new.
struct StoredText {
    private let fileSystem: any FileSystem
    private let directory: String
    private let name: String

    init(_ fileSystem: any FileSystem, in directory: String, _ name: String) {
        self.fileSystem = fileSystem
        self.directory = directory
        self.name = name
    }

    private var path: String { directory + "/" + name }

    /// Replaces the file. Durable when it returns.
    func write(_ lines: [[String]]) throws(EngineError) {
        let text = lines.map { $0.joined(separator: "\t") + "\n" }.joined()
        let content = Array(text.utf8)
        let bytes = content + Array("sum\t\(Self.hex(content.withView { $0.longHash(seed: 0) }))\n".utf8)
        let temporary = path + ".tmp"
        if try fileSystem.exists(temporary) { try fileSystem.remove(temporary) }
        let file = try fileSystem.open(temporary, .create)
        try bytes.withView { (view) throws(EngineError) in try file.writeFully(view, at: 0) }
        try file.sync()
        try fileSystem.rename(temporary, to: path)
        try fileSystem.syncDirectory(directory)
    }

    /// The lines; nil when there is no file.
    func read() throws(EngineError) -> [[String]]? {
        guard try fileSystem.exists(path) else { return nil }
        let file = try fileSystem.open(path, .read)
        let bytes = try file.read(Int(try file.size()), at: 0)
        // The last line is "sum", a tab, 16 digits and a line feed.
        let content = Array(bytes.dropLast(21))
        let sum = "sum\t\(Self.hex(content.withView { $0.longHash(seed: 0) }))\n"
        guard bytes.count > 21, Array(bytes.suffix(21)) == Array(sum.utf8) else {
            throw EngineError(
                .corruption, "the file fails its checksum; remove it to have the node set up anew by its options",
                file: path, offset: 0)
        }
        return String(decoding: content, as: UTF8.self).split(separator: "\n").map { line in
            line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
        }
    }

    /// What it means that a file whose checksum agrees says something else than it should.
    func malformed() -> EngineError {
        EngineError(.unsupportedFormat, "the file was written by a newer Godwit; use that one", file: path, offset: 0)
    }

    static func hex(_ value: UInt64, _ width: Int = 16) -> String {
        let digits = String(value, radix: 16)
        return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
    }
}

extension HistoryPoint {
    /// Four fields: epoch number, tag, sequence number, chain value.
    var fields: [String] {
        [
            String(position.epoch.number), StoredText.hex(UInt64(position.epoch.tag), 8), String(position.sequence),
            StoredText.hex(chain),
        ]
    }

    init?(fields: some Collection<String>) {
        let fields = Array(fields)
        guard fields.count == 4, let number = UInt32(fields[0]), let tag = UInt32(fields[1], radix: 16),
            let sequence = UInt64(fields[2]), let chain = UInt64(fields[3], radix: 16)
        else { return nil }
        let epoch = Epoch(number: number, tag: tag)
        self.init(position: Position(epoch: epoch, sequence: sequence), chain: chain)
    }
}
