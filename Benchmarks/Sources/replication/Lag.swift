import Foundation
import GodwitEngine
import GodwitNode
import GodwitReplication

/// How old a write is when the follower's readers first see it, p99: both systems at one rate, half of the lower
/// maximum.
///
/// The follower is looked at every 50 µs: Godwit's in its own process, the replica over a connection, whose round trip
/// is in the figure.
struct Lag {
    private let home: Home
    private let seconds: Int
    private let rounds: Int

    init(_ home: Home, _ seconds: Int, _ rounds: Int) {
        (self.home, self.seconds, self.rounds) = (home, seconds, rounds)
    }

    func run() async throws -> Row {
        let most = min(try await godwit(rate: nil).rate, try redis(rate: nil).rate)
        let rate = most / 2
        print("replication-lag: \(Int(rate)) writes a second")
        var ours: [Double] = []
        var theirs: [Double] = []
        for _ in 0..<rounds {
            ours.append(try await godwit(rate: rate).p99)
            theirs.append(try redis(rate: rate).p99)
        }
        return Row("replication-lag", peer: "redis-server", unit: "ms p99", target: "≤ 1", ours, theirs)
    }

    private func godwit(rate: Double?) async throws -> (rate: Double, p99: Double) {
        let primary = try await Primary(home.next())
        let follower = try FollowerProcess(home.next(), following: "\(primary.node.address)")
        try await primary.waitForFollower()
        let reached = try Self.pace(rate, seconds: rate == nil ? 3 : seconds) { count in
            try primary.write(count)
            try primary.engine.put(Stamp.key, Stamp.value(), durability: .buffered)
        }
        try await primary.waitUntilApplied()
        let latencies = try follower.stop()
        try await primary.node.close()
        home.remove()
        return (reached, Self.p99(latencies))
    }

    private func redis(rate: Double?) throws -> (rate: Double, p99: Double) {
        let pair = try RedisPair(home.next())
        let observer = Observer { pair.replica.bulk(["GET", Stamp.key]) }
        observer.start()
        let value = String(repeating: "v", count: 100)
        let reached = try Self.pace(rate, seconds: rate == nil ? 3 : seconds) { count in
            for _ in 0..<count {
                pair.primary.add(["SET", "\(1_000_000_000_000_000 + UInt64.random(in: 0..<1_000_000))", value])
            }
            pair.primary.add(["SET", Stamp.key, Stamp.value()])
            pair.primary.flush(count + 1)
        }
        observer.stop()
        pair.stop()
        home.remove()
        return (reached, Self.p99(observer.latencies))
    }

    /// Has so many writes made each millisecond, or 200 at a time as fast as it goes. Returns the rate that was
    /// reached.
    private static func pace(_ rate: Double?, seconds: Int, _ write: (Int) throws -> Void) throws -> Double {
        let start = now()
        var written = 0
        while now() - start < Double(seconds) {
            guard let rate else {
                try write(200)
                written += 201
                continue
            }
            let due = Int((now() - start) * rate) - written
            if due > 1 {
                try write(due - 1)
                written += due
            }
            usleep(1000)
        }
        return Double(written) / (now() - start)
    }

    private static func p99(_ latencies: [Double]) -> Double {
        latencies.isEmpty ? 0 : latencies.sorted()[latencies.count * 99 / 100] * 1000
    }
}
