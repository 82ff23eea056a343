import Foundation
import GodwitEngine
import GodwitNode
import GodwitReplication

/// How fast a follower applies that is behind, against the puts that it was behind of.
struct CatchUp {
    private let home: Home
    private let count: Int
    private let rounds: Int

    init(_ home: Home, _ count: Int, _ rounds: Int) { (self.home, self.count, self.rounds) = (home, count, rounds) }

    func run() async throws -> Row {
        var applied: [Double] = []
        var put: [Double] = []
        for _ in 0..<rounds {
            let primary = try await Primary(home.next())
            let directory = try home.next()
            let first = try FollowerProcess(directory, following: "\(primary.node.address)")
            try await primary.waitForFollower()
            try first.stop()
            var start = now()
            try primary.write(count)
            put.append(Double(count) / (now() - start))
            try await Task.sleep(for: .seconds(2))
            start = now()
            let follower = try FollowerProcess(directory, following: "\(primary.node.address)")
            try await primary.waitForFollower()
            try await primary.waitUntilApplied()
            applied.append(Double(count) / (now() - start))
            try follower.stop()
            try await primary.node.close()
            home.remove()
        }
        return Row("replication-catch-up", peer: "put-buffered", unit: "op/s", target: "≥ 1.2", applied, put)
    }
}
