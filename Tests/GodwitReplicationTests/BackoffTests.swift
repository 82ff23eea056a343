import ClusterSimulation
import Testing

@testable import GodwitEngine
@testable import GodwitReplication

@Suite("Pauses between attempts to connect")
struct BackoffTests {
    /// How long a follower that reaches nobody pauses after each of so many failures, in nanoseconds.
    private func pauses(seed: UInt64, _ count: Int) throws -> [UInt64] {
        let cluster = Cluster(seed: seed)
        let node = cluster.add("eu", following: 9) { ($0.minimumBackoff, $0.maximumBackoff) = (100, 10_000) }
        try cluster.start(node)
        guard case .follower(let session) = node.replica?.role else { throw Violation(description: "no role") }
        return try (0..<count).map { _ in
            session.rest(now: node.now)
            guard case .resting(let until) = session.state else { throw Violation(description: "it does not rest") }
            return until - node.now
        }
    }

    @Test("pauses double up to the longest, and each is anything from half of that to all, by chance")
    func doubledAndJittered() throws {
        var shares: [Double] = []
        for seed in 1...20 as ClosedRange<UInt64> {
            for (failures, pause) in try pauses(seed: seed, 30).enumerated() {
                let longest: UInt64 = min(100 << UInt64(failures), 10_000) * 1_000_000
                let share = Double(pause) / Double(longest)
                #expect((0.5...1).contains(share), "seed \(seed): \(pause) ns after \(failures) failures")
                shares.append(share)
            }
        }
        // Of 600 draws some are near each end, and a tenth of them or so in each tenth between.
        for tenth in 0..<10 {
            let low = 0.5 + Double(tenth) / 20
            #expect(shares.count { (low..<low + 0.05).contains($0) } > 20, "from \(low)")
        }
    }

    @Test("followers that lose their leader at once come back one by one")
    func followersDiffer() throws {
        let followers = try (1...16 as ClosedRange<UInt64>).map { try pauses(seed: $0, 8) }
        for failures in 0..<8 { #expect(Set(followers.map { $0[failures] }).count == followers.count) }
    }
}
