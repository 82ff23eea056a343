import ClusterSimulation
import GodwitSimulation
import Testing

@testable import GodwitEngine
@testable import GodwitReplication

/// Which keyspaces go to whom, while they are made and changed.
@Suite("Keyspaces and who takes them")
struct KeyspaceTests {
    /// A primary, and a follower whose full copy was asked for and is not cut yet.
    private func awaitingCopy(
        seed: UInt64, _ change: (inout ReplicaOptions) -> Void = { _ in }
    ) throws -> (Cluster, leader: SimulatedNode, follower: SimulatedNode)? {
        let cluster = Cluster(seed: seed)
        let leader = cluster.add("us", following: nil)
        let follower = cluster.add("eu", following: 0, change)
        try cluster.start(leader)
        try fill(leader, 0..<20)
        try cluster.start(follower)
        let isAsked = cluster.run(atMost: 5000) { leader.replica?.shippers.first?.isAwaitingCopy ?? false }
        guard isAsked, leader.replica?.status.copies.first?.bytes == 0 else { return nil }
        return (cluster, leader, follower)
    }

    @Test("a keyspace that is made between the request for a copy and its cut is in the copy")
    func madeBeforeTheCut() throws {
        var rounds = 0
        for seed in 400..<420 as Range<UInt64> {
            guard
                let (cluster, leader, follower) = try awaitingCopy(
                    seed: seed, { $0.keyspaces = ["default", "late"] })
            else { continue }
            rounds += 1
            let engine = try #require(leader.engine)
            let late = try engine.createKeyspace("late")
            for number in 0..<20 { try engine.put("k\(number)", "late", in: late, durability: .buffered) }
            leader.touch()
            #expect(cluster.settle(), "seed \(seed)")
            #expect(try contents(follower) == contents(leader), "seed \(seed)")
        }
        #expect(rounds > 0)
    }

    @Test("a keyspace of other regions that is made between the request for a copy and its cut stays there")
    func restrictedBeforeTheCut() throws {
        var rounds = 0
        for seed in 420..<440 as Range<UInt64> {
            guard let (cluster, leader, follower) = try awaitingCopy(seed: seed) else { continue }
            rounds += 1
            let engine = try #require(leader.engine)
            let home = try engine.createKeyspace("home", settings: KeyspaceSettings(regions: [RegionID.of("us")]))
            for number in 0..<20 { try engine.put("k\(number)", "SECRET", in: home, durability: .buffered) }
            leader.touch()
            #expect(cluster.settle(), "seed \(seed)")
            #expect(try contents(follower).count == 20, "seed \(seed)")
            #expect(try !follower.holds(Array("SECRET".utf8)), "seed \(seed)")
        }
        #expect(rounds > 0)
    }

    /// A primary in `us`, and a follower in `eu`, with a keyspace that holds some keys.
    private func pair(seed: UInt64, regions: [String], value: String) throws -> (Pair, Keyspace) {
        let pair = try Pair(seed: seed, before: { leader in try fill(leader, 0..<20) })
        let engine = try #require(pair.leader.engine)
        let home = try engine.createKeyspace(
            "home", settings: KeyspaceSettings(regions: regions.map(RegionID.of).sorted()))
        try write(pair.leader, 0..<20, value, in: home)
        #expect(pair.cluster.settle())
        return (pair, home)
    }

    private func write(_ node: SimulatedNode, _ numbers: Range<Int>, _ value: String, in keyspace: Keyspace) throws {
        let engine = try #require(node.engine)
        for number in numbers { try engine.put("h\(number)", value, in: keyspace, durability: .buffered) }
        node.touch()
    }

    private func keep(_ keyspace: Keyspace, to regions: [String], on node: SimulatedNode) throws {
        var settings = keyspace.settings
        settings.regions = regions.map(RegionID.of).sorted()
        try #require(node.engine).alterKeyspace(keyspace, settings: settings)
        node.touch()
    }

