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

    /// The users that the content of a file names. Throws all that is wrong with it at once, in Redis' words.
    static func users(in content: [UInt8], of path: String) throws(Problem) -> [String: User] {
        var found: [String: User] = [:]
        var problems: [String] = []
        for (number, line) in content.split(separator: 10, omittingEmptySubsequences: false).enumerated() {
            let line = trimmed(line, also: 32)
            if line.isEmpty || line.first == UInt8(ascii: "#") { continue }
            let place = "\(path):\(number + 1)"
            let words = line.split(separator: 32, omittingEmptySubsequences: false)
            guard words[0].elementsEqual("user".utf8), words.count >= 2 else {
                problems.append("\(place) should start with user keyword followed by the username.")
                continue
            }
            let name = String(decoding: words[1], as: UTF8.self)
            if found[name] != nil {
                problems.append("WARNING: Duplicate user '\(name)' found on line \(number + 1).")
            } else if !User.isName(words[1]) {
                problems.append("'\(place): username '\(name)' contains invalid characters.")
            } else {
                let user = User(name)
                problems += Self.problems(of: user, words.dropFirst(2), place)
                found[name] = user
            }
        }
        guard problems.isEmpty else {
            throw Problem(
                text: problems.joined(separator: " ")
                    + " WARNING: ACL errors detected, no change to the previously active ACL rules was performed")
        }
        return found
    }

    /// Applies rules to a user, and says what is wrong with them: every name that is unknown, which is no secret, and the
    /// first of all else, since that may be why what follows is wrong.
    private static func problems(of user: User, _ rules: ArraySlice<ArraySlice<UInt8>>, _ place: String) -> [String] {
        var problems: [String] = []
        var isFlawed = false
        for rule in rules {
            let rule = Array(trimmed(rule))
            guard let problem = user.apply(rule) else { continue }
            if problem == User.unknownName {
                let operation = String(decoding: rule, as: UTF8.self)
                problems.append("\(place): Error in applying operation '\(operation)': \(problem).")
            } else if !isFlawed {
                problems.append("\(place): \(problem).")
                isFlawed = true
            }
        }
        return problems
    }

    /// The content of a file that names these users.
    static func content(_ users: [User]) -> [UInt8] { users.flatMap { $0.line + [10] } }

    /// Reads a file. Blocks.
    static func read(_ path: String) throws(Problem) -> [UInt8] {
        guard let bytes = try? Data(contentsOf: URL(filePath: path)) else {
            throw Problem(text: "Error loading ACLs, opening file '\(path)': \(whyUnreadable(path))")
        }
        return Array(bytes)
    }

    private static func whyUnreadable(_ path: String) -> String {
        do {
            try FileDescriptor.open(FilePath(path), .readOnly, options: .closeOnExec).close()
            return "it cannot be read"
        } catch {
            return "\(error)"
        }
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
