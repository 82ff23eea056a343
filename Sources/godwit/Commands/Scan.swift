import ArgumentParser
import CommandSupport
import GodwitEngine

struct Scan: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Prints the entries of a range in key order.",
        discussion: """
            A line is key, tab, value, as the bytes they are; with --json an object, keys or values that are no \
            UTF-8 in base 64 as `keyBase64` or `valueBase64`.

            Examples:
              godwit scan --data ./store --prefix plane/
              godwit scan --data ./store --from carrier/AA --to carrier/B --json
              godwit scan --data ./store --reverse --limit 1
            """
    )

    @OptionGroup var store: StoreOptions
    @OptionGroup var place: KeyspaceOption

    @Option(help: "Only keys that begin with this.") var prefix: String?
    @Option(help: ArgumentHelp("The first key.", valueName: "key")) var from: String?
    @Option(help: ArgumentHelp("The first key past the range.", valueName: "key")) var to: String?
    @Flag(help: "From the last key to the first.") var reverse = false
    @Option(help: ArgumentHelp("The most entries printed.", valueName: "n")) var limit: Int?
    @Flag(help: "One JSON object a line.") var json = false

    func validate() throws {
        if prefix != nil, from != nil || to != nil {
            throw ValidationError("--prefix says both ends of the range; give it, or --from and --to")
        }
        if let limit, limit < 0 { throw ValidationError("--limit is \(limit); give 0 or more") }
    }

    func run() throws {
        let range =
            prefix.map { KeyRange.prefix(Array($0.utf8)) }
            ?? KeyRange(from: from.map { Array($0.utf8) }, to: to.map { Array($0.utf8) })
        let output = StandardOutput()
        var line = JSONText()
        var failure: CommandFailure?
        try store.withEngine(.readOnly) { engine in
            let keyspace = try place.find(in: engine)
            try engine.scan(range, in: keyspace, reverse: reverse, limit: limit ?? .max) { key, value in
                do throws(CommandFailure) {
                    try write(key.array, value.array, to: output, &line)
                    return true
                } catch {
                    failure = error
                    return false
                }
            }
        }
        if let failure { throw failure }
        try output.flush()
    }

    private func write(
        _ key: [UInt8], _ value: [UInt8], to output: StandardOutput, _ line: inout JSONText
    ) throws(CommandFailure) {
        if json {
            line.clear()
            line.beginObject()
            EntryText.add("key", key, to: &line)
            EntryText.add("value", value, to: &line)
            line.endObject()
            try output.write(line.bytes)
        } else {
            try output.write(key)
            try output.write("\t")
            try output.write(value)
        }
        try output.write("\n")
    }
}
