import ArgumentParser
import CommandSupport
import GodwitEngine
import GodwitReplication
import GodwitServer

/// Kills the primary under load, promotes the follower, has the old primary rejoin; again and again, and accounts for every
/// acknowledged batch.
struct Failovers: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Kills the primary of two regions under load, again and again, and accounts for every write.",
        discussion: """
            Example:
              godwit-demo failovers --data ./regions --rounds 200
            """
    )

    @Option(help: ArgumentHelp("Where the regions' stores are made.", valueName: "dir")) var data: String
    @Option(help: "How many times to kill.") var rounds = 200
    @Option(help: "Clients that write at once.") var clients = 4
    @Option(help: "Decides what is written and when to kill.") var seed: UInt64 = .random(in: 0...UInt64.max)

    func run() async throws {
        print("failovers: \(rounds.grouped) kills of the primary under \(clients) clients, seed \(seed)")
        let pair = try await Pair(below: data)
        var chance = Chance(seed: seed)
        let progress = ProgressBar("failing over")
        for round in 1...rounds {
            do {
                let load = Load(pair, clients: clients, seed: chance.next())
                try await Task.sleep(for: .milliseconds(Int64(20 + chance.next() % 200)))
                pair.primary.kill()
                try await pair.promoteFollower()
                load.turn(to: pair.primary.client)
                try await Task.sleep(for: .milliseconds(Int64(chance.next() % 50)))
                _ = try await pair.restartFollower()
                try await load.stop()
            } catch {
                progress.finish()
                throw CommandFailure("round \(round), seed \(seed), stores kept in \(data): \(error)")
            }
            progress.update(UInt64(round), of: UInt64(rounds), note: "\(pair.witness.count.grouped) batches")
        }
        progress.finish()
        let (verified, account) = try await pair.conclude()
        print("\(account.total.grouped) acknowledged batches: \(account.summary); \(account.inDoubt) in doubt besides")
        guard verified.equal, account.lost.isEmpty, account.wrong.isEmpty, account.broken.isEmpty else {
            throw CommandFailure(
                """
                seed \(seed), stores kept in \(data): regions equal: \(verified.equal); lost \(account.lost.prefix(10)); \
                reported otherwise than the data shows \(account.wrong.prefix(10)); confirmed by the other region and \
                yet not there \(account.broken.prefix(10))
                """)
        }
        print("both regions hold the same; nothing acknowledged is unaccounted for")
    }
}

/// Clients that write to whoever is the primary until they are stopped. Every third batch waits for the other region.
final class Load: Sendable {
    private let target: Locked<NodeClient>
    private let isStopped = Locked(false)
    private let tasks: [Task<Void, any Error>]

    /// Starts the clients.
    init(_ pair: Pair, clients: Int, seed: UInt64) {
        let target = Locked(pair.primary.client)
        self.target = target
        let (witness, isStopped) = (pair.witness, isStopped)
        tasks = (0..<clients).map { client in
            Task {
                var chance = Chance(seed: seed &+ UInt64(client))
                while !isStopped.withLock({ $0 }) {
                    let level = chance.next() % 3 == 0 ? WriteLevel.durable(1) : .local
                    do {
                        try await witness.write(
                            [.put("slot/\(chance.next() % 64)", "\(chance.next())")], to: target.withLock { $0 },
                            level: level)
                    } catch is CancellationError {
                        return
                    } catch {
                        // The primary is gone, or not one yet: what was in flight stays in doubt.
                        try await Task.sleep(for: .milliseconds(2))
                    }
                }
            }
        }
    }

    /// Has the clients go to another node.
    func turn(to client: NodeClient) { target.withLock { $0 = client } }

    /// Stops the clients and waits for their last answers.
    func stop() async throws {
        isStopped.withLock { $0 = true }
        for task in tasks { try await task.value }
    }
}
