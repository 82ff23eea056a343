import ArgumentParser
import CommandSupport
import GodwitEngine
import Synchronization

struct Compact: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Rewrites tables so that no deleted, expired or replaced data is left.",
        discussion: """
            The engine compacts by itself; this is for getting space back now, or before copying a store. All \
            keyspaces unless one is named.

            Examples:
              godwit compact --data ./store
              godwit compact --data ./store --keyspace routes --from A --to B
            """
    )

    @OptionGroup var store: StoreOptions
    @OptionGroup var place: KeyspaceOption

    @Option(help: ArgumentHelp("The first key.", valueName: "key")) var from: String?
    @Option(help: ArgumentHelp("The first key past the range.", valueName: "key")) var to: String?

    func run() throws {
        let range = KeyRange(from: from.map { Array($0.utf8) }, to: to.map { Array($0.utf8) })
        try store.withEngine(.openExisting) { engine in
            let progress = ProgressBar("compacting")
            let written = Mutex<UInt64>(0)
            engine.listen { event in
                guard case .compacted(let keyspace, _, let level, _, let bytes) = event else { return }
                written.withLock { total in
                    total += bytes
                    progress.update(total, note: "bytes written; `\(keyspace)` to level \(level)")
                }
            }
            defer {
                engine.listen(nil)
                progress.finish()
            }
            for keyspace in try place.keyspace == nil ? engine.keyspaces : [place.find(in: engine)] {
                try engine.compact(range, in: keyspace)
            }
        }
    }
}
