import ClusterSimulation
import GodwitSimulation
import Testing

@testable import GodwitEngine
@testable import GodwitReplication

@Suite("A primary and its followers")
struct StreamTests {
    @Test("a follower without data is copied to, then streams what is written")
    func followerIsCopiedToThenStreams() throws {
        let pair = try Pair(seed: 1, before: { leader in try fill(leader, 0..<100) })
        try fill(pair.leader, 50..<150)
        #expect(pair.cluster.settle())
        #expect(try contents(pair.follower) == contents(pair.leader))
        #expect(pair.follower.engine?.epochHistory == pair.leader.engine?.epochHistory)
        #expect(pair.follower.replica?.status.upstream?.fullSyncs == 1)
    }

    @Test("a follower that crashes anywhere goes on where its log ends")
    func followerCrashAnywhere() throws {
        for seed in 1...12 as ClosedRange<UInt64> {
            let pair = try Pair(seed: seed)
            for round in 0..<6 {
                try fill(pair.leader, 0..<80, "\(round)")
                pair.cluster.run(milliseconds: Int(seed) * 3)
                pair.cluster.crash(pair.follower)
                try fill(pair.leader, 40..<120, "after \(round)")
                try pair.cluster.start(pair.follower)
            }
            #expect(pair.cluster.settle(), "seed \(seed)")
            #expect(try contents(pair.follower) == contents(pair.leader), "seed \(seed)")
            #expect(pair.copies <= 1, "seed \(seed): a crash needs no copy")
        }
    }

    @Test("a link that is cut in the middle of a batch goes on with it: a thousand cuts, one full copy")
    func reconnectMidBatch() throws {
        func quick(_ options: inout ReplicaOptions) { (options.minimumBackoff, options.maximumBackoff) = (1, 4) }
        let pair = try Pair(seed: 3, quick, before: { leader in try fill(leader, 0..<10) })
        for cut in 0..<1000 {
            try pair.leader.engine?.put(
                "k\(cut % 50)", String(repeating: "v", count: cut % 3000), durability: .buffered)
            pair.leader.touch()
            pair.cluster.run(milliseconds: 2)
            guard let link = pair.follower.replica?.links.first else { continue }
            pair.cluster.breakConnection(of: pair.follower, link.id)
        }
        #expect(pair.cluster.settle())
        #expect(try contents(pair.follower) == contents(pair.leader))
        #expect(pair.copies == 1)
    }

    @Test("damage, doubling, loss and reordering on a link end it, and nothing wrong gets in")
    func linkCorruptionDuplicationReordering() throws {
        let pair = try Pair(seed: 4)
        pair.cluster.faultRate = 8
        for round in 0..<200 {
            try fill(pair.leader, 0..<10, "\(round)")
            pair.cluster.run(milliseconds: 50)
        }
        pair.cluster.faultRate = 0
        #expect(pair.cluster.settle())
        #expect(try contents(pair.follower) == contents(pair.leader))
        #expect((pair.follower.replica?.status.upstream?.reconnects ?? 0) > 5)
        #expect(pair.copies == 1)
    }

    @Test("a peer that speaks another version of the protocol is refused before anything is read of it, and counted")
    func otherVersionRefused() throws {
        let pair = try Pair(seed: 5)
        let replica = try #require(pair.leader.replica)
        let link = LinkID(.max)
        replica.accepted(link, peer: nil, now: pair.leader.now)
        var hello = FrameEncoder().encode(.tailRequest, epoch: .none)
        hello[6] = UInt8(ReplicationFormat.version + 1)
        replica.received(link, hello, now: pair.leader.now)
        #expect(replica.status.refusals["version"] == 1 && replica.status.errors["wire"] == nil)
        #expect(pair.cluster.settle())
    }

