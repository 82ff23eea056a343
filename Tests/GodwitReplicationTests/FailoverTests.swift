import ClusterSimulation
import GodwitSimulation
import Testing

@testable import GodwitEngine
@testable import GodwitReplication

@Suite("Promotion, rejoin and switchover")
struct FailoverTests {
    /// The primary goes on alone with some writes, then the follower is promoted.
    private func failover(
        _ pair: Pair, afterHeartbeat: Bool = true, alone: (Engine) throws -> Void,
        after: (Engine) throws -> Void = { _ in }
    ) throws {
        // A heartbeat tells the follower of the other nodes, for which it then keeps its log.
        if afterHeartbeat { pair.cluster.run(milliseconds: 1500) }
        pair.cluster.cut(pair.leader, pair.follower)
        try alone(#require(pair.leader.engine))
        pair.cluster.run(milliseconds: 100)
        try pair.follower.replica?.promote(allowDataLoss: false, now: pair.follower.now)
        try after(#require(pair.follower.engine))
        pair.cluster.run(milliseconds: 50)
        pair.cluster.heal(pair.leader, pair.follower)
    }

    private func rejoin(_ pair: Pair) throws {
        try pair.leader.replica?.rejoin(leader: pair.follower.address, now: pair.leader.now)
        pair.leader.touch()
        let isDone = pair.cluster.run(atMost: 60_000) {
            pair.cluster.isSettled && pair.leader.replica?.status.recovery.isEmpty == false
        }
        #expect(isDone, "\(pair.cluster.trace.suffix(30).joined(separator: "\n"))")
    }

    /// Has a recovery judge a tail; with how many steps it took.
    private func judge(
        _ records: [UInt8], _ recovery: TailRecovery, _ engine: Engine
    ) throws -> (verdicts: TailVerdicts, steps: Int) {
        records.withView { recovery.take($0, isLast: true) }
        var steps = 0
        while true {
            steps += 1
            switch try recovery.step() {
            case .more: continue
            case .waiting: try engine.sync()
            case .idle: throw EngineError(.unavailable, "there is nothing to judge")
            case .judged(let verdicts): return (verdicts, steps)
            }
        }
    }

    private func classes(_ node: SimulatedNode) throws -> [String] {
        let report = try #require(node.replica?.status.recovery.last)
        return report.rows.map { "\($0.outcome.rawValue)\($0.replayed ? " replayed" : "")" }
    }

    @Test("a lost primary's tail is rewound without a full copy, recovered and counted")
    func tailRecoveredAndCounted() throws {
        let pair = try Pair(seed: 31)
        try fill(pair.leader, 0..<50)
        #expect(pair.cluster.settle())
        let copies = pair.cluster.nodes.flatMap(\.events).count { if case .copied = $0 { true } else { false } }
        try failover(pair) { engine in
            try engine.put("clean", "1", durability: .buffered)
            try engine.put("k1", "tail", durability: .buffered)
            try engine.put("gone", "1", ttl: .milliseconds(1), durability: .buffered)
            try engine.deleteRange(from: "k2", to: "k3", durability: .buffered)
            try engine.put("clean too", "2", durability: .buffered)
        } after: { engine in
            try engine.put("k1", "later", durability: .buffered)
        }
        try rejoin(pair)
        #expect(
            try classes(pair.leader)
                == ["recovered replayed", "superseded", "expired", "conflicting", "recovered replayed"])
        #expect(try classes(pair.follower) == classes(pair.leader))
        #expect(try pair.follower.engine?.get("clean") == Array("1".utf8))
        #expect(try pair.follower.engine?.get("k1") == Array("later".utf8))
        #expect(try pair.follower.engine?.contains("k25") == true)
        #expect(try contents(pair.leader) == contents(pair.follower))
        let now = pair.cluster.nodes.flatMap(\.events).count { if case .copied = $0 { true } else { false } }
        #expect(now == copies, "the rejoin needed a full copy")
        #expect(pair.leader.events.contains { if case .rewound = $0 { true } else { false } })
    }

    @Test("a key that was deleted since is not brought back by a tail")
    func deletedKeyNotResurrectedByTail() throws {
        let pair = try Pair(seed: 32)
        try fill(pair.leader, 0..<5)
        #expect(pair.cluster.settle())
        try failover(pair, afterHeartbeat: false) { engine in
            try engine.put("k1", "tail", durability: .buffered)
            try engine.put("k2", "tail", durability: .buffered)
        } after: { engine in
            // Stamps go by the clocks: the later write has the later one.
            pair.follower.clock.jumpWall(milliseconds: 30_000)
            try engine.delete("k1", durability: .buffered)
            try engine.deleteRange(from: "k2", to: "k3", durability: .buffered)
            try engine.flush()
            try engine.compact()
        }
        try rejoin(pair)
        // The log since the fork is kept for the old primary, whatever was flushed: it shows that the deletes are later.
        #expect(try classes(pair.leader) == ["superseded", "superseded"])
        #expect(try pair.follower.engine?.contains("k1") == false && pair.follower.engine?.contains("k2") == false)
    }

    @Test("policies decide what is replayed", arguments: [RecoveryPolicy.report, .clean, .lastWriterWins])
    func policies(policy: RecoveryPolicy) throws {
        let pair = try Pair(seed: 33) { $0.recoveryPolicy = policy }
        // The old primary's clock is ahead: its write has the later stamp, and stands for the later one.
        try failover(pair) { engine in
            pair.leader.clock.jumpWall(milliseconds: 30_000)
            try engine.put("both", "tail", durability: .buffered)
            try engine.put("free", "tail", durability: .buffered)
        } after: { engine in
            try engine.put("both", "new", durability: .buffered)
        }
        try rejoin(pair)
        let both = try pair.follower.engine?.get("both").map { String(decoding: $0, as: UTF8.self) }
        switch policy {
        case .report:
            #expect(try classes(pair.leader) == ["conflicting", "recovered"])
            #expect(try both == "new" && pair.follower.engine?.contains("free") == false)
        case .clean:
            #expect(try classes(pair.leader) == ["conflicting", "recovered replayed"])
            #expect(try both == "new" && pair.follower.engine?.contains("free") == true)
        case .lastWriterWins:
            #expect(try classes(pair.leader) == ["recovered replayed", "recovered replayed"])
            #expect(both == "tail")
        }
    }

    @Test("a crash in the middle of a replay does not double it")
    func tailReplayCrashDoesNotDouble() throws {
        for seed in 40...52 as ClosedRange<UInt64> {
            let pair = try Pair(seed: seed) { $0.restartWait = 200 }
            try failover(pair) { engine in
                for number in 0..<40 {
                    try engine.update("counter", durability: .buffered) { _ in .put(Array("\(number)".utf8)) }
                    try engine.put("u\(number)", "1", durability: .buffered)
                }
            }
            try pair.leader.replica?.rejoin(leader: pair.follower.address, now: pair.leader.now)
            pair.leader.touch()
            pair.cluster.run(milliseconds: Int(seed - 40) * 4)
            pair.cluster.crash(pair.follower)
            try pair.cluster.start(pair.follower)
            let isDone = pair.cluster.run(atMost: 60_000) {
                pair.cluster.isSettled && pair.leader.replica?.status.recovery.isEmpty == false
            }
            #expect(isDone, "seed \(seed)")
            let engine = try #require(pair.follower.engine)
            for number in 0..<40 { #expect(try engine.contains("u\(number)")) }
            let marks = try #require(engine.keyspace(RecoveredKeyspace.name))
            var count = 0
            try engine.scan(in: marks) { _, _ in
                count += 1
                return true
            }
            #expect(count == 80, "seed \(seed)")
            var replays = 0
            let stream = try engine.logStream(after: try #require(engine.epochHistory.last).start)
            var more = true
            while more {
                more = try stream.next { records, _ in replays += records.withView { replayed($0, marks.id) } } != nil
            }
            #expect(replays <= 80, "seed \(seed): \(replays) replays")
        }
    }

    /// How many of the records are batches with a mark that they were replayed.
    private func replayed(_ records: ByteView, _ marks: KeyspaceID) -> Int {
        var run = RecordRun(records)
        var count = 0
        while let record = try? run.next() {
            if record.type == .batch, record.sections.contains(where: { $0.keyspace == marks }) { count += 1 }
        }
        return count
    }

    @Test("a recovery that is begun again takes its own replays for its own, also those of the tail's later epochs")
    func beginsAgainOverTwoEpochs() throws {
        let pair = try Pair(seed: 53) { $0.restartWait = 200 }
        let old = try #require(pair.leader.engine)
        let fork = old.historyPoint
        pair.cluster.cut(pair.leader, pair.follower)
        // The new primary's clock is ahead: its writes have the later stamps, its replays too.
        pair.follower.clock.jumpWall(milliseconds: 30_000)
        try old.put("x", "1", durability: .synced)
        try old.beginEpoch()
        try old.put("k", "1", durability: .buffered)
        let half = old.historyPoint
        try old.put("k", "2", durability: .buffered)
        let header = TailHeader(
            node: pair.leader.replica?.core.node ?? NodeID(high: 0, low: 0), fork: fork, end: old.historyPoint,
            keptAfter: fork.position.sequence)
        let records = try #require(
            RecordFeed(old, after: fork, nil).next(maxBytes: 1 << 20) { records, _ in records.array })
        try pair.follower.replica?.promote(allowDataLoss: false, now: pair.follower.now)
        let engine = try #require(pair.follower.engine)
        try engine.put("x", "later", durability: .buffered)

        func classes(_ records: [UInt8]) throws -> [TailClass] {
            let recovery = try TailRecovery(header, engine, .clean)
            return try judge(records, recovery, engine).verdicts.rows.map(\.outcome)
        }
        let first = try records.withView { (view) throws(EngineError) in
            var run = RecordRun(view)
            while let record = try run.next(), record.point != half {}
            return run.offset
        }
        #expect(try classes(Array(records[..<first])) == [.superseded, .recovered])
        // The link breaks, and it begins again.
        #expect(try classes(records) == [.superseded, .recovered, .recovered])
        #expect(try engine.get("k") == Array("2".utf8))
    }

    /// What a node's log has after a point, as a tail.
    private func tail(_ node: SimulatedNode, after fork: HistoryPoint) throws -> (header: TailHeader, records: [UInt8])
    {
        let engine = try #require(node.engine)
        let header = TailHeader(
            node: try #require(node.replica).core.node, fork: fork, end: engine.historyPoint,
            keptAfter: fork.position.sequence)
        let feed = try RecordFeed(engine, after: fork, nil)
        var all: [UInt8] = []
        while let records = try feed.next(maxBytes: 1 << 20, { records, _ in records.array }) { all += records }
        return (header, all)
    }

    @Test("an older tail of a node is not written over a newer one of the same node")
    func olderTailAfterNewer() throws {
        let pair = try Pair(seed: 55)
        let old = try #require(pair.leader.engine)
        let fork = old.historyPoint
        pair.cluster.cut(pair.leader, pair.follower)
        // The new primary's clock is ahead: what it writes again has the later stamp.
        pair.follower.clock.jumpWall(milliseconds: 30_000)
        try old.put("k", "older", durability: .buffered)
        let older = try tail(pair.leader, after: fork)
        let between = old.historyPoint
        try old.beginEpoch()
        try old.put("k", "newer", durability: .buffered)
        let newer = try tail(pair.leader, after: between)
        try pair.follower.replica?.promote(allowDataLoss: false, now: pair.follower.now)
        let engine = try #require(pair.follower.engine)
        func classes(_ tail: (header: TailHeader, records: [UInt8])) throws -> [TailClass] {
            let header = TailHeader(
                node: tail.header.node, fork: fork, end: tail.header.end, keptAfter: fork.position.sequence)
            return try judge(tail.records, TailRecovery(header, engine, .clean), engine).verdicts.rows.map(\.outcome)
        }
        #expect(try classes(newer) == [.recovered])
        #expect(try classes(older) == [.superseded])
        #expect(try engine.get("k") == Array("newer".utf8))
    }

    @Test("saved tails go out in the order in which they ended, also past nine epochs")
    func oldestTailFirst() throws {
        let pair = try Pair(seed: 56)
        let engine = try #require(pair.leader.engine)
        let core = try #require(pair.leader.replica).core
        var ends: [HistoryPoint] = []
        for number in 0..<12 {
            let fork = engine.historyPoint
            try engine.beginEpoch()
            try engine.put("k", "\(number)", durability: .buffered)
            try TailFile.save(core, engine, after: fork)
            ends.append(engine.historyPoint)
        }
        var sent: [HistoryPoint] = []
        while let sender = try TailSender.next(core) {
            sent.append(sender.header.end)
            _ = try sender.reported(TailVerdicts(isLast: true, policy: .clean, rows: []), core)
        }
        #expect(sent == ends)
        #expect(try RecoveryReport.load(core).map(\.end) == ends.map(\.position.description))
    }

    @Test(
        "of a damaged tail nothing is judged, wherever the damage is: no report passes for the whole of it",
        arguments: ["header", "first length", "second length", "value"])
    func damagedTail(place: String) throws {
        let pair = try Pair(seed: 58)
        let engine = try #require(pair.leader.engine)
        let core = try #require(pair.leader.replica).core
        let fork = engine.historyPoint
        try engine.put("a", "1", durability: .buffered)
        try engine.put("b", "MARK", durability: .buffered)
        let damaged = engine.historyPoint
        try TailFile.save(core, engine, after: fork)
        let path = TailFile.directory(core) + "/" + TailFile.name(damaged)
        let bytes = try #require(pair.leader.disk.contents(path))
        let header = TailFile.headerLength
        let length = Int(bytes[header]) | Int(bytes[header + 1]) << 8
        let mark = try #require(bytes.indices.first { bytes[$0...].starts(with: Array("MARK".utf8)) })
        let offset =
            switch place {
            case "header": 30
            case "first length": header
            case "second length": header + length
            default: mark
            }
        try pair.leader.disk.flipBits(path, at: UInt64(offset), mask: 0x40)
        // A later tail, of which nothing is damaged.
        try engine.put("c", "1", durability: .buffered)
        let end = engine.historyPoint
        try TailFile.save(core, engine, after: damaged)
        let found = try sound(core)
        let later = try #require(found)
        #expect(later.header.end == end)
        #expect(core.damagedTails == [TailFile.name(damaged)])
        #expect(pair.leader.disk.contents(path)?.count == bytes.count)
        // A primary recovers its own tails, but not this one.
        core.damagedTails = []
        pair.leader.touch()
        pair.cluster.run(milliseconds: 65_000)
        #expect(pair.leader.replica?.status.recovery.map(\.end) == ["\(end.position)"])
        #expect((pair.leader.replica?.status.errors["corruption"] ?? 0) > 0)
    }

    @Test(
        "a damaged tail that is saved again is put aside, and a whole one takes its place", arguments: [30, 104, 150])
    func damagedTailSavedAgain(offset: UInt64) throws {
        let pair = try Pair(seed: 59)
        let engine = try #require(pair.leader.engine)
        let core = try #require(pair.leader.replica).core
        let fork = engine.historyPoint
        try engine.put("a", "1", durability: .buffered)
        let disk = pair.leader.disk
        let path = TailFile.directory(core) + "/" + TailFile.name(engine.historyPoint)
        try TailFile.save(core, engine, after: fork)
        let whole = try #require(disk.contents(path))
        try disk.flipBits(path, at: offset, mask: 0x40)
        let damaged = try #require(disk.contents(path))
        #expect(try sound(core) == nil)
        try TailFile.save(core, engine, after: fork)
        #expect(disk.contents(path) == whole && disk.contents(path + ".damaged") == damaged)
        #expect(try sound(core)?.header.end == engine.historyPoint)
    }

    /// The next tail that can be read to its end.
    private func sound(_ core: ReplicaCore) throws -> TailSender? {
        while let sender = try TailSender.next(core) {
            do throws(EngineError) {
                while !sender.isKnown { try sender.look(core) }
                return sender
            } catch {
                #expect(error.code == .corruption)
            }
        }
        return nil
    }

    @Test("a tail that is classified again has one report, and the oldest reports go first")
    func reportsReplaced() throws {
        let pair = try Pair(seed: 59)
        let core = try #require(pair.leader.replica).core
        func add(_ end: Int, _ rows: Int) {
            let row = RecoveryReport.Row(position: "1.00000001@5", outcome: .recovered, replayed: true)
            core.add(
                RecoveryReport(
                    node: "n", fork: "1.00000001@4", end: "1.00000001@\(end)", notKept: 0, policy: .clean,
                    rows: Array(repeating: row, count: rows)))
        }
        add(6, 1)
        add(7, 1)
        add(6, 2)
        #expect(core.reports.map(\.end) == ["1.00000001@7", "1.00000001@6"] && core.reports[1].batches == 2)
        for end in 8..<400 { add(end, 1) }
        #expect(core.reports.count == ReplicaCore.keptReports && core.reports.last?.end == "1.00000001@399")
    }

    @Test("a tail that comes while the lag guard refuses writes waits, and its link goes on")
    func tailUnderTheLagGuard() throws {
        let pair = try Pair(seed: 70) { $0.lagGuard = LagGuard(milliseconds: 400) }
        pair.cluster.run(milliseconds: 1500)
        pair.cluster.cut(pair.leader, pair.follower)
        try pair.leader.engine?.put("alone", "1", durability: .buffered)
        pair.cluster.run(milliseconds: 50)
        try pair.follower.replica?.promote(allowDataLoss: false, now: pair.follower.now)
        try fill(pair.follower, 0..<300, String(repeating: "x", count: 2000))
        #expect(pair.cluster.run(atMost: 2000) { pair.follower.replica?.status.refusingWrites != nil })
        pair.cluster.delays = 30...40
        pair.cluster.heal(pair.leader, pair.follower)
        try rejoin(pair)
        #expect(try classes(pair.leader) == ["recovered replayed"])
        let failures = pair.follower.events.filter { event in
            if case .failed(let what) = event { what.contains("recover the tail") } else { false }
        }
        #expect(failures.isEmpty, "\(failures)")
        #expect(pair.leader.replica?.status.upstream?.reconnects == 0)
    }

    @Test("whoever waits for a switchover hears of its end also when the reign ends before")
    func switchoverEndsWithTheReign() throws {
        func begin(_ seed: UInt64) throws -> (Pair, Replica) {
            let pair = try Pair(seed: seed)
            pair.cluster.delays = 20...30
            let replica = try #require(pair.leader.replica)
            try fill(pair.leader, 0..<5)
            try replica.switchover(
                to: try #require(pair.follower.engine?.nodeID), limit: 60_000, now: pair.leader.now)
            pair.leader.touch()
            #expect(replica.status.stage == "pausing")
            return (pair, replica)
        }
        // Another node follows from here on.
        let (pausing, first) = try begin(71)
        try first.rejoin(leader: pausing.follower.address, now: pausing.leader.now)
        #expect(first.status.switchover == .aborted && first.status.role == "follower")
        // A newer epoch is heard of.
        let (deposed, second) = try begin(72)
        let newer = Epoch(number: second.core.state.newest.number + 1, tag: 7)
        try second.learn(newer, now: deposed.leader.now)
        #expect(second.status.switchover == .aborted && second.status.role == "deposed")
        deposed.cluster.act(deposed.leader)
        #expect(deposed.leader.events.contains { if case .switchover(_, .aborted) = $0 { true } else { false } })
        // The target was told, and may have done it.
        let (handing, third) = try begin(73)
        #expect(handing.cluster.run(atMost: 5000) { third.status.stage == "handing over" })
        try third.rejoin(leader: handing.follower.address, now: handing.leader.now)
        #expect(third.status.switchover == .inDoubt)
        handing.leader.touch()
        #expect(handing.cluster.settle())
    }

    @Test("a recovery reads a log of small and large records bit by bit, before it judges")
    func readsLargeRecordsInSteps() throws {
        let pair = try Pair(seed: 57)
        let old = try #require(pair.leader.engine)
        let fork = old.historyPoint
        pair.cluster.cut(pair.leader, pair.follower)
        try old.put("t", "v", durability: .buffered)
        let (header, records) = try tail(pair.leader, after: fork)
        try pair.follower.replica?.promote(allowDataLoss: false, now: pair.follower.now)
        let engine = try #require(pair.follower.engine)
        try engine.hold("test", after: fork.position.sequence)
        for number in 0..<30 {
            try engine.put("s\(number)", "v", durability: .buffered)
            try engine.put("l\(number)", String(repeating: "v", count: 15_000), durability: .buffered)
        }
        // Nothing runs the engine's jobs beside the recovery here, which waits while writers are held back.
        try engine.flush()
        try engine.compact()
        let recovery = try TailRecovery(header, engine, .clean, stepBytes: 10_000)
        let (verdicts, steps) = try judge(records, recovery, engine)
        #expect(verdicts.rows.map(\.outcome) == [.recovered])
        #expect(steps > 30, "\(steps) steps")
    }

    @Test("a recovery reads a long log and judges a long tail in small steps")
    func recoversInSteps() throws {
        let pair = try Pair(seed: 54)
        let old = try #require(pair.leader.engine)
        let fork = old.historyPoint
        pair.cluster.cut(pair.leader, pair.follower)
        for number in 0..<600 { try old.put("t\(number)", "v", durability: .buffered) }
        let header = TailHeader(
            node: pair.leader.replica?.core.node ?? NodeID(high: 0, low: 0), fork: fork, end: old.historyPoint,
            keptAfter: fork.position.sequence)
        let records = try #require(
            RecordFeed(old, after: fork, nil).next(maxBytes: 1 << 20) { records, _ in records.array })
        try pair.follower.replica?.promote(allowDataLoss: false, now: pair.follower.now)
        let engine = try #require(pair.follower.engine)
        try engine.hold("test", after: fork.position.sequence)
        for number in 0..<100 {
            try engine.put("l\(number)", String(repeating: "v", count: 5000), durability: .buffered)
        }
        let recovery = try TailRecovery(header, engine, .clean, stepBytes: 10_000)
        let (verdicts, steps) = try judge(records, recovery, engine)
        #expect(verdicts.rows.count == 600 && verdicts.rows.allSatisfy { $0.outcome == .recovered && $0.replayed })
        // 500,000 bytes of log, and 600 batches of about 100 bytes.
        #expect(steps > 55, "\(steps) steps")
    }

    @Test("a primary that is told of a newer epoch acknowledges nothing more")
    func primaryToldOfNewerEpochAcknowledgesNothing() throws {
        let cluster = Cluster(seed: 60)
        let old = cluster.add("us", following: nil)
        let new = cluster.add("eu", following: 0)
        let third = cluster.add("ap", following: 0)
        for node in [old, new, third] { try cluster.start(node) }
        #expect(cluster.settle())
        cluster.cut(old, new)
        try new.replica?.promote(allowDataLoss: false, now: new.now)
        // The third node hears of the epoch from the new primary, and brings it to the old one.
        try third.replica?.setLeader(new.address, now: third.now)
        #expect(cluster.run(atMost: 10_000) { third.engine?.historyPoint == new.engine?.historyPoint })
        let position = try #require(old.engine).put("late", "1", durability: .buffered)
        old.replica?.await(.received(1), at: position, of: [], id: 1, until: .max, now: old.now)
        try third.replica?.setLeader(old.address, now: third.now)
        third.touch()
        #expect(cluster.run(atMost: 10_000) { old.replica?.status.role == "deposed" })
        #expect(throws: EngineError.self) { try old.engine?.put("more", "1") }
        let outcome = try #require(cluster.levels.first?.outcome)
        guard case .unconfirmed = outcome else { throw Violation(description: "\(outcome)") }
        #expect(old.events.contains { if case .deposed = $0 { true } else { false } })
    }

    @Test("an isolated primary with a lag guard stops within its bound, and goes on when it is back")
    func isolatedPrimaryWithLagGuardStops() throws {
        let pair = try Pair(seed: 61) { $0.lagGuard = LagGuard(milliseconds: 500) }
        try fill(pair.leader, 0..<10)
        #expect(pair.cluster.settle())
        pair.cluster.cut(pair.leader, pair.follower)
        let isolated = pair.cluster.time
        var refusedAt: UInt64?
        while refusedAt == nil, pair.cluster.time < isolated + 5_000_000_000 {
            do { try pair.leader.engine?.put("x", "y", durability: .buffered) } catch { refusedAt = pair.cluster.time }
            pair.leader.touch()
            pair.cluster.run(milliseconds: 10)
        }
        let stopped = try #require(refusedAt)
        #expect(stopped - isolated < 600_000_000, "stopped after \((stopped - isolated) / 1_000_000) ms")
        pair.cluster.heal(pair.leader, pair.follower)
        #expect(pair.cluster.run(atMost: 20_000) { pair.leader.replica?.status.refusingWrites == nil })
        try pair.leader.engine?.put("x", "z", durability: .buffered)
    }

    @Test("a restarted primary gets back from its follower what it lost, and begins another epoch")
    func restartedPrimaryBehindItsFollower() throws {
        let pair = try Pair(seed: 62)
        let engine = try #require(pair.leader.engine)
        let position = try engine.put("held", "1", durability: .buffered)
        pair.leader.replica?.await(.durable(1), at: position, of: [], id: 1, until: .max, now: pair.leader.now)
        pair.leader.touch()
        #expect(pair.cluster.run(atMost: 5000) { !pair.cluster.levels.isEmpty })
        let epoch = engine.position.epoch
        pair.cluster.crash(pair.leader, .loseUnsynced)
        try pair.cluster.start(pair.leader)
        #expect(pair.leader.replica?.status.stage == "recovering")
        // A clean shutdown while it waits does not make it whole.
        try pair.cluster.stop(pair.leader)
        try pair.cluster.start(pair.leader)
        #expect(pair.leader.replica?.status.stage == "recovering")
        #expect(throws: EngineError.self) { try pair.leader.engine?.put("early", "1") }
        #expect(pair.cluster.settle())
        let reopened = try #require(pair.leader.engine)
        #expect(reopened.position.epoch > epoch)
        #expect(try reopened.get("held") == Array("1".utf8))
        #expect(try contents(pair.follower) == contents(pair.leader))
    }

    @Test(
        "a primary that restarts after another was promoted asks, begins no epoch, and follows that one",
        arguments: [false, true])
    func restartAfterAPromotion(isClean: Bool) throws {
        for seed in 80...89 as ClosedRange<UInt64> {
            let cluster = Cluster(seed: seed)
            let old = cluster.add("us", following: nil)
            let new = cluster.add("eu", following: 0)
            let third = cluster.add("ap", following: 0)
            for node in [old, new, third] { try cluster.start(node) }
            try fill(old, 0..<50)
            #expect(cluster.settle())
            cluster.cut(old, new)
            cluster.cut(old, third)
            let position = try #require(old.engine).put("late", "1", durability: .synced)
            if isClean { try cluster.stop(old) } else { cluster.crash(old) }
            try new.replica?.promote(allowDataLoss: false, now: new.now)
            try third.replica?.setLeader(new.address, now: third.now)
            try fill(new, 0..<50, "new")
            cluster.run(milliseconds: 500)
            cluster.healAll()
            // Only one of the others can be asked at first; either knows.
            if seed % 2 == 0 { cluster.cut(old, new) }
            try cluster.start(old)
            #expect(old.replica?.status.stage == "recovering")
            #expect(throws: EngineError.self) { try old.engine?.put("early", "1") }
            #expect(
                cluster.run(atMost: 3000) { old.replica?.status.role == "follower" },
                "seed \(seed)\n\(cluster.trace.suffix(20).joined(separator: "\n"))")
            cluster.healAll()
            #expect(cluster.settle(), "seed \(seed)")
            #expect(cluster.primary === new)
            #expect(new.engine?.epochHistory.count == 2, "seed \(seed): nobody else began an epoch")
            // It was on the disk in either case: a tail, recovered.
            #expect(cluster.run(atMost: 60_000) { old.replica?.status.recovery.isEmpty == false && cluster.isSettled })
            #expect(try new.engine?.contains("late") == true, "\(position)")
        }
    }

    @Test("a primary that restarts and reaches nobody takes writes when its wait is over")
    func restartAlone() throws {
        let pair = try Pair(seed: 90)
        try fill(pair.leader, 0..<5)
        #expect(pair.cluster.settle())
        pair.cluster.cut(pair.leader, pair.follower)
        for (isClean, wait) in [(true, 3000), (false, 5000)] {
            if isClean { try pair.cluster.stop(pair.leader) } else { pair.cluster.crash(pair.leader) }
            let epoch = try #require(pair.follower.engine).position.epoch
            try pair.cluster.start(pair.leader)
            pair.cluster.run(milliseconds: wait - 500)
            #expect(pair.leader.replica?.isOpenPrimary == false)
            pair.cluster.run(milliseconds: 600)
            #expect(pair.leader.replica?.isOpenPrimary == true)
            // What was closed in order has lost nothing: the same epoch goes on.
            #expect((pair.leader.engine?.position.epoch == epoch) == isClean)
        }
    }

    @Test("where the log no longer reaches back to the fork, the report says how much is not kept")
    func tailPastTheCap() throws {
        let pair = try Pair(seed: 91)
        try fill(pair.leader, 0..<5)
        #expect(pair.cluster.settle())
        try failover(pair) { engine in
            for round in 0..<60 {
                for key in 0..<40 {
                    try engine.put("k\(key)", String(repeating: "x", count: 2000) + "\(round)", durability: .buffered)
                }
                try engine.flush()
                pair.leader.touch()
                pair.cluster.run(milliseconds: 50)
            }
        }
        try rejoin(pair)
        let report = try #require(pair.follower.replica?.status.recovery.last)
        #expect(report.notKept > 1000 && report.rows.count > 100)
        let fork = try #require(Position(report.fork))
        let end = try #require(Position(report.end))
        #expect(fork.sequence + report.notKept + UInt64(report.rows.count) == end.sequence)
        #expect(report.rows.allSatisfy { $0.outcome == .conflicting })
    }

    @Test(
        "of two nodes promoted at once the lower epoch yields once it hears of the higher, and its writes become a tail"
    )
    func twoPromotedAtOnce() throws {
        let cluster = Cluster(seed: 63)
        let nodes = ["us", "eu", "ap", "sa"].enumerated().map { cluster.add($1, following: $0 == 0 ? nil : 0) }
        for node in nodes { try cluster.start(node) }
        try fill(nodes[0], 0..<20)
        #expect(cluster.settle())
        cluster.crash(nodes[0])
        cluster.cut(nodes[1], nodes[2])
        for node in nodes[1...2] {
            try node.replica?.promote(allowDataLoss: false, now: node.now)
            try node.engine?.put("by \(node.region)", "1", durability: .buffered)
        }
        cluster.run(milliseconds: 100)
        cluster.heal(nodes[1], nodes[2])
        func epoch(_ node: SimulatedNode) throws -> Epoch { try #require(node.engine).position.epoch }
        let (lower, higher) = try epoch(nodes[1]) < epoch(nodes[2]) ? (nodes[1], nodes[2]) : (nodes[2], nodes[1])
        let yields = ReplicationEvent.deposed(by: try epoch(higher), own: try epoch(lower))
        func lead(_ leader: SimulatedNode) throws {
            try nodes[3].replica?.setLeader(leader.address, now: nodes[3].now)
            nodes[3].touch()
        }
        try lead(higher)
        #expect(cluster.run(atMost: 20_000) { nodes[3].engine?.historyPoint == higher.engine?.historyPoint })
        // Neither of both has heard of the other yet.
        #expect(lower.replica?.isOpenPrimary == true && higher.replica?.isOpenPrimary == true)
        // Who follows the higher one brings its epoch to the lower one.
        try lead(lower)
        #expect(cluster.run(atMost: 20_000) { lower.replica?.status.role == "deposed" })
        #expect(lower.events.contains(yields))
        #expect { try lower.engine?.put("late", "1") } throws: { ($0 as? EngineError)?.code == .notWritable }
        #expect(higher.replica?.isOpenPrimary == true)
        for node in [lower, nodes[3]] { try node.replica?.rejoin(leader: higher.address, now: node.now) }
        lower.touch()
        #expect(cluster.settle())
        #expect(cluster.run(atMost: 60_000) { lower.replica?.status.recovery.isEmpty == false && cluster.isSettled })
        #expect(try contents(lower) == contents(higher))
        #expect(try higher.engine?.contains("by \(lower.region)") == true)
        #expect(!higher.events.contains { if case .deposed = $0 { true } else { false } })
    }

    @Test("a follower further than the promoted node rewinds; a third goes on without a full copy")
    func otherNodesAfterPromotion() throws {
        let cluster = Cluster(seed: 64)
        let nodes = (0..<4).map { cluster.add("r\($0)", following: $0 == 0 ? nil : 0) }
        for node in nodes { try cluster.start(node) }
        try fill(nodes[0], 0..<50)
        #expect(cluster.settle())
        let copies = { cluster.nodes.flatMap(\.events).count { if case .copied = $0 { true } else { false } } }
        let before = copies()
        cluster.cut(nodes[0], nodes[1])
        cluster.cut(nodes[0], nodes[3])
        try fill(nodes[0], 50..<60)
        #expect(cluster.run(atMost: 5000) { nodes[2].engine?.position == nodes[0].engine?.position })
        cluster.crash(nodes[0])
        // Node 2 is further. Node 1 does not know that; whoever asks both would.
        try nodes[1].replica?.promote(allowDataLoss: true, now: nodes[1].now)
        try fill(nodes[1], 100..<110)
        for node in nodes[2...] {
            try node.replica?.rejoin(leader: nodes[1].address, now: node.now)
            node.touch()
        }
        #expect(cluster.settle())
        #expect(cluster.run(atMost: 60_000) { nodes[2].replica?.status.recovery.isEmpty == false && cluster.isSettled })
        #expect(copies() == before)
        for node in nodes[2...] { #expect(try contents(node) == contents(nodes[1])) }
        #expect(try nodes[1].engine?.contains("k55") == true)
    }

    @Test("a promotion is refused to a node that others were ahead of")
    func promotionOfTheFurthestOnly() throws {
        let cluster = Cluster(seed: 65)
        let nodes = (0..<3).map { cluster.add("r\($0)", following: $0 == 0 ? nil : 0) }
        for node in nodes { try cluster.start(node) }
        #expect(cluster.settle())
        cluster.run(milliseconds: 1500)
        let replica = try #require(nodes[1].replica)
        let other = try #require(nodes[2].engine?.nodeID)
        replica.core.slots.change(other) { $0.received += 5 }
        #expect { try replica.promote(allowDataLoss: false, now: nodes[1].now) } throws: {
            ($0 as? ReplicationError)?.code == .notFurthest
        }
        try replica.promote(allowDataLoss: true, now: nodes[1].now)
        #expect(replica.isOpenPrimary)
        #expect { try replica.promote(allowDataLoss: true, now: nodes[1].now) } throws: {
            ($0 as? ReplicationError)?.code == .wrongRole
        }
    }

    @Test("planned switchovers under an increment loop lose nothing: the total is exact")
    func switchoversLoseNothing() throws {
        let pair = try Pair(seed: 66)
        var total = 0
        for round in 0..<100 {
            let primary = try #require(pair.cluster.primary)
            let other = primary === pair.leader ? pair.follower : pair.leader
            for _ in 0..<3 {
                try primary.engine?.update("n", durability: .buffered) { old in
                    var value = 0
                    if let old { value = Int(String(decoding: old.withView { $0.array }, as: UTF8.self)) ?? 0 }
                    return .put(Array("\(value + 1)".utf8))
                }
                total += 1
            }
            primary.touch()
            let isConnected = pair.cluster.run(atMost: 20_000) {
                primary.replica?.status.followers.contains { $0.stage == "streaming" } ?? false
            }
            #expect(isConnected, "round \(round)")
            try primary.replica?.switchover(to: try #require(other.engine?.nodeID), limit: 5000, now: primary.now)
            primary.touch()
            #expect(throws: EngineError.self) { try primary.engine?.put("held", "1") }
            #expect(pair.cluster.run(atMost: 20_000) { other.replica?.isOpenPrimary ?? false }, "round \(round)")
            #expect(
                primary.replica?.status.switchover == .done
                    || pair.cluster.run(atMost: 20_000) { primary.replica?.status.switchover == .done })
        }
        #expect(pair.cluster.settle())
        #expect(try pair.leader.engine?.get("n") == Array("\(total)".utf8))
        #expect(pair.copies == 1)
    }

    @Test("after a switchover the old primary's lag counts from the handover, and grows until it hears")
    func lagAfterSwitchover() throws {
        let pair = try Pair(seed: 92)
        pair.cluster.run(milliseconds: 60_000)
        let target = try #require(pair.follower.engine?.nodeID)
        try pair.leader.replica?.switchover(to: target, limit: 5000, now: pair.leader.now)
        pair.leader.touch()
        #expect(pair.cluster.run(atMost: 5000) { pair.leader.replica?.status.switchover == .done })
        let lag = try #require(pair.leader.replica?.status.lag.milliseconds)
        #expect(lag < 1000, "\(lag) ms")
        pair.cluster.cut(pair.leader, pair.follower)
        pair.cluster.run(milliseconds: 3000)
        #expect(try #require(pair.leader.replica?.status.lag.milliseconds) > lag)
    }

    @Test("a node that will not come back is forgotten: its log is let go, and a restart does not wait for it")
    func forgottenNode() throws {
        let cluster = Cluster(seed: 93)
        let nodes = (0..<3).map { cluster.add("r\($0)", following: $0 == 0 ? nil : 0) }
        for node in nodes { try cluster.start(node) }
        #expect(cluster.settle())
        let replica = try #require(nodes[0].replica)
        let gone = try #require(nodes[2].engine?.nodeID)
        #expect { try replica.forget(gone, now: nodes[0].now) } throws: { ($0 as? ReplicationError)?.code == .busy }
        cluster.crash(nodes[2])
        #expect(cluster.run(atMost: 10_000) { replica.status.followers.count(where: \.isConnected) == 1 })
        try replica.forget(gone, now: nodes[0].now)
        #expect(replica.status.slots.map(\.region) == ["r1"])
        #expect(try #require(nodes[0].engine).holds.map(\.name) == [replica.core.slots.all[0].holdName])
        #expect { try replica.forget(gone, now: nodes[0].now) } throws: {
            ($0 as? ReplicationError)?.code == .invalidArgument
        }
        cluster.run(milliseconds: 2000)
        // The others hear of it by the next heartbeat.
        #expect(nodes[1].replica?.core.slots[gone] == nil)
        #expect { try nodes[1].replica?.forget(gone, now: nodes[1].now) } throws: {
            ($0 as? ReplicationError)?.code == .wrongRole
        }
        cluster.crash(nodes[0], .keepEverything)
        try cluster.start(nodes[0])
        #expect(cluster.run(atMost: 1000) { nodes[0].replica?.isOpenPrimary ?? false })
        // It comes back all the same.
        try cluster.start(nodes[2])
        #expect(cluster.settle())
        #expect(try contents(nodes[2]) == contents(nodes[0]))
    }

    @Test("a node whose certificate is another's is refused")
    func certificateOfAnother() throws {
        let cluster = Cluster(seed: 94)
        let leader = cluster.add("us", following: nil)
        let follower = cluster.add("eu", following: 0)
        leader.peers[1] = PeerIdentity(name: "ap")
        try cluster.start(leader)
        try cluster.start(follower)
        cluster.run(milliseconds: 2000)
        #expect(follower.engine == nil)
        #expect((leader.replica?.status.refusals["notAuthorised"] ?? 0) > 0)
        leader.peers[1] = PeerIdentity(name: "eu")
        #expect(cluster.settle())
    }

    @Test("a switchover whose target is slow is given up in time, and the primary goes on")
    func switchoverAborts() throws {
        let pair = try Pair(seed: 67)
        let target = try #require(pair.follower.engine?.nodeID)
        pair.cluster.cut(pair.leader, pair.follower)
        try fill(pair.leader, 0..<5)
        try pair.leader.replica?.switchover(to: target, limit: 1000, now: pair.leader.now)
        pair.leader.touch()
        #expect(pair.cluster.run(atMost: 1200) { pair.leader.replica?.status.switchover == .aborted })
        try pair.leader.engine?.put("on", "1", durability: .buffered)
        pair.cluster.heal(pair.leader, pair.follower)
        #expect(pair.cluster.settle())
        #expect(pair.leader.replica?.isOpenPrimary == true)
    }

    @Test("a switchover whose answer is lost stays in doubt until the target is heard, then is what the target says")
    func switchoverInDoubt() throws {
        for delay in 1...40 {
            let pair = try Pair(seed: 68 + UInt64(delay))
            pair.cluster.delays = 5...10
            let target = try #require(pair.follower.engine?.nodeID)
            try fill(pair.leader, 0..<5)
            try pair.leader.replica?.switchover(to: target, limit: 500, now: pair.leader.now)
            pair.leader.touch()
            pair.cluster.run(milliseconds: delay)
            pair.cluster.cut(pair.leader, pair.follower)
            if delay % 3 == 0 {
                pair.cluster.crash(pair.leader)
                try pair.cluster.start(pair.leader)
            }
            pair.cluster.run(milliseconds: 6000)
            let open = pair.cluster.nodes.filter { $0.replica?.isOpenPrimary ?? false }
            #expect(open.count <= 1, "after \(delay) ms both take writes")
            pair.cluster.heal(pair.leader, pair.follower)
            #expect(
                pair.cluster.settle(), "after \(delay) ms\n\(pair.cluster.trace.suffix(30).joined(separator: "\n"))")
            #expect(try contents(pair.leader) == contents(pair.follower))
        }
    }
}
