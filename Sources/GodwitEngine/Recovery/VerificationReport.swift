/// What a check of a store found.
public struct VerificationReport: Sendable {
    /// One thing that is wrong with a file.
    public struct Problem: Sendable, Hashable {
        /// Where in the file; nil where it concerns the file as a whole.
        public let offset: UInt64?
        /// What is wrong, for people.
        public let message: String
    }

    /// A file that is not as it was written, or is missing.
    public struct DamagedFile: Sendable, Hashable {
        /// The file's path.
        public let file: String
        /// What is wrong with it: all of it, but no more than 1,000 problems.
        public internal(set) var problems: [Problem]
        /// What of it can still be read, for people.
        public internal(set) var readable: String
        /// The keys that may have lost what the damaged bytes said of them.
        public internal(set) var lost: [LostRange]

        static let problemLimit = 1000
    }

    /// The damaged files in the order in which they were met: manifest, tables, log.
    public internal(set) var damaged: [DamagedFile] = []
    /// How many files were read.
    public internal(set) var files = 0
    /// How many bytes were read.
    public internal(set) var bytes: UInt64 = 0
    /// How many tables were read.
    public internal(set) var tables = 0
    /// How many entries the tables have by what the manifest says.
    public internal(set) var entries: UInt64 = 0
    /// How many records of the log were read.
    public internal(set) var records: UInt64 = 0

    /// Whether nothing is damaged.
    public var isWhole: Bool { damaged.isEmpty }

    /// Adds a problem to its file's list.
    mutating func add(_ file: String, _ offset: UInt64?, _ message: String) {
        let problem = Problem(offset: offset, message: message)
        guard let place = damaged.firstIndex(where: { $0.file == file }) else {
            damaged.append(DamagedFile(file: file, problems: [problem], readable: "", lost: []))
            return
        }
        guard damaged[place].problems.count < DamagedFile.problemLimit else { return }
        if !damaged[place].problems.contains(problem) { damaged[place].problems.append(problem) }
    }

    /// Adds a problem that was met as an error.
    mutating func add(_ error: EngineError, fallback file: String) {
        add(error.file ?? file, error.offset, error.message)
    }

    /// Says what of a damaged file can be read, and what is lost.
    mutating func note(_ file: String, readable: String, lost: [LostRange] = []) {
        guard let place = damaged.firstIndex(where: { $0.file == file }) else { return }
        damaged[place].readable = readable
        damaged[place].lost = lost
    }
}

/// Keys of which something is lost: a put, a delete or an older version of any key from the first to the last of the
/// range may be gone. Where the newest is gone, an older one of a lower level shows again.
public struct LostRange: Sendable, Hashable, CustomStringConvertible {
    /// The keyspace's name.
    public let keyspace: String
    /// The first key that may be concerned; nil where it is unknown.
    public let from: [UInt8]?
    /// The last key that may be concerned; nil where it is unknown.
    public let through: [UInt8]?
    /// The file that held it.
    public let file: String

    /// `default: "key100" … "key200" (000007.sst)`; keys that are no text in hexadecimal.
    public var description: String {
        "\(keyspace): \(Self.show(from, "first key")) … \(Self.show(through, "last key")) (\(file))"
    }

    private static func show(_ key: [UInt8]?, _ missing: String) -> String {
        guard let key else { return missing }
        return KeyText.show(key)
    }
}

/// Keys for people.
enum KeyText {
    /// In quotation marks where the key is printable ASCII, else in hexadecimal; long ones are cut.
    static func show(_ key: [UInt8], limit: Int = 64) -> String {
        let part = key.prefix(limit)
        let rest = key.count > limit ? "… (\(key.count) bytes)" : ""
        if part.allSatisfy({ (0x20...0x7E).contains($0) }) {
            return "\"" + String(decoding: part, as: UTF8.self) + "\"" + rest
        }
        let digits = part.map { byte in
            let text = String(byte, radix: 16)
            return byte < 16 ? "0" + text : text
        }
        return "0x" + digits.joined() + rest
    }
}
