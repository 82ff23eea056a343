import CommandSupport
import FoundationEssentials
import GodwitReplication
import GodwitServer

/// Two regions, one the primary and one following it, and the client's way to whoever is the primary.
final class Pair {
    private(set) var primary: Region
    private(set) var follower: Region
    let witness = Witness()
    private(set) var reports: [RecoveryReport] = []

    /// Starts `us-east` as primary and `eu-west` following it, below a directory that holds neither yet.
    init(below folder: String) async throws {
        if FileManager.default.fileExists(atPath: folder) {
            throw CommandFailure("\(folder) is there already; name a directory that is not")
        }
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        primary = try await Region("us-east", below: folder)
        follower = try await Region("eu-west", below: folder)
        try primary.start()
        try follower.start(following: primary)
        try await follower.waitUntilFollowing(primary)
    }

    /// Makes the follower the primary, whatever the old one is doing.
    func promoteFollower() async throws {
        try await follower.client.promote()
        swap(&primary, &follower)
    }

    /// Hands the role over in order.
    func switchOver(limit: String = "10s") async throws -> SwitchoverOutcome {
        let outcome = try await primary.client.switchover(to: follower.name, limit: limit)
        if outcome == .done { swap(&primary, &follower) }
        return outcome
    }

    /// Starts the killed region again as a follower; returns what became of its tail, if it had one.
    func restartFollower() async throws -> [RecoveryReport] {
        try follower.start(following: primary)
        // A node that was promoted remembers that, whatever it is told to follow at its start: it has to be told to rejoin.
        try await follower.client.rejoin(primary.address)
        return try await rejoined()
    }

    /// Has the old primary, which still runs, follow the new one; returns what became of its tail, if it had one.
    func rejoinFollower() async throws -> [RecoveryReport] {
        try await follower.client.rejoin(primary.address)
        return try await rejoined()
    }

    /// Waits until the follower streams and its tail is reported.
    private func rejoined() async throws -> [RecoveryReport] {
        try await follower.waitUntilFollowing(primary)
        // A tail is saved before the node goes back, so whoever streams has all of its tails in its folder.
        let end = ContinuousClock.now + .seconds(60)
        while try follower.hasUnreportedTail, ContinuousClock.now < end { try await Task.sleep(for: .milliseconds(5)) }
        let all = try await follower.client.recovery()
        let known = Set(reports.map { "\($0.node) \($0.end)" })
        let new = all.filter { !known.contains("\($0.node) \($0.end)") }
        reports += new
        try await follower.waitUntilFollowing(primary)
        return new
    }

    /// Has the nodes compare each other, stops both, compares their files, and accounts for every acknowledged batch.
    func conclude() async throws -> (verified: NodeClient.Verified, account: Account) {
        try await follower.waitUntilFollowing(primary)
        let verified = try await primary.client.verify()
        try await follower.waitUntilFollowing(primary)
        try follower.stop()
        try primary.stop()
        let present = try StoreComparison.witnesses([primary.directory, follower.directory])
        return (verified, witness.account(present: present, reports: reports))
    }
}
