import ArgumentParser
import Foundation

/// A client that puts load on a Redis server and says how it answered: what redis-benchmark cannot say (p99.9, refusals)
/// or do (requests at a rate that does not wait for replies).
@main
struct RedisLoad: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "redis-load",
        abstract: "Sends one command over many connections and prints one JSON object.",
        discussion: """
            In the command's words `{key}` is a random number below --keys, of twelve digits, `{next}` counts up from 0, \
            and `{value}` stands for --value-size bytes, half of which compress.

            Without --rate each connection waits for the replies of its pipeline before it sends again. With it, requests \
            are sent when they are due, whether or not replies come, and latency counts from then.
            """)

    @Option(help: "HOST:PORT of the server.") var server: String
    @Option(help: "Connections.") var connections = 50
    @Option(help: "Requests that a connection sends at once.") var pipeline = 1
    @Option(help: "How many keys `{key}` draws from.") var keys = 1_000_000
    @Option(help: "The length of `{value}`.") var valueSize = 100
    @Option(help: "Ends after so many requests.") var requests = Int.max
    @Option(help: "Ends after so many seconds.") var seconds = Double.infinity
    @Option(help: "Requests a second, in all.") var rate: Double?
    @Option(help: "The seed of `{key}` and `{value}`.") var seed: UInt64 = 1
    @Argument(help: "The command's words.") var words: [String]

    func validate() throws {
        guard requests < Int.max || seconds < .infinity else { throw ValidationError("say --requests or --seconds") }
        guard connections > 0, pipeline > 0, keys > 0 else { throw ValidationError("counts begin at 1") }
    }

    func run() throws {
        let template = RequestTemplate(words, keys: keys, valueSize: valueSize, seed: seed)
        var limits = Limits()
        limits.requests = requests
        limits.nanoseconds = seconds < .infinity ? UInt64(seconds * 1e9) : .max
        let sockets = try (0..<connections).map { _ in try ClientSocket(server) }
        let generator = LoadGenerator(sockets, template, pipeline: pipeline, limits)
        let outcome = try rate.map { try generator.open(perSecond: $0) } ?? generator.closed()
        print(outcome.json)
    }
}
