import ClusterSimulation
import GodwitSimulation
import Testing

@testable import GodwitEngine
@testable import GodwitReplication

@Suite("Damaged tables")
struct MendTests {
    /// The tables that a node consists of, level by level.
    private func tables(_ node: SimulatedNode) throws -> [(level: Int, meta: TableMeta)] {
        try #require(node.engine).store.manifest.state.keyspaces.flatMap { keyspace in
            keyspace.version.levels.flatMap { level in level.tables.map { (level.level, $0) } }
        }
    }

    /// Flips a bit of a table, and starts the node anew, so that nothing of it is in memory.
    private func damage(_ node: SimulatedNode, _ table: TableMeta, at offset: UInt64, in cluster: Cluster) throws {
        try cluster.stop(node)
        try node.disk.flipBits("/store/\(FileName.table(table.number))", at: offset)
        try cluster.start(node)
    }

    /// Reads keys of a node: each right, or an error that says that data is damaged. Returns how many were errors.
    private func read(_ node: SimulatedNode, _ wanted: [String: String]) throws -> Int {
        let engine = try #require(node.engine)
        var errors = 0
        for (key, value) in wanted {
            do {
                let found: [UInt8]? = try engine.get(key)
                #expect(found.map { String(decoding: $0, as: UTF8.self) } == value, "\(key)")
            } catch {
                #expect(error.code == .corruption, "\(error)")
                errors += 1
            }
        }
        return errors
    }

    /// All that a node holds, but for what can expire: the nodes' clocks are not the same.
    private func state(_ node: SimulatedNode) throws -> [String] {
        let engine = try #require(node.engine)
        var all: [String] = []
        let snapshot = try engine.snapshot()
        try engine.scan(.all, in: engine.defaultKeyspace, at: snapshot, cut: 1 << 60) { key, value, _ in
            all.append("\(String(decoding: key.array, as: UTF8.self))=\(String(decoding: value.array, as: UTF8.self))")
            return true
        }
        return all
    }

    private func mended(_ node: SimulatedNode) -> Int {
        node.events.count { if case .mended = $0 { true } else { false } }
    }

    @Test("a damaged table is sent again by the leader: no full copy, and reads are right or fail clearly meanwhile")
    func mends() throws {
        let pair = try Pair(seed: 201)
        let leader = try #require(pair.leader.engine)
        try fill(pair.leader, 0..<3000)
        #expect(pair.cluster.settle())
        try pair.follower.engine?.compact()
        // Newer versions, deletes and a range delete above what will be damaged.
        for number in 1000..<1500 { try leader.put("k\(number)", "newer \(number)", durability: .buffered) }
        for number in 500..<600 { try leader.delete("k\(number)", durability: .buffered) }
        #expect(pair.cluster.settle())
        var wanted: [String: String] = [:]
        for number in 0..<3000 where !(500..<600).contains(number) {
            wanted["k\(number)"] = (1000..<1500).contains(number) ? "newer \(number)" : "v \(number)"
        }
        let deepest = try #require(tables(pair.follower).max { $0.level < $1.level })
        #expect(deepest.level > 0)
        pair.cluster.cut(pair.leader, pair.follower)
        try damage(pair.follower, deepest.meta, at: deepest.meta.size / 3, in: pair.cluster)
        #expect(try read(pair.follower, wanted) > 0)
        pair.cluster.heal(pair.leader, pair.follower)
        #expect(pair.cluster.run(atMost: 30_000) { mended(pair.follower) == 1 })
        #expect(try read(pair.follower, wanted) == 0)
        #expect(try contents(pair.follower) == contents(pair.leader))
        #expect(pair.copies == 1)
        // The damaged file is gone, the store is whole, and goes on from there after a power loss.
        #expect(try tables(pair.follower).allSatisfy { $0.meta.number != deepest.meta.number })
        #expect(try #require(pair.follower.engine).verify().damaged.isEmpty)
        pair.cluster.crash(pair.follower, .loseUnsynced)
        try pair.cluster.start(pair.follower)
        #expect(try read(pair.follower, wanted) == 0)
        try fill(pair.leader, 3000..<3500)
        #expect(pair.cluster.settle())
        try pair.follower.engine?.compact()
        #expect(try contents(pair.follower) == contents(pair.leader))
        #expect(pair.copies == 1)
    }

    @Test("whatever table is damaged, wherever, while writes go on: the follower mends itself", arguments: 0..<12)
    func mendsAnything(round: UInt64) throws {
        let random = SeededRandom(seed: 300 + round)
        let pair = try Pair(seed: 300 + round)
        let leader = try #require(pair.leader.engine)
        func write(_ count: Int) throws {
            for _ in 0..<count {
                let key = "k\(random.below(2000))"
                switch random.below(20) {
                case 0: try leader.delete(key, durability: .buffered)
                case 1:
                    let batch = try leader.makeBatch()
                    try batch.deleteRange(from: key, to: key + "5")
                    try leader.write(batch, durability: .buffered)
                case 2: try leader.put(key, "short", ttl: .seconds(Int(3 + random.below(20))), durability: .buffered)
                default:
                    try leader.put(
                        key, String(repeating: "v", count: random.below(200)) + "\(random.next())",
                        durability: .buffered)
                }
            }
            pair.leader.touch()
        }
        try write(4000)
        #expect(pair.cluster.settle())
        for turn in 0..<4 {
            if random.chance(1, in: 2) { try pair.follower.engine?.compact() }
            try pair.follower.engine?.flush()
            let table = random.pick(try tables(pair.follower)).meta
            try damage(pair.follower, table, at: UInt64(random.below(Int(table.size))), in: pair.cluster)
            // Reading everything meets the damage, unless the byte is one that nobody needs.
            for _ in 0..<5 {
                try write(100)
                pair.cluster.run(milliseconds: random.within(50...700))
                _ = try? contents(pair.follower)
                if let engine = pair.follower.engine {
                    for number in 0..<2000 { _ = try? engine.contains("k\(number)") }
                }
            }
            let isMended = pair.cluster.run(atMost: 90_000) { pair.follower.engine?.damagedTables.isEmpty ?? false }
            try #require(isMended, "turn \(turn): \(pair.cluster.trace.suffix(20).joined(separator: "\n"))")
            try #require(pair.cluster.settle())
            let (here, there) = (try state(pair.follower), try state(pair.leader))
            try #require(here == there, "turn \(turn): \(Set(here).symmetricDifference(there).sorted().prefix(4))")
        }
        try pair.follower.engine?.compact()
        #expect(try state(pair.follower) == state(pair.leader))
        #expect(mended(pair.follower) > 0)
        #expect(pair.copies == 1)
    }

    @Test("a leader that is damaged too is asked again later, and nothing wrong is taken")
    func leaderDamagedToo() throws {
        let pair = try Pair(seed: 230)
        try fill(pair.leader, 0..<2000)
        #expect(pair.cluster.settle())
        for node in [pair.leader, pair.follower] { try node.engine?.compact() }
        for node in [pair.leader, pair.follower] {
            for table in try tables(node).map(\.meta) { try damage(node, table, at: table.size / 3, in: pair.cluster) }
        }
        pair.cluster.run(milliseconds: 10_000)
        #expect(throws: EngineError.self) { try contents(pair.follower) }
        pair.cluster.run(milliseconds: 10_000)
        #expect(mended(pair.follower) == 0)
        #expect(throws: EngineError.self) { try contents(pair.follower) }
        #expect(try !#require(pair.follower.engine).damagedTables.isEmpty)
    }

    @Test("a follower of some keyspaces is not sent keys of others")
    func noLeak() throws {
        let cluster = Cluster(seed: 231)
        let leader = cluster.add("us", following: nil)
        let follower = cluster.add("eu", following: 0) { $0.keyspaces = ["default"] }
        try cluster.start(leader)
        let secret = try #require(leader.engine).createKeyspace("secret")
        try leader.engine?.put("a", "SECRETSECRET", in: secret)
        try cluster.start(follower)
        #expect(cluster.settle())
        let replica = try #require(leader.replica)
        let shipper = try #require(replica.shippers.first)
        _ = replica.takeActions()
        replica.serve(7, DigestRange(keyspace: secret.id, lower: [], upper: nil), shipper)
        for action in replica.takeActions() {
            guard case .send(_, let bytes) = action else { continue }
            #expect(!String(decoding: bytes, as: UTF8.self).contains("SECRETSECRET"))
        }
        #expect(shipper.ranges == nil)
    }
}
