import ArgumentParser
import Foundation

/// Measures what replication costs and how fast it is: the `replication-…` rows of the table of targets.
@main
struct Replication: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replication",
        abstract: "Measures a primary and a follower, each a process of its own, on loopback.",
        discussion: """
            The follower is this program again. The lag's peer is redis-server with a replica, both without \
            persistence; the cost's is a primary that nobody follows; catch-up's is the same run's puts; bootstrap's a \
            plain copy of the same bytes over loopback; the round trip's a link without delay.
            """,
        subcommands: [Rows.self, Follower.self], defaultSubcommand: Rows.self)
}

struct Rows: AsyncParsableCommand {
    @Option(help: "Where data may go.") var data = NSTemporaryDirectory()
    @Option(help: "Writes of a round, in thousands.") var thousands = 1000
    @Option(help: "Megabytes of the tables that a full copy takes.") var megabytes = 1024
    @Option(help: "Seconds of a round of lag.") var seconds = 10
    @Option(help: "How often each side is measured, in turns.") var rounds = 3
    @Option(help: "Where the nodes' certificates are, for the row with TLS.") var certificates = "fixtures/certificates"
    @Option(help: "A file for one JSON object a row; what it held is replaced.") var json: String?
    @Option(
        help: "Only these rows, by the ends of their names: lag, cost, catch-up, bootstrap, bootstrap-tls, round-trip.")
    var only: [String] = []

    func run() async throws {
        let home = Home("\(data)/godwit-replication-\(ProcessInfo.processInfo.processIdentifier)")
        defer { home.remove() }
        let report = try Report(json)
        let count = thousands * 1000
        if wants("cost") { try await report.add(Cost(home, count, rounds).run()) }
        if wants("catch-up") { try await report.add(CatchUp(home, count, rounds).run()) }
        if wants("round-trip") { try await report.add(RoundTrip(home, count, rounds).run()) }
        if wants("bootstrap") { try await report.add(Bootstrap(home, megabytes << 20, rounds).run()) }
        if wants("bootstrap-tls") {
            let row = Bootstrap(home, megabytes << 20, rounds, certificates: certificates)
            try await report.add(row.run())
        }
        if wants("lag") { try await report.add(Lag(home, seconds, rounds).run()) }
    }

    private func wants(_ name: String) -> Bool { only.isEmpty || only.contains(name) }
}

/// Directories of one run, all below one that is removed at its end.
final class Home {
    let path: String
    private var made = 0

    init(_ path: String) { self.path = path }

    func next() throws -> String {
        made += 1
        let directory = "\(path)/\(made)"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        return directory
    }

    func remove() { try? FileManager.default.removeItem(atPath: path) }
}