    @Test("a silent link is noticed within three heartbeats, and both sides show that lag grows, closed or not")
    func silentLinkDetected() throws {
        let pair = try Pair(seed: 5)
        pair.cluster.run(milliseconds: 1500)
        #expect((pair.follower.replica?.status.lag.milliseconds ?? .max) < 1200)
        #expect(pair.follower.replica?.status.lag.records == 0)
        try fill(pair.leader, 0..<10)
        #expect(pair.cluster.settle())
        pair.cluster.cut(pair.leader, pair.follower)
        try fill(pair.leader, 0..<10)
        var last = (here: 0 as UInt64, there: 0 as UInt64)
        for _ in 0..<8 {
            pair.cluster.run(milliseconds: 500)
            let lag = try #require(pair.follower.replica?.status.lag.milliseconds)
            let behind = try #require(pair.leader.replica?.status.lag)
            #expect(lag >= last.there && lag > 0)
            #expect(behind.milliseconds >= last.here && behind.records > 0 && behind.bytes > 0)
            last = (behind.milliseconds, lag)
        }
        #expect(last.here > 2500)
        #expect(pair.follower.replica?.status.lag.records == 1)
        #expect(pair.follower.replica?.status.upstream?.isConnected == false)
        let link = try #require(pair.leader.replica?.status.followers.first)
        #expect(!link.isConnected && link.region == "eu" && link.fullSyncs == 1)
        #expect(link.bytes > 0 && link.lag == pair.leader.replica?.status.lag)
        pair.cluster.heal(pair.leader, pair.follower)
        #expect(pair.cluster.settle())
        pair.cluster.run(milliseconds: 100)
        #expect(pair.leader.replica?.status.followers.map(\.isConnected) == [true])
        #expect(pair.leader.replica?.status.lag.records == 0)
    }

    @Test("a follower of a follower is not shown as one that is gone")
    func followerOfAFollowerIsThere() throws {
        let cluster = Cluster(seed: 22)
        for leader in [nil, 0, 1] { try cluster.start(cluster.add("r\(cluster.nodes.count)", following: leader)) }
        #expect(cluster.settle())
        cluster.run(milliseconds: 2000)
        #expect(cluster.nodes[0].replica?.status.slots.count == 2)
        #expect(cluster.nodes[0].replica?.status.followers.map(\.region) == ["r1"])
    }

    @Test("after a restart in order a primary shows what a follower lacks before it writes again, in time and bytes")
    func lagAfterRestart() throws {
        let pair = try Pair(seed: 23)
        try fill(pair.leader, 0..<50)
        #expect(pair.cluster.settle())
        pair.cluster.run(milliseconds: 1500)
        pair.cluster.cut(pair.leader, pair.follower)
        try fill(pair.leader, 50..<80)
        let end = pair.leader.engine?.historyPoint
        try pair.cluster.stop(pair.leader)
        try pair.cluster.start(pair.leader)
        #expect(pair.cluster.run(atMost: 10_000) { pair.leader.replica?.isOpenPrimary ?? false })
        #expect(pair.leader.engine?.historyPoint == end)
        let status = try #require(pair.leader.replica?.status)
        #expect(status.lag.records >= 30 && status.lag.bytes > 0 && status.lag.milliseconds > 1000, "\(status.lag)")
        #expect(status.slots.allSatisfy { $0.bytes > 0 })
        pair.cluster.run(milliseconds: 2500)
        #expect(try #require(pair.leader.replica?.status).lag.milliseconds > status.lag.milliseconds + 1000)
        pair.cluster.heal(pair.leader, pair.follower)
        #expect(pair.cluster.settle())
        pair.cluster.run(milliseconds: 100)
        #expect(pair.leader.replica?.status.lag.bytes == 0)
    }

    @Test("a stream that ends before it brings anything is no success: the pauses between attempts grow all the same")
    func pausesGrow() throws {
        let pair = try Pair(seed: 24)
        let end = pair.cluster.time + 6_000_000_000
        while pair.cluster.time < end {
            pair.cluster.run(atMost: 6000) { pair.follower.replica?.status.stage == "streaming" }
            guard let link = pair.follower.replica?.links.first else { continue }
            pair.cluster.breakConnection(of: pair.follower, link.id)
        }
        let reconnects = try #require(pair.follower.replica?.status.upstream?.reconnects)
        #expect(reconnects > 2 && reconnects < 12, "\(reconnects) in 6 s")
        // One that lasts is a success.
        pair.cluster.run(milliseconds: 20_000)
        guard case .follower(let session) = pair.follower.replica?.role else { throw Violation(description: "no role") }
        #expect(session.failures == 0)
    }

