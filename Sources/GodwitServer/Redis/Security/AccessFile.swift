internal import FoundationEssentials
internal import Glibc
internal import SystemPackage

/// The file that users are kept in, as Redis has it: for each user a line `user NAME RULE…`, the words with a single space
/// between. Nothing is quoted, for nothing in it can hold white space. Lines that begin with `#` are passed over.
enum AccessFile {
    /// What is wrong with a file.
    struct Problem: Error {
        let text: String
    }

    /// The users that the content of a file names.
    static func users(in content: [UInt8], of path: String) throws(Problem) -> [String: User] {
        var found: [String: User] = [:]
        for (number, line) in content.split(separator: 10, omittingEmptySubsequences: false).enumerated() {
            let line = trimmed(line, also: 32)
            if line.isEmpty || line.first == UInt8(ascii: "#") { continue }
            let place = "\(path):\(number + 1)"
            let words = line.split(separator: 32, omittingEmptySubsequences: false)
            guard words[0].elementsEqual("user".utf8), words.count >= 2 else {
                throw Problem(text: "\(place): should start with user keyword followed by the username")
            }
            guard User.isName(words[1]) else {
                throw Problem(text: "\(place): the username contains invalid characters")
            }
            let user = User(String(decoding: words[1], as: UTF8.self))
            if found[user.name] != nil { throw Problem(text: "\(place): duplicate user '\(user.name)' found") }
            for rule in words.dropFirst(2) {
                if let problem = user.apply(Array(trimmed(rule))) { throw Problem(text: "\(place): \(problem)") }
            }
            found[user.name] = user
        }
        return found
    }

    /// The content of a file that names these users.
    static func content(_ users: [User]) -> [UInt8] { users.flatMap { $0.line + [10] } }

    /// Reads a file. Blocks.
    static func read(_ path: String) throws(Problem) -> [UInt8] {
        guard let bytes = try? Data(contentsOf: URL(filePath: path)) else {
            throw Problem(text: "\(path) cannot be read")
        }
        return Array(bytes)
    }

    /// Writes a file, so that it is whole whatever happens; where the path is a link, the file behind it. Who of its owner
    /// and group may read it stays as it was: for a new one its owner alone, as it holds what passwords can be guessed by.
    /// Blocks.
    static func write(_ content: [UInt8], to path: String) throws(Problem) {
        let path = target(of: path)
        let fresh = "\(path).\(UInt64.random(in: .min ... .max)).new"
        do {
            let file = try FileDescriptor.open(
                FilePath(fresh), .writeOnly, options: [.create, .exclusiveCreate, .closeOnExec],
                permissions: .ownerReadWrite)
            do {
                try file.closeAfter {
                    try file.writeAll(content)
                    guard fchmod(file.rawValue, mode(of: path)) == 0, fsync(file.rawValue) == 0 else {
                        throw Errno(rawValue: errno)
                    }
                }
                guard unsafe rename(fresh, path) == 0 else { throw Errno(rawValue: errno) }
            } catch {
                _ = unsafe unlink(fresh)
                throw error
            }
        } catch {
            throw Problem(text: "\(error)")
        }
    }

    /// The file that a path leads to; the path itself where nothing is there.
    private static func target(of path: String) -> String {
        guard let resolved = unsafe realpath(path, nil) else { return path }
        defer { unsafe free(resolved) }
        return unsafe String(cString: resolved)
    }

    /// What a file's owner and group may do with it, and nobody else.
    private static func mode(of path: String) -> CModeT {
        let present = try? FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        return CModeT(truncatingIfNeeded: (present ?? nil) ?? 0o600) & 0o660
    }

    /// Without the white space around it.
    private static func trimmed(_ bytes: ArraySlice<UInt8>, also space: UInt8 = 9) -> ArraySlice<UInt8> {
        func isWhite(_ byte: UInt8) -> Bool { byte == 9 || byte == 10 || byte == 13 || byte == space }
        guard let first = bytes.firstIndex(where: { !isWhite($0) }), let last = bytes.lastIndex(where: { !isWhite($0) })
        else { return [] }
        return bytes[first...last]
    }
}
