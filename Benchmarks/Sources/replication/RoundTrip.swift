import Foundation
import GodwitEngine
import GodwitNode
import GodwitReplication
import LinkProxy

/// Writes a second that a follower keeps up with over a link of 80 ms there and back, against one without delay.
struct RoundTrip {
    private let home: Home
    private let count: Int
    private let rounds: Int

    init(_ home: Home, _ count: Int, _ rounds: Int) { (self.home, self.count, self.rounds) = (home, count, rounds) }

    func run() async throws -> Row {
        var far: [Double] = []
        var near: [Double] = []
        for _ in 0..<rounds {
            near.append(try await measure(delay: .zero))
            far.append(try await measure(delay: .milliseconds(40)))
        }
        return Row("replication-round-trip-80ms", peer: "0 ms", unit: "op/s", target: "≥ 0.9", far, near)
    }

    private func measure(delay: Duration) async throws -> Double {
        let primary = try await Primary(home.next())
        let proxy = try await LinkProxy.start(
            to: "127.0.0.1", port: primary.node.address.port, conditions: LinkProxy.Conditions(delay: delay))
        let follower = try FollowerProcess(home.next(), following: proxy.address)
        try await primary.waitForFollower()
        let start = now()
        try primary.write(count)
        try await primary.waitUntilApplied()
        let rate = Double(count) / (now() - start)
        try follower.stop()
        try await primary.node.close()
        await proxy.stop()
        home.remove()
        return rate
    }
}
