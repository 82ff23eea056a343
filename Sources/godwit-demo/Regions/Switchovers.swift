import ArgumentParser
import CommandSupport
import GodwitEngine
import GodwitReplication
import GodwitServer

/// Switches over between two regions while a client counts up by reading and writing; the total must be exact.
struct Switchovers: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Switches over between two regions while a client counts up; the total must be exact.",
        discussion: """
            Example:
              godwit-demo switchovers --data ./regions --rounds 1000
            """
    )

    @Option(help: ArgumentHelp("Where the regions' stores are made.", valueName: "dir")) var data: String
    @Option(help: "How many times to switch over.") var rounds = 1000
    @Option(help: "Decides when to switch over.") var seed: UInt64 = .random(in: 0...UInt64.max)

    /// How often a switchover that is aborted is tried.
    private static let attempts = 5

    func run() async throws {
        print("switchovers: \(rounds.grouped) under an increment loop, seed \(seed)")
        let pair = try await Pair(below: data)
        var chance = Chance(seed: seed)
        let counter = Counter([pair.primary.client, pair.follower.client])
        let progress = ProgressBar("switching over")
        var (pauses, aborted): ([Duration], Int) = ([], 0)
        for round in 1...rounds {
            do {
                try await Task.sleep(for: .milliseconds(Int64(chance.next() % 20)))
                let done = try await switchOver(pair)
                pauses.append(done.pause)
                aborted += done.aborted
            } catch {
                progress.finish()
                throw CommandFailure("round \(round), seed \(seed), stores kept in \(data): \(error)")
            }
            progress.update(UInt64(round), of: UInt64(rounds), note: "\(counter.total.grouped) increments")
        }
        progress.finish()
        let counted = try await counter.stop()
        let stored = try await pair.primary.client.get(Counter.key).map { String(decoding: $0, as: UTF8.self) }
        let (verified, _) = try await pair.conclude()
        guard stored == String(counted), verified.equal else {
            throw CommandFailure(
                "seed \(seed): \(counted) increments, but \(Counter.key) is \(stored ?? "absent"); equal: \(verified.equal)"
            )
        }
        pauses.sort()
        print(
            """
            \(pauses.count.grouped) switchovers done, \(aborted) aborted and tried again; half took under \
            \(pauses[pauses.count / 2]), the longest \(pauses[pauses.count - 1]); \(counted.grouped) increments, total \
            exact, regions equal
            """)
    }

    /// Switches over, and waits until the old primary follows; one that is aborted is tried again, a few times. Gives how
    /// long the one took that was done, and how many were aborted before it.
    private func switchOver(_ pair: Pair) async throws -> (pause: Duration, aborted: Int) {
        for aborted in 0..<Self.attempts {
            let started = ContinuousClock.now
            let outcome = try await pair.switchOver()
            let pause = ContinuousClock.now - started
            if outcome == .inDoubt { throw CommandFailure("a switchover between two living nodes is in doubt") }
            try await pair.follower.waitUntilFollowing(pair.primary)
            if outcome == .done { return (pause, aborted) }
        }
        throw CommandFailure("a switchover was aborted \(Self.attempts) times in a row")
    }
}

/// Counts up in a loop: reads the number, which must be that of its own last write wherever it reads, and writes the
/// next. Writes are `local`, so that a switchover which loses what the old primary alone has shows: the position is
/// lost, or the number is not the last one. A node that takes no writes, or does not have the last one yet, is left for
/// the other.
final class Counter: Sendable {
    static let key = "counter"

    private let done = Locked(0)
    private let isStopped = Locked(false)
    private let task: Locked<Task<Void, any Error>?> = Locked(nil)

    /// Starts counting.
    init(_ nodes: [NodeClient]) {
        let (done, isStopped) = (done, isStopped)
        let work = Task {
            var (place, count, after) = (0, 0, "")
            while !isStopped.withLock({ $0 }) {
                do {
                    let stored = try await nodes[place].get(Self.key, in: "default", after).flatMap {
                        Int(String(decoding: $0, as: UTF8.self))
                    }
                    guard stored ?? 0 == count else {
                        throw CommandFailure(
                            "the counter was \(count), and then \(stored.map(String.init) ?? "absent")")
                    }
                    let written = try await nodes[place].put(
                        Self.key, Array(String(count + 1).utf8), in: "default", "level=local")
                    after = "after=\(written.position)&wait=1s"
                    count += 1
                    done.withLock { [count] in $0 = count }
                } catch let refusal as NodeClient.Refusal where refusal.status == 503 {
                    place = 1 - place
                    try await Task.sleep(for: .milliseconds(1))
                }
            }
        }
        task.withLock { $0 = work }
    }

    /// How often it has counted.
    var total: Int { done.withLock { $0 } }

    /// Stops, and gives the total.
    func stop() async throws -> Int {
        isStopped.withLock { $0 = true }
        try await task.withLock { $0 }?.value
        return total
    }
}
