import ClusterSimulation
import GodwitEngine
import GodwitSimulation
import Testing

@testable import GodwitReplication

/// Everything that readers of a node see, in order.
func contents(_ node: SimulatedNode) throws -> [String] {
    let engine = try #require(node.engine)
    var all: [String] = []
    for keyspace in engine.keyspaces {
        try engine.scan(in: keyspace) { key, value in
            let text = { (span: RawSpan) in String(decoding: span.withBytes { $0.withView { $0.array } }, as: UTF8.self) }
            all.append("\(keyspace.name)/\(text(key))=\(text(value))")
            return true
        }
    }
    return all
}

extension Cluster {
    /// Whether all machines that are up have the same history.
    var isSettled: Bool {
        guard let end = primary?.engine?.historyPoint else { return false }
        return nodes.allSatisfy { $0.engine?.historyPoint == end }
    }

    /// Lets time pass until all have the same history.
    func settle(atMost milliseconds: Int = 60_000) -> Bool { run(atMost: milliseconds) { isSettled } }
}

@Suite("A primary and its followers")
struct StreamTests {
    @Test("a follower without data is copied to, then streams what is written")
    func followerIsCopiedToThenStreams() throws {
        let cluster = Cluster(seed: 1)
        let leader = cluster.add("us", following: nil)
        let follower = cluster.add("eu", following: 0)
        try cluster.start(leader)
        for number in 0..<100 { try leader.engine?.put("k\(number)", "v\(number)", durability: .buffered) }
        try cluster.start(follower)
        #expect(cluster.settle(), "\(cluster.trace.joined(separator: "\n"))")
        for number in 50..<150 { try leader.engine?.put("k\(number)", "w\(number)", durability: .buffered) }
        #expect(cluster.settle(), "\(cluster.trace.suffix(40).joined(separator: "\n"))")
        #expect(try contents(follower) == contents(leader))
        #expect(follower.engine?.epochHistory == leader.engine?.epochHistory)
        #expect(follower.replica?.status.upstream?.fullSyncs == 1)
    }
}
