import ArgumentParser
import CommandSupport
import GodwitEngine

struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Describes one file of a store: a log segment, a table or a manifest.",
        discussion: """
            Files are read as they are, damaged or not, whoever has the store open; nothing is changed. What is \
            wrong is listed with its offset. Exit status: 0 nothing wrong, 2 damaged or any error.

            Examples:
              godwit inspect log ./store/000012.log
              godwit inspect table ./store/000007.sst --json
              godwit inspect manifest ./store/CURRENT
            """,
        subcommands: [InspectLog.self, InspectTable.self, InspectManifest.self]
    )
}

/// What the three have in common.
struct InspectOptions: ParsableArguments {
    @Argument(help: "The file.") var file: String
    @Option(help: ArgumentHelp("The most records, units or changes listed; all are counted.", valueName: "n"))
    var limit = 1000
    @Flag(help: "Print the description as JSON.") var json = false

    func validate() throws {
        if limit < 0 { throw ValidationError("--limit is \(limit); give 0 or more") }
    }

    /// Prints a description, then fails when it lists anything wrong.
    func print(
        _ description: some Encodable, _ lines: @autoclosure () -> [String], _ problems: [Inspector.Problem]
    ) throws {
        let output = StandardOutput()
        if json {
            try output.writeJSON(description)
        } else {
            for line in lines() { try output.write(line + "\n") }
        }
        try output.flush()
        if problems.isEmpty { return }
        throw CommandFailure(
            "\(file) is damaged in \(problems.count == 1 ? "one place" : "\(problems.count) places"); "
                + "`godwit verify` says what of the store is readable")
    }
}

struct InspectLog: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log", abstract: "Describes a log segment: header, frames, records.",
        discussion: """
            Example:
              godwit inspect log ./store/000012.log --limit 20
            """
    )

    @OptionGroup var options: InspectOptions

    func run() throws {
        let log = try Inspector.log(options.file, limit: options.limit)
        try options.print(log, InspectionText.lines(log), log.problems)
    }
}

struct InspectTable: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "table", abstract: "Describes a table: footer, properties, units; checks all of it.",
        discussion: """
            Example:
              godwit inspect table ./store/000007.sst
            """
    )

    @OptionGroup var options: InspectOptions

    func run() throws {
        let table = try Inspector.table(options.file, limit: options.limit)
        try options.print(table, InspectionText.lines(table), table.problems)
    }
}

struct InspectManifest: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "manifest", abstract: "Describes a manifest, edit by edit; for CURRENT the one that it names.",
        discussion: """
            Example:
              godwit inspect manifest ./store/CURRENT
            """
    )

    @OptionGroup var options: InspectOptions

    func run() throws {
        let manifest = try Inspector.manifest(options.file, limit: options.limit)
        try options.print(manifest, InspectionText.lines(manifest), manifest.problems)
    }
}
