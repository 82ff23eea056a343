import ClusterSimulation
import GodwitSimulation
import Testing

@testable import GodwitEngine
@testable import GodwitReplication

/// Which keyspaces go to whom, while they are made and changed.
@Suite("Keyspaces and who takes them")
struct KeyspaceTests {
    /// A primary, and a follower whose full copy was asked for and is not cut yet.
    private func awaitingCopy(
        seed: UInt64, _ change: (inout ReplicaOptions) -> Void = { _ in }
    ) throws -> (Cluster, leader: SimulatedNode, follower: SimulatedNode)? {
        let cluster = Cluster(seed: seed)
        let leader = cluster.add("us", following: nil)
        let follower = cluster.add("eu", following: 0, change)
        try cluster.start(leader)
        try fill(leader, 0..<20)
        try cluster.start(follower)
        let isAsked = cluster.run(atMost: 5000) { leader.replica?.shippers.first?.isAwaitingCopy ?? false }
        guard isAsked, leader.replica?.status.copies.first?.bytes == 0 else { return nil }
        return (cluster, leader, follower)
    }

    @Test("a keyspace that is made between the request for a copy and its cut is in the copy")
    func madeBeforeTheCut() throws {
        var rounds = 0
        for seed in 400..<420 as Range<UInt64> {
            guard
                let (cluster, leader, follower) = try awaitingCopy(
                    seed: seed, { $0.keyspaces = ["default", "late"] })
            else { continue }
            rounds += 1
            let engine = try #require(leader.engine)
            let late = try engine.createKeyspace("late")
            for number in 0..<20 { try engine.put("k\(number)", "late", in: late, durability: .buffered) }
            leader.touch()
            #expect(cluster.settle(), "seed \(seed)")
            #expect(try contents(follower) == contents(leader), "seed \(seed)")
        }
        #expect(rounds > 0)
    }

    @Test("a keyspace of other regions that is made between the request for a copy and its cut stays there")
    func restrictedBeforeTheCut() throws {
        var rounds = 0
        for seed in 420..<440 as Range<UInt64> {
            guard let (cluster, leader, follower) = try awaitingCopy(seed: seed) else { continue }
            rounds += 1
            let engine = try #require(leader.engine)
            let home = try engine.createKeyspace("home", settings: KeyspaceSettings(regions: [RegionID.of("us")]))
            for number in 0..<20 { try engine.put("k\(number)", "SECRET", in: home, durability: .buffered) }
            leader.touch()
            #expect(cluster.settle(), "seed \(seed)")
            #expect(try contents(follower).count == 20, "seed \(seed)")
            #expect(try !follower.holds(Array("SECRET".utf8)), "seed \(seed)")
        }
        #expect(rounds > 0)
    }
}
