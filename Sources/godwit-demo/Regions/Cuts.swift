import ArgumentParser
import CommandSupport
import GodwitReplication
import GodwitServer

/// Cuts the link between two regions under load, again and again: each time the follower must go on where it was.
struct Cuts: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Cuts the link between two regions again and again: one full copy in all, and equal data.",
        discussion: """
            Example:
              godwit-demo cuts --data ./regions --rounds 1000
            """
    )

    @Option(help: ArgumentHelp("Where the regions' stores are made.", valueName: "dir")) var data: String
    @Option(help: "How many times to cut.") var rounds = 1000
    @Option(help: "Clients that write at once.") var clients = 4
    @Option(help: "Decides what is written and when to cut.") var seed: UInt64 = .random(in: 0...UInt64.max)

    func run() async throws {
        print("link cuts: \(rounds.grouped) under \(clients) clients, seed \(seed)")
        let pair = try await Pair(below: data)
        var chance = Chance(seed: seed)
        let load = Load(pair, clients: clients, seed: chance.next())
        let progress = ProgressBar("cutting")
        for round in 1...rounds {
            do {
                try await Task.sleep(for: .milliseconds(Int64(chance.next() % 40)))
                let before = try await pair.follower.client.status().upstream?.partialSyncs ?? 0
                if chance.next() % 10 == 0 {
                    pair.primary.cutOff()
                    try await Task.sleep(for: .milliseconds(Int64(chance.next() % 100)))
                    pair.primary.mend()
                } else {
                    pair.primary.dropLinks()
                }
                try await pair.follower.wait(.seconds(60), "the link to be made again") { status in
                    status.stage == "streaming" && (status.upstream?.partialSyncs ?? 0) > before
                }
            } catch {
                progress.finish()
                throw CommandFailure("round \(round), seed \(seed), stores kept in \(data): \(error)")
            }
            progress.update(UInt64(round), of: UInt64(rounds), note: "\(pair.witness.count.grouped) batches")
        }
        progress.finish()
        try await load.stop()
        guard let upstream = try await pair.follower.client.status().upstream else {
            throw CommandFailure("the follower follows nobody any more; stores kept in \(data)")
        }
        let (verified, account) = try await pair.conclude()
        print(
            """
            \(upstream.reconnects) reconnects, \(upstream.partialSyncs) resumed in the log, \(upstream.fullSyncs) full copies; \
            \(account.summary)
            """)
        guard upstream.fullSyncs == 1, verified.equal, account.survived == account.total else {
            throw CommandFailure(
                "seed \(seed), stores kept in \(data): regions equal: \(verified.equal); want one full copy and nothing lost"
            )
        }
        print("one full copy in all, regions equal, nothing lost")
    }
}
