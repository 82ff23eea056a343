import ArgumentParser
import CLmdb
import CRocks
import Foundation

@main
struct Versus: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "versus",
        abstract: "Measures Godwit beside RocksDB and LMDB: same threads, same data, same order, in turns.",
        discussion: """
            Ratios are Godwit over peer; the spread is a side's own, run against run. Data goes to a directory of \
            its own below --data, which is removed at the end, unless the process is interrupted.
            """,
        subcommands: [Table.self, Curves.self, Point.self, Drive.self],
        defaultSubcommand: Table.self)

    /// A directory for stores, below `parent`, that is removed after `body`. What an interrupted process left in one of
    /// the same name is removed before; without a name each process has its own.
    static func withDirectory<R>(
        in parent: String, named name: String? = nil, _ body: (String) throws -> R
    ) throws -> R {
        let directory = "\(parent)/godwit-versus-\(name ?? "\(ProcessInfo.processInfo.processIdentifier)")"
        try? FileManager.default.removeItem(atPath: directory)
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        return try body(directory)
    }
}
