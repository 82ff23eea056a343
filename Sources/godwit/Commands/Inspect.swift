import ArgumentParser
import CommandSupport
import GodwitEngine

struct Inspect: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Describes one file of a store: a log segment, a table or a manifest.",
        discussion: """
            Files are read as they are, damaged or not, whoever has the store open; nothing is changed. What is \
            wrong is listed with its offset. Exit status: 0 described, 2 not readable.

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

    func print(_ description: some Encodable, _ lines: @autoclosure () -> [String]) throws {
        let output = StandardOutput()
        if json {
            try output.writeJSON(description)
        } else {
            for line in lines() { try output.write(line + "\n") }
        }
        try output.flush()
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
        try options.print(log, InspectionText.lines(log))
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
        try options.print(table, InspectionText.lines(table))
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
        try options.print(manifest, InspectionText.lines(manifest))
    }
}
