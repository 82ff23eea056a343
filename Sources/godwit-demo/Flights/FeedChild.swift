import ArgumentParser
import CommandSupport
import GodwitEngine

/// The process that writes, and is killed: goes on where the store says the last one stopped, and acknowledges each row
/// once its write is durable.
struct FeedChild: ParsableCommand {
    static let configuration = CommandConfiguration(commandName: "feed", shouldDisplay: false)

    /// The key that holds how many rows the features contain; written in the same batch as they.
    static let progressKey = "replay/rows"

    @Option var data: String
    @Option var csv: String

    func run() throws {
        let flights = try Flight.read(csv)
        let engine = try Engine.open(at: data)
        let batch = try engine.makeBatch()
        for row in try Self.rowsDone(engine)..<flights.count {
            batch.clear()
            for key in flights[row].entities {
                let old: [UInt8]? = try engine.get(key)
                var features = try old.map(Features.decode) ?? Features()
                features.add(flights[row])
                try batch.put(key, features.encode())
            }
            try batch.put(Self.progressKey, String(row + 1))
            try engine.write(batch)
            try Acknowledgement(writer: 0, number: UInt64(row + 1)).send()
        }
        try engine.close()
    }

    /// How many rows the store's features contain.
    static func rowsDone(_ engine: Engine) throws -> Int {
        let stored: [UInt8]? = try engine.get(progressKey)
        guard let stored else { return 0 }
        guard let rows = Int(String(decoding: stored, as: UTF8.self)) else {
            throw CommandFailure("`\(progressKey)` holds no number; give the demo a directory of its own")
        }
        return rows
    }
}
