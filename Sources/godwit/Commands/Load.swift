import ArgumentParser
import CommandSupport
import GodwitEngine

struct Load: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Loads a CSV file, each row as one JSON value.",
        discussion: """
            The file has a header (RFC 4180, UTF-8). A row becomes one JSON object of its columns that are not \
            empty, as strings. The key is the text of the key columns, joined by --join. A later row overwrites an \
            earlier one of the same key; a row with an empty key column is skipped and counted. Everything is \
            durable at the end; after an error the rows before it may be there, and loading again does no harm.

            Examples:
              godwit load --data ./store --csv flights.csv --key tailnum --missing NA
              godwit load --data ./store --csv flights.csv --key origin,dest --join - --keyspace routes
              cat rows.csv | godwit load --data ./store --csv - --key id
            """
    )

    @OptionGroup var store: StoreOptions
    @OptionGroup var place: KeyspaceOption

    @Option(help: ArgumentHelp("The file; `-` for standard input.", valueName: "file")) var csv: String
    @Option(help: ArgumentHelp("The columns that make the key.", valueName: "column[,column…]")) var key: String
    @Option(help: ArgumentHelp("What stands between key columns.", valueName: "text")) var join = "/"
    @Option(help: ArgumentHelp("A text that counts as empty, such as NA.", valueName: "text")) var missing: String?
    @Flag(help: "Print the counts as JSON.") var json = false

    func run() throws {
        let input = try ByteInput(path: csv)
        do {
            var rows = try CSVRows(input, key: key.split(separator: ",").map(String.init), missing: missing, join: join)
            try store.withEngine(.openOrCreate, writes: true) { engine in try load(&rows, input, engine) }
            try report(rows)
        } catch let error as CommandFailure {
            throw CommandFailure("\(csv): \(error)")
        }
    }

    private func load(_ rows: inout CSVRows, _ input: ByteInput, _ engine: Engine) throws {
        let keyspace = try place.findOrCreate(in: engine)
        let progress = ProgressBar("loading")
        defer { progress.finish() }
        let batch = try engine.makeBatch()
        while let row = try rows.next() {
            try batch.put(row.key, row.value, in: keyspace)
            if batch.byteCount >= 256 << 10 {
                try engine.write(batch, durability: .buffered)
                batch.clear()
                progress.update(input.consumed, of: input.size, note: "\(rows.loaded) rows")
            }
        }
        try engine.write(batch, durability: .buffered)
        try engine.sync()
    }

    private func report(_ rows: CSVRows) throws {
        let output = StandardOutput()
        if json {
            try output.write("{\"loaded\":\(rows.loaded),\"skipped\":\(rows.skipped)}\n")
        } else {
            try output.write("loaded \(rows.loaded) rows, skipped \(rows.skipped) with an empty key\n")
        }
        try output.flush()
    }
}