    @Test("of a keyspace that is kept to other regions nothing goes out any more, and nothing of it stays")
    func restrictedLater() throws {
        for seed in 440..<446 as Range<UInt64> {
            let (pair, home) = try pair(seed: seed, regions: [], value: "OLDSECRET")
            #expect(try contents(pair.follower).contains("home/h3=OLDSECRET"))
            try keep(home, to: ["us"], on: pair.leader)
            try write(pair.leader, 0..<20, "NEWSECRET", in: home)
            try fill(pair.leader, 20..<40)
            #expect(pair.cluster.settle(), "seed \(seed)")
            #expect(try contents(pair.follower).count == 40, "seed \(seed)")
            #expect(try !pair.follower.holds(Array("SECRET".utf8)), "seed \(seed)")
        }
    }

    @Test("what was written before a keyspace was kept to other regions does not go out afterwards")
    func restrictedWhileAway() throws {
        let (pair, home) = try pair(seed: 450, regions: [], value: "shown")
        pair.cluster.cut(pair.leader, pair.follower)
        try write(pair.leader, 0..<20, "SECRET", in: home)
        try keep(home, to: ["us"], on: pair.leader)
        pair.cluster.heal(pair.leader, pair.follower)
        #expect(pair.cluster.settle())
        #expect(try !pair.follower.holds(Array("SECRET".utf8)))
        #expect(try contents(pair.follower).count == 20)
    }

    @Test("who is past by a copy what it was not to have goes on, though the end of the copy was not heard")
    func copyDoneIsLost() throws {
        let (pair, home) = try pair(seed: 452, regions: [], value: "shown")
        pair.cluster.cut(pair.leader, pair.follower)
        try write(pair.leader, 0..<20, "SECRET", in: home)
        try keep(home, to: ["us"], on: pair.leader)
        pair.cluster.heal(pair.leader, pair.follower)
        #expect(pair.cluster.run(atMost: 30_000) { pair.copies == 2 })
        // What it says of that is still on its way.
        pair.cluster.cut(pair.leader, pair.follower)
        pair.cluster.run(milliseconds: 10_000)
        pair.cluster.heal(pair.leader, pair.follower)
        #expect(pair.cluster.settle())
        #expect(pair.copies == 2)
        #expect(pair.leader.replica?.core.owesCopy.isEmpty == true)
        #expect(try !pair.follower.holds(Array("SECRET".utf8)))
    }

    @Test(
        "a drop costs a follower that was away while its leader restarted no copy, unless it is not to have what was there",
        arguments: [false, true])
    func droppedWhileAway(isKept: Bool) throws {
        let (pair, home) = try pair(seed: 454, regions: [], value: "shown")
        pair.cluster.cut(pair.leader, pair.follower)
        try write(pair.leader, 0..<20, "SECRET", in: home)
        if isKept { try keep(home, to: ["us"], on: pair.leader) }
        try pair.leader.engine?.dropKeyspace(home)
        pair.leader.touch()
        for _ in 0..<2 {
            try pair.cluster.stop(pair.leader)
            try pair.cluster.start(pair.leader)
        }
        try #require(pair.cluster.run(atMost: 20_000) { pair.leader.replica?.isOpenPrimary == true })
        try fill(pair.leader, 20..<40)
        pair.cluster.heal(pair.leader, pair.follower)
        #expect(pair.cluster.settle())
        #expect(pair.copies == (isKept ? 2 : 1))
        #expect(try contents(pair.follower) == contents(pair.leader))
        if isKept { #expect(try !pair.follower.holds(Array("SECRET".utf8))) }
    }

    @Test("where a follower takes all there ever was, records go out without a look into each")
    func lookedIntoWhereNeeded() throws {
        let pair = try Pair(seed: 455)
        let engine = try #require(pair.leader.engine)
        let start = engine.historyPoint
        try fill(pair.leader, 0..<3)
        var records = try #require(
            try RecordFeed(engine, after: start, nil).next(maxBytes: 1 << 20) { records, _ in records.array })
        // No sections: whoever looks into it finds that it is no record.
        records[BatchFormat.sectionCountOffset] = 0
        func isCut(lacks: [KeyspaceID] = []) throws -> Bool {
            let filter = KeyspaceFilter(KeyspaceSelection(nil, region: "eu"), lacks: lacks, engine)
            return try records.withView { (view) throws(EngineError) in
                try filter.apply(to: view, after: start, into: ByteWriter())
            }
        }
        #expect(try !isCut())
        #expect(throws: EngineError.self) { try isCut(lacks: [7]) }
        let home = try engine.createKeyspace("home", settings: KeyspaceSettings(regions: [RegionID.of("us")]))
        #expect(throws: EngineError.self) { try isCut() }
        // It stays in the log.
        try engine.dropKeyspace(home)
        #expect(throws: EngineError.self) { try isCut() }
    }

