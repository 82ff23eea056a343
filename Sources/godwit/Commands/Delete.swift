import ArgumentParser
import GodwitEngine

struct Delete: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Removes a key, durably; one that is not there is no error.",
        discussion: """
            Example:
              godwit delete --data ./store plane/N14228
            """
    )

    @OptionGroup var store: StoreOptions
    @OptionGroup var place: KeyspaceOption

    @Argument(help: "The key.") var key: String

    func run() throws {
        try store.withEngine(.openExisting, writes: true) { engine in
            _ = try engine.delete(key, in: place.find(in: engine))
        }
    }
}