    @Test("a verification of nobody, or of a follower that is still copied to, is none")
    func nothingCompared() throws {
        let cluster = Cluster(seed: 25)
        let leader = cluster.add("us", following: nil)
        let follower = cluster.add("eu", following: 0)
        try cluster.start(leader)
        let random = SeededRandom(seed: 25)
        for number in 0..<400 {
            try leader.engine?.put("k\(number)", random.bytes(3000), durability: .buffered)
        }
        try leader.engine?.flush()
        func verify() throws -> NodeVerification {
            _ = try leader.replica?.verify(now: leader.now)
            leader.touch()
            try #require(cluster.run(atMost: 30_000) { !cluster.verifications.isEmpty })
            let outcome = cluster.verifications.popLast()
            return try #require(outcome)
        }
        let alone = try verify()
        #expect(alone.nodes.isEmpty && alone.outcome == .notCompared && !alone.isEqual)
        try cluster.start(follower)
        #expect(cluster.run(atMost: 20_000) { follower.replica?.status.stage == "bootstrapping" })
        let copying = try verify()
        #expect(copying.nodes.map(\.region) == ["eu"] && copying.outcome == .notCompared)
        #expect(copying.nodes[0].failure != nil)
        #expect(cluster.settle())
        #expect(try verify().isEqual)
    }

    @Test("a full copy that is killed on the way goes on with what it has")
    func bootstrapKilledOnTheWay() throws {
        for percent in [30, 60, 90] as [UInt64] {
            let cluster = Cluster(seed: percent)
            let leader = cluster.add("us", following: nil)
            let follower = cluster.add("eu", following: 0)
            try cluster.start(leader)
            try fill(leader, 0..<800, String(repeating: "abcdefgh", count: 400))
            try leader.engine?.flush()
            try cluster.start(follower)
            let isThere = cluster.run(atMost: 20_000) {
                guard let copy = follower.replica?.status.copies.first, copy.bytes > 0 else { return false }
                return copy.done * 100 >= copy.bytes * percent
            }
            #expect(isThere, "\(percent) %")
            cluster.crash(follower, .keepEverything)
            try cluster.start(follower)
            #expect(cluster.settle(), "\(percent) %")
            #expect(try contents(follower) == contents(leader))
        }
    }

    @Test("a full copy that goes on needs room for what it lacks, not for all of it")
    func roomForTheRest() throws {
        let cluster = Cluster(seed: 26)
        let leader = cluster.add("us", following: nil)
        let follower = cluster.add("eu", following: 0)
        try cluster.start(leader)
        let random = SeededRandom(seed: 26)
        for number in 0..<1600 {
            try leader.engine?.put("k\(number)", random.bytes(3000), durability: .buffered)
        }
        try leader.engine?.flush()
        try cluster.start(follower)
        let isThere = cluster.run(atMost: 60_000) {
            guard let copy = follower.replica?.status.copies.first, copy.bytes > 0 else { return false }
            return copy.done * 100 >= copy.bytes * 70
        }
        #expect(isThere)
        let copy = try #require(follower.replica?.status.copies.first)
        cluster.crash(follower, .keepEverything)
        let room = copy.bytes - copy.done + (1 << 20)
        try #require(room < copy.bytes)
        follower.disk.capacity = follower.disk.usedSpace + room
        try cluster.start(follower)
        #expect(cluster.settle(), "\(cluster.trace.suffix(10).joined(separator: "\n"))")
        #expect(try contents(follower) == contents(leader))
    }