    @Test("of a tail, a primary elsewhere gets only what its region may have; every batch has its class")
    func tailOfOtherRegions() throws {
        let pair = try Pair(seed: 453, before: { leader in try fill(leader, 0..<20) })
        let engine = try #require(pair.leader.engine)
        let home = try engine.createKeyspace("home", settings: KeyspaceSettings(regions: [RegionID.of("us")]))
        let later = try engine.createKeyspace("later")
        #expect(pair.cluster.settle())
        pair.cluster.run(milliseconds: 1500)
        pair.cluster.cut(pair.leader, pair.follower)
        func writeBoth(_ key: String) throws {
            let batch = try engine.makeBatch()
            try batch.put(key, "2")
            try batch.put(key, "SECRET", in: home)
            try engine.write(batch, durability: .buffered)
        }
        try engine.put("free", "1", durability: .buffered)
        try writeBoth("both")
        try engine.put("h", "SECRET", in: home, durability: .buffered)
        try engine.put("l", "SECRET", in: later, durability: .buffered)
        try keep(later, to: ["us"], on: pair.leader)
        try engine.ingest(into: home) { writer throws(EngineError) in try writer.add("i", "SECRET") }
        try pair.follower.replica?.promote(allowDataLoss: false, now: pair.follower.now)
        pair.cluster.run(milliseconds: 50)
        pair.cluster.heal(pair.leader, pair.follower)
        try pair.leader.replica?.rejoin(leader: pair.follower.address, now: pair.leader.now)
        pair.leader.touch()
        let isDone = pair.cluster.run(atMost: 60_000) {
            pair.cluster.isSettled && pair.leader.replica?.status.recovery.isEmpty == false
        }
        #expect(isDone)
        let report = try #require(pair.leader.replica?.status.recovery.last)
        #expect(
            report.rows.map { "\($0.outcome)\($0.replayed ? " replayed" : "")" }
                == ["recovered replayed", "conflicting", "conflicting", "conflicting", "conflicting", "conflicting"])
        #expect(try pair.follower.engine?.contains("free") == true)
        #expect(try !pair.follower.holds(Array("SECRET".utf8)))
        #expect(try pair.leader.holds(Array("SECRET".utf8), in: "/store/replication/tails"))
    }

    @Test("a copy that is on its way is given up when a keyspace in it is kept to other regions")
    func restrictedWhileCopying() throws {
        let cluster = Cluster(seed: 451)
        let leader = cluster.add("us", following: nil)
        let follower = cluster.add("eu", following: 0)
        try cluster.start(leader)
        let engine = try #require(leader.engine)
        let home = try engine.createKeyspace("home")
        let random = SeededRandom(seed: 451)
        for number in 0..<200 { try engine.put("k\(number)", random.bytes(10_000), durability: .buffered) }
        for number in 0..<200 { try engine.put("h\(number)", random.bytes(10_000), in: home, durability: .buffered) }
        try engine.put("z", "SECRET", in: home, durability: .buffered)
        try engine.flush()
        try cluster.start(follower)
        let isUnderWay = cluster.run(atMost: 20_000) { (follower.replica?.status.copies.first?.done ?? 0) > 100_000 }
        #expect(isUnderWay)
        try keep(home, to: ["us"], on: leader)
        #expect(cluster.settle())
        #expect(try contents(follower).count == 200)
        #expect(try !follower.holds(Array("SECRET".utf8)))
    }

    @Test("a keyspace that is given free later is complete everywhere, also after a crash on the way")
    func widenedLater() throws {
        for seed in 460..<470 as Range<UInt64> {
            let (pair, home) = try pair(seed: seed, regions: ["us"], value: "v")
            #expect(try contents(pair.follower).count == 20)
            try keep(home, to: ["us", "eu"], on: pair.leader)
            try write(pair.leader, 10..<30, "w", in: home)
            pair.cluster.run(milliseconds: Int(seed - 460) * 5)
            pair.cluster.crash(pair.follower)
            try pair.cluster.start(pair.follower)
            #expect(pair.cluster.settle(), "seed \(seed)")
            #expect(try contents(pair.follower) == contents(pair.leader), "seed \(seed)")
            #expect(try contents(pair.follower).count == 50, "seed \(seed)")
        }
    }

    @Test("a change that does not concern a follower costs it no copy")
    func alteredOtherwise() throws {
        let (pair, home) = try pair(seed: 471, regions: ["us", "eu"], value: "v")
        try keep(home, to: ["ap", "eu", "us"], on: pair.leader)
        let engine = try #require(pair.leader.engine)
        try engine.alterKeyspace(engine.defaultKeyspace, settings: KeyspaceSettings(defaultTTL: 1 << 40))
        try write(pair.leader, 0..<30, "w", in: home)
        #expect(pair.cluster.settle())
        #expect(try contents(pair.follower) == contents(pair.leader))
        #expect(pair.copies == 1)
    }

    @Test("a level is reached only by nodes that may hold what was written")
    func levels() throws {
        let (pair, home) = try pair(seed: 472, regions: ["us"], value: "v")
        let engine = try #require(pair.leader.engine)
        let replica = try #require(pair.leader.replica)
        func outcome(_ keyspaces: [Keyspace]) throws -> LevelOutcome {
            let batch = try engine.makeBatch()
            for keyspace in keyspaces { try batch.put("x", "y", in: keyspace) }
            let written = engine.keyspaces(of: batch).map { WrittenKeyspace($0) }
            let position = try engine.write(batch, durability: .buffered)
            replica.await(
                .durable(1), at: position, of: written, id: 1, until: pair.leader.now + 5_000_000_000,
                now: pair.leader.now)
            pair.leader.touch()
            try #require(pair.cluster.run(atMost: 10_000) { !pair.cluster.levels.isEmpty })
            let outcome = pair.cluster.levels.popLast()?.outcome
            return try #require(outcome)
        }
        #expect(try outcome([engine.defaultKeyspace]) == .reached(heldBy: ["us", "eu"]))
        let mixed = try outcome([engine.defaultKeyspace, home])
        #expect(mixed == .unconfirmed(position: engine.position, heldBy: ["us"]))
    }

    @Test("who takes a keyspace that its leader, a follower, does not is refused, also once that comes up")
    func behindARelay() throws {
        let cluster = Cluster(seed: 473)
        let leader = cluster.add("us", following: nil)
        let relay = cluster.add("eu", following: 0)
        let last = cluster.add("ap", following: 1)
        for node in [leader, relay, last] { try cluster.start(node) }
        try fill(leader, 0..<20)
        #expect(cluster.settle())
        let engine = try #require(leader.engine)
        let home = try engine.createKeyspace(
            "home", settings: KeyspaceSettings(regions: ["us", "ap"].map(RegionID.of).sorted()))
        try write(leader, 0..<20, "v", in: home)
        #expect(cluster.run(atMost: 20_000) { (relay.replica?.status.refusals[Refusal.partial.name] ?? 0) > 0 })
        try last.replica?.rejoin(leader: leader.address, now: last.now)
        last.touch()
        #expect(cluster.settle())
        #expect(try contents(last) == contents(leader))
    }
}
