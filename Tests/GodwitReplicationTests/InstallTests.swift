import ClusterSimulation
import Glibc
import GodwitSimulation
import Testing

@testable import GodwitEngine
@testable import GodwitReplication

@Suite("Full copies that cannot be installed at once")
struct InstallTests {
    @Test(
        "an install that failed is given up by the next offer: whenever power is lost in that, the node starts",
        arguments: ["CURRENT", ".sst", "INSTALL"])
    func failsThenLosesPower(file: String) throws {
        for calls in 1...60 {
            let cluster = Cluster(seed: UInt64(calls) + 500)
            let leader = cluster.add("us", following: nil)
            let follower = cluster.add("eu", following: 0)
            try cluster.start(leader)
            try fill(leader, 0..<300)
            try leader.engine?.flush()
            follower.disk.inject(Fault(.error(EIO), on: .rename, .remove, path: file))
            try cluster.start(follower)
            let hasFailed = cluster.run(atMost: 30_000) {
                follower.events.contains { if case .failed = $0 { true } else { false } }
            }
            try #require(hasFailed)
            follower.disk.powerOff(afterCalls: calls)
            cluster.run(atMost: 2000) { follower.disk.isPowerOff }
            cluster.crash(follower)
            try cluster.start(follower)
            #expect(cluster.settle(), "\(calls) calls")
            #expect(try contents(follower) == contents(leader), "\(calls) calls")
        }
    }

    @Test("of what an earlier attempt left, a file that is not as it was listed is fetched anew")
    func leftoversDamaged() throws {
        for seed in 600..<606 as Range<UInt64> {
            let cluster = Cluster(seed: seed)
            let leader = cluster.add("us", following: nil)
            let follower = cluster.add("eu", following: 0)
            try cluster.start(leader)
            try fill(leader, 0..<800, String(repeating: "abcdefgh", count: 400))
            try leader.engine?.flush()
            try cluster.start(follower)
            let isThere = cluster.run(atMost: 20_000) {
                guard let copy = follower.replica?.status.copies.first, copy.bytes > 0 else { return false }
                return copy.done * 100 >= copy.bytes * (20 + seed % 6 * 12)
            }
            #expect(isThere, "seed \(seed)")
            cluster.crash(follower, .keepEverything)
            let left = try follower.disk.list("/store/incoming").filter { $0.hasSuffix(".sst") }
            for name in left {
                let path = "/store/incoming/" + name
                if (follower.disk.contents(path)?.count ?? 0) > 10 { try follower.disk.flipBits(path, at: 10) }
            }
            #expect(!left.isEmpty)
            try cluster.start(follower)
            #expect(cluster.settle(), "seed \(seed)")
            #expect(try contents(follower) == contents(leader), "seed \(seed)")
            #expect(try #require(follower.engine).verify().damaged.isEmpty)
        }
    }
}
