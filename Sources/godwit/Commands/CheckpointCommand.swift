import ArgumentParser
import CommandSupport
import GodwitEngine

/// `checkpoint`; the plain name is the engine's.
struct CheckpointCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "checkpoint",
        abstract: "Copies the store as it is at one moment into a directory, by hard links.",
        discussion: """
            On the same file system a checkpoint costs no space at first. Copy it away as it is, restore from it, or \
            open it as a store.

            Example:
              godwit checkpoint --data ./store --to ./monday
            """
    )

    @OptionGroup var store: StoreOptions

    @Option(help: ArgumentHelp("Where it goes: a directory that is empty or not there.", valueName: "dir")) var to:
        String
    @Flag(help: "Print what was made as JSON.") var json = false

    func run() throws {
        let checkpoint = try store.withEngine(.openExisting) { engine in
            try showingProgress("checkpoint") { try engine.checkpoint(to: to, progress: $0) }
        }
        let text = CheckpointText(checkpoint, directory: to)
        let output = StandardOutput()
        if json {
            try output.writeJSON(text)
        } else {
            try output.write("checkpoint at \(text.position): \(text.files) files, \(text.bytes) bytes in \(to)\n")
        }
        try output.flush()
    }
}
