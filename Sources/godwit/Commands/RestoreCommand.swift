import ArgumentParser
import CommandSupport
import GodwitEngine

/// `restore`: makes a store from a checkpoint.
struct RestoreCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore",
        abstract: "Makes a store from a checkpoint, after every byte of it was verified.",
        discussion: """
            The checkpoint stays as it is. With --new-store the copy is a store of its own, which never replicates \
            with the one the checkpoint was made from.

            Examples:
              godwit restore --from ./monday --to ./store
              godwit restore --from ./monday --to ./experiment --new-store
            """
    )

    @Option(help: ArgumentHelp("The checkpoint.", valueName: "dir")) var from: String
    @Option(help: ArgumentHelp("Where the store goes: a directory that is empty or not there.", valueName: "dir"))
    var to: String
    @Flag(help: "Give the copy a store id of its own.") var newStore = false
    @Flag(help: "Print what was restored as JSON.") var json = false

    func run() throws {
        let checkpoint = try showingProgress("restore") {
            try Engine.restore(from: from, to: to, newStore: newStore, progress: $0)
        }
        let text = CheckpointText(checkpoint, directory: to)
        let output = StandardOutput()
        if json {
            try output.writeJSON(text)
        } else {
            try output.write("restored \(text.position): \(text.files) files, \(text.bytes) bytes in \(to)\n")
        }
        try output.flush()
    }
}