    @Test("a follower behind the log's cap loses its slot, the primary keeps its disk, and a full copy mends it")
    func slowFollowerHitsRetentionCap() throws {
        let pair = try Pair(seed: 6)
        pair.cluster.crash(pair.follower)
        for round in 0..<60 {
            try fill(pair.leader, 0..<40, String(repeating: "x", count: 2000) + "\(round)")
            try pair.leader.engine?.flush()
            pair.cluster.run(milliseconds: 50)
        }
        pair.cluster.run(milliseconds: 3000)
        #expect(pair.leader.events.contains { if case .slotLost = $0 { true } else { false } })
        let log = try #require(pair.leader.engine).metrics.logBytes
        #expect(log < 4 << 20, "\(log) bytes of log are kept")
        try pair.cluster.start(pair.follower)
        #expect(pair.cluster.settle())
        #expect(try contents(pair.follower) == contents(pair.leader))
        #expect(pair.copies == 2)
    }

    @Test("a follower that restarts between the chunks of an ingest and its commit needs no full copy")
    func restartWithinAnIngest() throws {
        for seed in 70...79 as ClosedRange<UInt64> {
            let pair = try Pair(seed: seed)
            let random = SeededRandom(seed: seed)
            let engine = try #require(pair.leader.engine)
            try engine.ingest { writer throws(EngineError) in
                for index in 0..<60 { try writer.add("i\(100 + index)", random.bytes(10_000)) }
            }
            pair.leader.touch()
            // Chunk by chunk they come; the commit is the last record.
            let before = engine.position.sequence - 1
            let isAmong = pair.cluster.run(atMost: 10_000) {
                let sequence = pair.follower.engine?.position.sequence ?? 0
                return sequence > before / 2 && sequence <= before
            }
            if isAmong {
                if seed % 2 == 0 { pair.cluster.crash(pair.follower) } else { try pair.cluster.stop(pair.follower) }
                try pair.cluster.start(pair.follower)
            }
            #expect(pair.cluster.settle(), "seed \(seed)")
            #expect(try contents(pair.follower) == contents(pair.leader), "seed \(seed)")
            #expect(pair.copies == 1, "seed \(seed)")
        }
    }

    @Test("a follower whose writers are held back goes on with heartbeats, and with the stream once they are not")
    func heldBackFollower() throws {
        let pair = try Pair(seed: 80)
        let follower = try #require(pair.follower.engine)
        func write(_ round: Int) throws {
            try fill(pair.leader, 0..<40, String(repeating: "x", count: 500) + "\(round)")
        }
        pair.follower.isBackgroundHeld = true
        for round in 0..<60 where !follower.holdsWriters {
            try write(round)
            pair.cluster.run(milliseconds: 100)
        }
        try #require(follower.holdsWriters)
        let (steps, end) = (pair.follower.backgroundSteps, follower.historyPoint)
        for round in 60..<80 {
            try write(round)
            pair.cluster.run(milliseconds: 500)
        }
        // Nobody waited, so nothing was done in the background for whoever would have.
        #expect(pair.follower.backgroundSteps == steps)
        #expect(follower.historyPoint == end)
        #expect(pair.leader.replica?.status.followers.first?.stage == "streaming")
        let upstream = try #require(pair.follower.replica?.status.upstream)
        #expect(upstream.isConnected && upstream.reconnects == 0)
        pair.follower.isBackgroundHeld = false
        #expect(pair.cluster.settle())
        #expect(try contents(pair.follower) == contents(pair.leader))
        #expect(pair.follower.replica?.status.upstream?.reconnects == 0)
        #expect(pair.copies == 1)
    }

    @Test("a copy that its follower turns out not to need makes room for others")
    func copyThatIsNotNeeded() throws {
        let pair = try Pair(seed: 15)
        let replica = try #require(pair.leader.replica)
        let engine = try #require(pair.leader.engine)
        let shipper = try #require(replica.shippers.first)
        let hello = try #require(shipper.hello)
        replica.copies.serve(shipper, hello, engine)
        #expect(replica.status.copies.count == 1)
        pair.leader.touch()
        #expect(pair.cluster.run(atMost: 2000) { replica.status.copies.isEmpty })
    }

