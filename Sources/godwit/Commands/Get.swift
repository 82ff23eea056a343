import ArgumentParser
import CommandSupport
import GodwitEngine

struct Get: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Prints the value of a key: its bytes and nothing else.",
        discussion: """
            Exit status: 0 found, 1 absent, 2 any error. On a terminal a line end follows the value.

            Examples:
              godwit get --data ./store plane/N14228
              godwit get --data ./store image/7 > image.png
            """
    )

    @OptionGroup var store: StoreOptions
    @OptionGroup var place: KeyspaceOption

    @Argument(help: "The key.") var key: String

    func run() throws {
        let value: [UInt8]? = try store.withEngine(.readOnly) { engine in
            try engine.get(key, in: place.find(in: engine))
        }
        guard let value else { throw ExitCode.absent }
        let output = StandardOutput()
        try output.write(value)
        if StandardOutput.isTerminal { try output.write("\n") }
        try output.flush()
    }
}
