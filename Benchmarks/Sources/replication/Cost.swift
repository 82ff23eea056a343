import Foundation
import GodwitEngine
import GodwitNode
import GodwitReplication

/// CPU seconds of the primary's process per million writes, with a follower against without.
struct Cost {
    private let home: Home
    private let count: Int
    private let rounds: Int

    init(_ home: Home, _ count: Int, _ rounds: Int) { (self.home, self.count, self.rounds) = (home, count, rounds) }

    func run() async throws -> Row {
        var followed: [Double] = []
        var alone: [Double] = []
        for _ in 0..<rounds {
            alone.append(try await measure(isFollowed: false))
            followed.append(try await measure(isFollowed: true))
        }
        return Row("replication-cost", peer: "no follower", unit: "CPU s/M writes", target: "≤ 1.10", followed, alone)
    }

    private func measure(isFollowed: Bool) async throws -> Double {
        let primary = try await Primary(home.next())
        let follower = isFollowed ? try FollowerProcess(home.next(), following: "\(primary.node.address)") : nil
        if follower != nil { try await primary.waitForFollower() }
        let before = Primary.processorTime()
        try primary.write(count)
        if follower != nil { try await primary.waitUntilApplied() }
        let used = Primary.processorTime() - before
        try follower?.stop()
        try await primary.node.close()
        home.remove()
        return used / Double(count) * 1e6
    }
}
