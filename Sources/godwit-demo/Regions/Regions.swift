import ArgumentParser
import CommandSupport
import GodwitReplication
import GodwitServer

/// Two regions on one machine, the primary lost twice.
///
/// 1. A client replays real flights as upserts to the primary in `us-east`; `eu-west` follows. redis-cli reads there what it
///    wrote here. The primary is killed.
/// 2. The follower is promoted, the client goes on there; the old primary comes back, its tail is recovered.
/// 3. A planned switchover brings the role home.
/// 4. The primary is cut off and goes on acknowledging alone; the follower is promoted, the client goes on there;
///    the link is mended, the old primary rejoins, its tail is recovered.
/// 5. Both regions are compared, and every acknowledged batch is put into exactly one class.
struct Regions: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Two regions, real flights, the primary killed once and cut off once; every write accounted for.",
        discussion: """
            Example:
              godwit-demo regions --csv fixtures/flights-2013-01.csv --data ./demo-regions
            """
    )

    @Option(help: ArgumentHelp("The flights.", valueName: "file")) var csv = "fixtures/flights-2013-01.csv"
    @Option(help: ArgumentHelp("Where the regions' stores are made; must not be there.", valueName: "dir"))
    var data: String
    @Option(help: ArgumentHelp("How many flights to replay; all unless said.", valueName: "n")) var flights: Int?

    func run() async throws {
        let all = try Flight.read(csv)
        let replayed = Array(all.prefix(flights ?? all.count))
        guard replayed.count >= 1000 else { throw CommandFailure("the demo needs 1,000 flights or more") }
        let checks = Checks()
        print(
            """
            Godwit demo: \(replayed.count.grouped) flights from New York in January 2013 go to the primary in us-east, \
            each as two
            batches: the flight, and the features of its aircraft, carrier and route. eu-west follows. The client waits \
            for
            the primary only (level `local`), and every batch carries a key of its own, so that each can be accounted for.

            """)
        let pair = try await Pair(below: data)
        let feed = Feed(replayed, pair.witness)

        let killed = try await loseByKill(pair, feed, checks)
        try await comeHome(pair, feed)
        let cut = try await loseByCut(pair, feed)
        try await feed.run(to: replayed.count, on: pair, "  eu-west ")
        try await conclude(pair, feed, killed, cut, checks)
    }

    /// What losing a primary cost.
    private struct Loss {
        /// From the loss to the first write that the new primary acknowledged.
        let recoveryTime: Duration
        /// Acknowledged batches that the new primary did not have.
        let missing: Int
        /// What became of them.
        let reports: [RecoveryReport]
    }

    // MARK: Acts 1 and 2

    /// What Redis clients see of the two regions.
    private func lookByRedis(_ pair: Pair, _ feed: Feed, _ checks: Checks) async throws {
        guard let glance = RedisGlance(), let flight = feed.lastFlightOfKnownAircraft else {
            return print("   redis-cli is not installed, so Redis clients are left out")
        }
        let isSame = try await glance.show(flight, from: pair.primary, to: pair.follower)
        checks.expect(isSame, "redis-cli reads in \(pair.follower.name) what redis-cli wrote in \(pair.primary.name)")
    }

    private func loseByKill(_ pair: Pair, _ feed: Feed, _ checks: Checks) async throws -> Loss {
        print("1. us-east is the primary, eu-west follows")
        try await feed.run(to: feed.count * 2 / 5, on: pair, "  us-east ")
        try await lookByRedis(pair, feed, checks)
        print("   SIGKILL to us-east while the client writes")
        let writing = feed.background(on: pair.primary.client)
        try await Task.sleep(for: .milliseconds(300))
        let lostAt = ContinuousClock.now
        pair.primary.kill()
        await writing.value
        let time = try await takeOver(pair, feed, since: lostAt)
        print("\n2. eu-west was promoted after \(Self.milliseconds(time)) ms; the client goes on there")
        try await feed.run(to: feed.count / 2, on: pair, "  eu-west ")
        let reports = try await pair.restartFollower()
        tell(reports, of: pair.follower)
        return Loss(recoveryTime: time, missing: pair.witness.acknowledged(in: reports), reports: reports)
    }

    // MARK: Act 3

    private func comeHome(_ pair: Pair, _ feed: Feed) async throws {
        let writing = feed.background(on: pair.primary.client)
        try await Task.sleep(for: .milliseconds(100))
        let started = ContinuousClock.now
        let outcome = try await pair.switchOver()
        let took = ContinuousClock.now - started
        await writing.value
        guard outcome == .done else { throw CommandFailure("the planned switchover ended as \(outcome.rawValue)") }
        print(
            "\n3. a planned switchover brought the role back to us-east in \(Self.milliseconds(took)) ms, losing nothing"
        )
        try await feed.run(to: feed.count * 7 / 10, on: pair, "  us-east ")
    }

    // MARK: Act 4

    private func loseByCut(_ pair: Pair, _ feed: Feed) async throws -> Loss {
        print("\n4. us-east is cut off: eu-west does not hear from it any more, and it goes on acknowledging alone")
        pair.primary.cutOff()
        let lostAt = ContinuousClock.now
        let alone = try await feed.run(for: .milliseconds(700), on: pair.primary.client)
        print("   us-east acknowledged \(alone.grouped) batches alone; then eu-west is promoted")
        let time = try await takeOver(pair, feed, since: lostAt)
        try await feed.run(to: feed.count * 8 / 10, on: pair, "  eu-west ")
        pair.follower.mend()
        let reports = try await pair.rejoinFollower()
        tell(reports, of: pair.follower)
        return Loss(recoveryTime: time, missing: pair.witness.acknowledged(in: reports), reports: reports)
    }

    /// Promotes the follower and writes until the first acknowledgement.
    private func takeOver(_ pair: Pair, _ feed: Feed, since lost: ContinuousClock.Instant) async throws -> Duration {
        try await pair.promoteFollower()
        try await feed.step(on: pair.primary.client)
        return ContinuousClock.now - lost
    }

    private func tell(_ reports: [RecoveryReport], of region: Region) {
        if reports.isEmpty {
            print(
                "   \(region.name) rejoined; it had nothing that \(region.name == "us-east" ? "eu-west" : "us-east") lacked"
            )
        }
        for report in reports {
            print("   \(region.name) rejoined by going back to \(report.fork); its tail: \(report.summary)")
        }
    }

    // MARK: Act 5

    private func conclude(_ pair: Pair, _ feed: Feed, _ killed: Loss, _ cut: Loss, _ checks: Checks) async throws {
        print("\n5. Both regions are compared")
        let copies = try await pair.follower.client.status().upstream?.fullSyncs ?? 0
        let (verified, account) = try await pair.conclude()
        let entries = verified.verification.nodes.first?.entries ?? 0
        checks.expect(
            verified.equal && !verified.verification.nodes.isEmpty,
            "us-east and eu-west are equal at \(verified.verification.position): \(Int(entries).grouped) entries")
        checks.expect(copies == 0, "no full copy was needed to rejoin")
        checks.expect(
            account.total == pair.witness.count && account.lost.isEmpty,
            "each of \(account.total.grouped) acknowledged batches is in exactly one class, none lost")
        checks.expect(account.wrong.isEmpty, "the data shows what the reports say")
        print(
            """

              killed with SIGKILL   RTO \(Self.milliseconds(killed.recoveryTime)) ms, RPO \(killed.missing.grouped) batches
              cut off, alone        RTO \(Self.milliseconds(cut.recoveryTime)) ms, RPO \(cut.missing.grouped) batches
              acknowledged          \(account.total.grouped): \(account.summary)
              in doubt besides      \(account.inDoubt.grouped) got no answer and are there

            """)
        guard checks.allHeld else { throw CommandFailure("something did not hold; the stores are kept in \(data)") }
        print("All held.")
    }

    private static func milliseconds(_ duration: Duration) -> Int64 {
        duration.components.seconds * 1000 + duration.components.attoseconds / 1_000_000_000_000_000
    }
}
