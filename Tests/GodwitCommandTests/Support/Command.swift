import Foundation

/// Runs a built program of this package and keeps what it said.
struct Command {
    let status: Int32
    let output: [UInt8]
    let errors: String

    /// The output as text.
    var text: String { String(decoding: output, as: UTF8.self) }

    /// `godwit` with arguments, from an empty standard input unless bytes are given.
    @discardableResult
    static func godwit(_ arguments: [String], input: [UInt8] = []) throws -> Command {
        try run("godwit", arguments, input: input)
    }

    /// A program that stands beside the test runner.
    static func run(
        _ program: String, _ arguments: [String], input: [UInt8] = [], within seconds: Double = 240
    ) throws -> Command {
        try launch(path(program), arguments, input: input, within: seconds)
    }

    /// A program by its file. One that has not ended in time is killed, and is an error that shows what it said.
    static func launch(
        _ file: String, _ arguments: [String], input: [UInt8] = [], within seconds: Double = 240
    ) throws -> Command {
        let scratch = Scratch()
        let names = ["in", "out", "err"].map { scratch.path + "/" + $0 }
        for name in names { _ = FileManager.default.createFile(atPath: name, contents: nil) }
        try Data(input).write(to: URL(fileURLWithPath: names[0]))
        let process = Process()
        process.executableURL = URL(fileURLWithPath: file)
        process.arguments = arguments
        process.standardInput = FileHandle(forReadingAtPath: names[0])
        process.standardOutput = FileHandle(forWritingAtPath: names[1])
        process.standardError = FileHandle(forWritingAtPath: names[2])
        let ended = process.notingEnd()
        try process.run()
        let status = process.status(once: ended, within: seconds)
        let output = try Data(contentsOf: URL(fileURLWithPath: names[1]))
        let errors = String(decoding: try Data(contentsOf: URL(fileURLWithPath: names[2])), as: UTF8.self)
        guard let status else {
            throw Overdue(command: "\(file) \(arguments)", said: String(decoding: output, as: UTF8.self) + errors)
        }
        return Command(status: status, output: Array(output), errors: errors)
    }

    /// A program did not end in time.
    struct Overdue: Error {
        let command: String
        let said: String
    }

    /// Where a built program is: beside the test runner.
    static func path(_ program: String) -> String {
        let runner = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return URL(fileURLWithPath: runner).deletingLastPathComponent().appendingPathComponent(program).path
    }
}

/// A directory that is removed, with all in it, when the last reference goes.
final class Scratch: Sendable {
    let path: String

    init() {
        path = FileManager.default.temporaryDirectory.path + "/godwit-command-" + UUID().uuidString
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch {
            fatalError("no temporary directory: \(error)")
        }
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Writes a file into the directory and returns its path.
    func file(_ name: String, _ text: String) throws -> String {
        let file = path + "/" + name
        try Data(text.utf8).write(to: URL(fileURLWithPath: file))
        return file
    }
}

/// The package's directory.
let packageDirectory = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent().path