    @Test(
        "sixteen followers that come at once are copied to each once, and no more of them at a time than may be",
        arguments: [1, 3])
    func sixteenFollowersAtOnce(allowed: Int) throws {
        let cluster = Cluster(seed: 16)
        let leader = cluster.add("us", following: nil) { $0.fullCopies = allowed }
        let followers = (0..<16).map { cluster.add("r\($0)", following: 0) }
        try cluster.start(leader)
        try fill(leader, 0..<200)
        for follower in followers { try cluster.start(follower) }
        var most = (made: 0, received: 0)
        let isSettled = cluster.run(atMost: 120_000) {
            most.made = max(most.made, leader.replica?.status.copies.count ?? 0)
            most.received = max(most.received, followers.count { $0.replica?.status.stage == "bootstrapping" })
            return cluster.isSettled
        }
        #expect(isSettled)
        #expect(most.made == allowed && most.received <= allowed, "\(most)")
        for follower in followers {
            #expect(follower.replica?.status.upstream?.fullSyncs == 1)
            cluster.breakConnection(of: follower, try #require(follower.replica?.links.first).id)
        }
        try fill(leader, 0..<200, "again")
        #expect(cluster.settle())
        for follower in followers { #expect(follower.replica?.status.upstream?.fullSyncs == 1) }
    }

    @Test("a follower of a follower has the same history, and counts for levels once")
    func followerOfAFollower() throws {
        let cluster = Cluster(seed: 17)
        let leader = cluster.add("us", following: nil)
        let middle = cluster.add("eu", following: 0)
        let last = cluster.add("ap", following: 1)
        for node in [leader, middle, last] { try cluster.start(node) }
        try fill(leader, 0..<100)
        #expect(cluster.settle())
        #expect(try contents(last) == contents(leader))
        let position = try #require(leader.engine).put("x", "y", durability: .buffered)
        leader.replica?.await(.durable(2), at: position, of: [], id: 1, until: .max, now: leader.now)
        leader.touch()
        #expect(cluster.run(atMost: 10_000) { !cluster.levels.isEmpty })
        #expect(
            cluster.levels.first?.outcome
                == .reached(heldBy: ["us", "ap", "eu"].sorted { $0 == "us" || $1 != "us" && order(leader, $0, $1) }))
    }

    /// The order of the nodes' ids, by which regions are listed.
    private func order(_ leader: SimulatedNode, _ left: String, _ right: String) -> Bool {
        let slots = leader.replica?.core.slots.all.map(\.region) ?? []
        return (slots.firstIndex(of: left) ?? 0) < (slots.firstIndex(of: right) ?? 0)
    }

    @Test("a follower of some keyspaces gets no byte of the others, verifies all the same, and is never promoted")
    func partialFollowerNeverPromotedNorLeaks() throws {
        let cluster = Cluster(seed: 18)
        let leader = cluster.add("us", following: nil)
        let partial = cluster.add("eu", following: 0) { $0.keyspaces = ["public"] }
        try cluster.start(leader)
        let engine = try #require(leader.engine)
        let (open, secret) = (try engine.createKeyspace("public"), try engine.createKeyspace("secret"))
        func write(_ round: String) throws {
            for number in 0..<50 {
                try engine.put("k\(number)", "SECRET\(round)", in: secret, durability: .buffered)
                try engine.put("k\(number)", "shown \(round)", in: open, durability: .buffered)
                let batch = try engine.makeBatch()
                try batch.put("both\(number)", "SECRET", in: secret)
                try batch.put("both\(number)", "shown", in: open)
                try engine.write(batch, durability: .buffered)
            }
        }
        try write("first")
        try engine.flush()
        try cluster.start(partial)
        #expect(cluster.settle())
        try write("second")
        try engine.ingest(into: secret) { writer throws(EngineError) in try writer.add("ingested", "SECRET") }
        try engine.ingest(into: open) { writer throws(EngineError) in try writer.add("ingested", "shown") }
        leader.touch()
        #expect(cluster.settle())
        let copy = try #require(partial.engine?.keyspace("public"))
        #expect(try partial.engine?.get("k7", in: copy) == Array("shown second".utf8))
        #expect(try contents(partial).allSatisfy { !$0.contains("SECRET") })
        #expect(try !partial.holds(Array("SECRET".utf8)), "the secret is on the disk of the partial follower")
        #expect(throws: ReplicationError.self) { try partial.replica?.promote(allowDataLoss: true, now: partial.now) }
        _ = try leader.replica?.verify(now: leader.now)
        leader.touch()
        #expect(cluster.run(atMost: 10_000) { !cluster.verifications.isEmpty })
        let result = try #require(cluster.verifications.first?.nodes.first)
        #expect(result.isEqual && result.skipped == ["default", "secret"] && result.entries == 101)
    }

    @Test("a deadline stays what it was on the primary")
    func deadlinesAreAbsolute() throws {
        let pair = try Pair(seed: 19)
        try pair.leader.engine?.put("short", "1", ttl: .seconds(5), durability: .buffered)
        pair.leader.touch()
        #expect(pair.cluster.settle())
        func deadline(_ node: SimulatedNode) throws -> UInt64? {
            var found: UInt64?
            let engine = try #require(node.engine)
            try engine.scan(.all, in: engine.defaultKeyspace, at: engine.snapshot(), cut: 0) { _, _, deadline in
                found = deadline
                return false
            }
            return found
        }
        #expect(try deadline(pair.follower) == deadline(pair.leader))
        #expect(try deadline(pair.follower) != nil)
        pair.cluster.run(milliseconds: 10_000)
        #expect(try pair.follower.engine?.contains("short") == false)
    }

    @Test("a follower that passes the stream on compares itself with those that follow it")
    func verificationBehindARelay() throws {
        let cluster = Cluster(seed: 21)
        let primary = cluster.add("us", following: nil)
        let relay = cluster.add("eu", following: 0)
        let behind = cluster.add("ap", following: 1)
        for node in cluster.nodes { try cluster.start(node) }
        #expect(cluster.settle())
        try fill(primary, 0..<3000)
        #expect(cluster.run(atMost: 10_000) { (try? relay.engine?.contains("k2000")) ?? false })
        func verify() throws -> NodeVerification {
            _ = try relay.replica?.verify(now: relay.now)
            relay.touch()
            try #require(cluster.run(atMost: 30_000) { !cluster.verifications.isEmpty })
            let outcome = cluster.verifications.popLast()
            return try #require(outcome)
        }
        // While the stream goes on, and when nothing is under way any more.
        for isSettled in [false, true] {
            if isSettled { #expect(cluster.settle()) }
            let equal = try verify()
            #expect(equal.isEqual, "\(equal)")
            #expect(equal.nodes.map(\.region) == ["ap"])
        }
        try #require(behind.engine).damage(put: "k500", "other", delete: "k77", add: "surplus")
        #expect(try verify().nodes[0].differences.count == 3)
        #expect { try behind.replica?.verify(now: behind.now) } throws: {
            ($0 as? ReplicationError)?.code == .wrongRole
        }
    }

    @Test("a verification lists exactly the keys that differ")
    func verificationFindsDifferences() throws {
        let pair = try Pair(seed: 20, before: { leader in try fill(leader, 0..<10_000) })
        try fill(pair.leader, 0..<100)
        #expect(pair.cluster.settle())
        // Behind the replica's back: another value, a missing key, one too many.
        let engine = try #require(pair.follower.engine)
        try engine.damage(put: "k5000", "other", delete: "k77", add: "surplus")
        _ = try pair.leader.replica?.verify(now: pair.leader.now)
        pair.leader.touch()
        #expect(pair.cluster.run(atMost: 20_000) { !pair.cluster.verifications.isEmpty })
        let node = try #require(pair.cluster.verifications.first?.nodes.first)
        let found = node.differences.map { "\(String(decoding: $0.key, as: UTF8.self)) \($0.heldBy)" }
        #expect(found.sorted() == ["k5000 both", "k77 leader", "surplus follower"], "\(node)")
    }
}
