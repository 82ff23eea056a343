import ClusterSimulation
import GodwitSimulation
import Testing

@testable import GodwitEngine
@testable import GodwitReplication

/// A primary whose disk is full: `docs/runbooks/disk-full.md`.
@Suite("A primary without room")
struct DiskFullTests {
    /// A pair whose primary refuses writes for want of space.
    private func fullPair() throws -> (pair: Pair, acknowledged: [String]) {
        let pair = try Pair(seed: 31, { $0.engine.diskReserve = 256 << 10 })
        pair.leader.disk.capacity = pair.leader.disk.usedSpace + (1 << 20)
        let random = SeededRandom(seed: 31)
        var acknowledged: [String] = []
        let refusal = try #require(
            throws: EngineError.self,
            performing: {
                for number in 0..<5000 {
                    try pair.leader.engine?.put("k\(number)", random.bytes(2000), durability: .buffered)
                    acknowledged.append("k\(number)")
                    pair.leader.touch()
                    pair.cluster.run(milliseconds: 1)
                }
            })
        #expect(refusal.code == .diskFull)
        return (pair, acknowledged)
    }

    @Test("it hands over to a follower that has room, with everything that it acknowledged")
    func handsOver() throws {
        let (pair, acknowledged) = try fullPair()
        let target = try #require(pair.follower.engine?.nodeID)
        try pair.leader.replica?.switchover(to: target, limit: 5000, now: pair.leader.now)
        pair.leader.touch()
        #expect(pair.cluster.run(atMost: 20_000) { pair.follower.replica?.isOpenPrimary ?? false })
        #expect(pair.cluster.run(atMost: 20_000) { pair.leader.replica?.status.switchover == .done })
        for key in acknowledged { #expect(try pair.follower.engine?.get(key) != nil, "\(key)") }
        try pair.follower.engine?.put("on", "1", durability: .buffered)
    }

    @Test("it takes writes again once there is room, without a restart")
    func goesOn() throws {
        let (pair, acknowledged) = try fullPair()
        pair.leader.disk.capacity = nil
        pair.cluster.run(milliseconds: 2000)
        try pair.leader.engine?.put("on", "1", durability: .buffered)
        pair.leader.touch()
        #expect(pair.cluster.settle())
        #expect(try contents(pair.follower) == contents(pair.leader))
        #expect(try contents(pair.leader).count > acknowledged.count)
    }

    @Test("where others filled the disk to its last byte, a switchover is given up and the primary serves reads on")
    func lastByte() throws {
        let (pair, acknowledged) = try fullPair()
        pair.leader.disk.capacity = pair.leader.disk.usedSpace
        let target = try #require(pair.follower.engine?.nodeID)
        try? pair.leader.replica?.switchover(to: target, limit: 3000, now: pair.leader.now)
        pair.leader.touch()
        #expect(pair.cluster.run(atMost: 10_000) { pair.leader.replica?.status.switchover == .aborted })
        #expect(pair.leader.replica?.isOpenPrimary == true && pair.follower.replica?.isOpenPrimary == false)
        for key in acknowledged { #expect(try pair.leader.engine?.get(key) != nil, "\(key)") }
    }
}
