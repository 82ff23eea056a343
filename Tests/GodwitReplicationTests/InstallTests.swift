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
}
