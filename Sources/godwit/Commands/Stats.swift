import ArgumentParser
import CommandSupport
import GodwitEngine

struct Stats: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Prints what a store holds: keyspaces, levels, entries, bytes.",
        discussion: """
            Entries in tables count deletes and old versions until compaction drops them; `in memory` is what the \
            log holds and no table yet. Changes nothing.

            Examples:
              godwit stats --data ./store
              godwit stats --data ./store --json
            """
    )

    @OptionGroup var store: StoreOptions

    @Flag(help: "Print everything as JSON.") var json = false

    func run() throws {
        let stats = try store.withEngine(.readOnly) { StatsText($0) }
        let output = StandardOutput()
        if json { try output.writeJSON(stats) } else { try output.write(stats.lines) }
        try output.flush()
    }
}
