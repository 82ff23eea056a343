import ArgumentParser
import GodwitEngine

struct Put: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Sets a key to a value, durably.",
        discussion: """
            Makes the store, and the keyspace, when they are not there.

            Examples:
              godwit put --data ./store plane/N14228 '{"flights":111}'
              godwit put --data ./store --keyspace sessions --ttl 30m user/7 token
            """
    )

    @OptionGroup var store: StoreOptions
    @OptionGroup var place: KeyspaceOption

    @Option(help: ArgumentHelp("How long the value lives: 500ms, 30s, 5m, 2h, 7d.", valueName: "duration"))
    var ttl: TimeToLive?

    @Argument(help: "The key.") var key: String
    @Argument(help: "The value.") var value: String

    func run() throws {
        try store.withEngine(.openOrCreate, writes: true) { engine in
            _ = try engine.put(key, value, in: place.findOrCreate(in: engine), ttl: ttl?.duration)
        }
    }
}
