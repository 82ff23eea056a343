import GodwitSimulation
import Synchronization
import Testing

@testable import GodwitEngine

@Suite("What replication stands on")
struct ReplicationSeamTests {
    /// Everything a keyspace shows, in order.
    private func contents(_ engine: Engine, in keyspace: Keyspace? = nil) throws -> [[UInt8]] {
        var all: [[UInt8]] = []
        try engine.scan(in: keyspace) { key, value in
            all.append(key.withView { $0.array } + [0] + value.withView { $0.array })
            return true
        }
        return all
    }

    @Test("a follower that applies the stream has the same history and the same data")
    func followerHasTheSameData() throws {
        let leaderWorld = World(seed: 11)
        let followerWorld = World(seed: 12)
        let leader = try leaderWorld.open()
        var options = EngineOptions.small
        options.beginsEpochs = false
        var follower = try followerWorld.open(options)
        let stream = try leader.logStream(after: .start)
        let random = SeededRandom(seed: 13)
        let other = try leader.createKeyspace("other")
        for round in 0..<40 {
            for _ in 0..<50 {
                try leader.put("k\(random.below(500))", "\(random.next())", in: random.below(2) == 0 ? other : nil, durability: .buffered)
            }
            if round % 7 == 3 { try leader.deleteRange(from: "k1", to: "k2", durability: .buffered) }
            if round % 9 == 5 { try leader.flush() }
            while true {
                var failure: (any Error)?
                let more: Void? = try stream.next(maxBytes: 4096) { records, _ in
                    do { try follower.apply(records: records, durability: .buffered) } catch { failure = error }
                }
                if let failure { throw failure }
                if more == nil { break }
            }
            #expect(follower.historyPoint == leader.historyPoint)
            if round == 20 {
                try follower.close()
                follower = try followerWorld.open(options)
            }
        }
        #expect(try contents(follower) == contents(leader))
        let copied = try #require(follower.keyspace("other"))
        #expect(try contents(follower, in: copied) == contents(leader, in: other))
        #expect(follower.epochHistory == leader.epochHistory)
        try follower.close()
        try leader.close()
    }

    @Test("a keyspace created amid records that fill a memtable costs none of those that come after")
    func keyspaceCreatedAmidRecords() throws {
        let leader = try World(seed: 14).open()
        let followerWorld = World(seed: 15)
        var options = EngineOptions.small
        options.beginsEpochs = false
        var follower = try followerWorld.open(options)
        let stream = try leader.logStream(after: .start)
        func follow() throws {
            while true {
                var failure: (any Error)?
                let more: Void? = try stream.next { records, _ in
                    do { try follower.apply(records: records) } catch { failure = error }
                }
                if let failure { throw failure }
                if more == nil { return }
            }
        }
        let value = String(repeating: "v", count: EngineOptions.small.memtableSize / 20)
        for round in 0..<6 {
            for number in 0..<40 { try leader.put("\(round)/\(number)", value, durability: .buffered) }
            try leader.createKeyspace("created\(round)")
            if round % 2 == 0 { try leader.put("\(round)/after", "1", durability: .buffered) }
            try follow()
            for number in 0..<5 { try leader.put("\(round)/later\(number)", "1", durability: .buffered) }
            try follow()
        }
        try follower.flush()
        #expect(try contents(follower) == contents(leader))
        try follower.close()
        follower = try followerWorld.open(options)
        #expect(try contents(follower) == contents(leader))
        try follower.close()
        try leader.close()
    }

    @Test("records of another history, repeated or after a gap are refused and nothing is applied")
    func sameSequenceOtherHistory() throws {
        let world = World(seed: 21)
        let engine = try world.open()
        let elsewhere = World(seed: 22)
        let stranger = try elsewhere.open()
        try engine.put("a", "1")
        try stranger.put("a", "2")
        try stranger.put("b", "3")
        let stream = try stranger.logStream(after: .start)
        let before = engine.historyPoint
        var codes: [EngineError.Code] = []
        while true {
            let more: Void? = try stream.next(maxBytes: 1) { records, _ in
                do throws(EngineError) { try engine.apply(records: records) } catch { codes.append(error.code) }
            }
            if more == nil { break }
        }
        #expect(codes.count == 3 && codes.allSatisfy { $0 == .history })
        #expect(engine.historyPoint == before)
        #expect(try engine.get("a") == Array("1".utf8))
        try stranger.close()
        try engine.close()
    }

    @Test("a rewind after flush and compaction of the tail shows exactly the state at the target, also after a reopen")
    func rewindAfterFlushAndCompactionOfTheTail() throws {
        for seed in 31...60 as ClosedRange<UInt64> {
            let world = World(seed: seed)
            let random = SeededRandom(seed: seed)
            var options = EngineOptions.small
            options.rewindInterval = 0
            var engine = try world.open(options)
            let second = try engine.createKeyspace("second")
            var history: [(point: HistoryPoint, first: [[UInt8]], second: [[UInt8]])] = []
            for _ in 0..<30 {
                for _ in 0..<60 {
                    let key = "k\(random.below(300))"
                    let value = String(repeating: "v", count: random.below(60)) + "\(random.next())"
                    try engine.put(key, value, in: random.below(3) == 0 ? second : nil, durability: .buffered)
                }
                if random.below(4) == 0 { try engine.deleteRange(from: "k1\(random.below(9))", to: "k2", durability: .buffered) }
                history.append((engine.historyPoint, try contents(engine), try contents(engine, in: second)))
                switch random.below(5) {
                case 0: try engine.flush()
                case 1: try engine.compact()
                default: break
                }
            }
            let oldest = try #require(engine.rewindPoints.first).position.sequence
            let candidates = history.filter { $0.point.position.sequence >= oldest }
            let target = candidates[random.below(candidates.count)]
            try engine.rewind(to: target.point)
            #expect(engine.historyPoint == target.point)
            #expect(try contents(engine) == target.first, "seed \(seed)")
            #expect(try contents(engine, in: second) == target.second, "seed \(seed)")
            try engine.put("after", "rewind")
            if seed % 2 == 0 { world.crash() } else { try engine.close() }
            engine = try world.open(options)
            try engine.delete("after")
            #expect(try contents(engine) == target.first, "seed \(seed) reopened")
            try engine.compact()
            #expect(try contents(engine) == target.first, "seed \(seed) compacted")
            try engine.close()
        }
    }

    @Test("a rewind over several segments gives the dead ones back, and the log never begins with one")
    func rewindOverSeveralSegments() throws {
        for seed in 71...90 as ClosedRange<UInt64> {
            let world = World(seed: seed)
            var options = EngineOptions.small
            options.rewindInterval = 0
            options.segmentSize = 64 << 10
            var engine = try world.open(options)
            func write(_ count: Int, _ name: String) throws {
                for number in 0..<count {
                    let value = String(repeating: "v", count: 1000) + name
                    try engine.put("k\(number)", value, durability: number % 7 == 0 ? .synced : .buffered)
                }
            }
            try write(30, "first")
            let target = engine.historyPoint
            try engine.flush()
            try write(300, "second")
            try engine.rewind(to: target)
            let side = try engine.writable()
            let cuts = LogCuts(engine.store.manifest.state.logCuts)
            #expect(side.segments.live.allSatisfy { !cuts.isDead($0) }, "seed \(seed)")
            try write(100 + Int(seed), "third")
            try engine.flush()
            world.settle()
            if seed % 2 == 0 { world.crash() } else { try engine.close() }
            engine = try world.open(options)
            #expect(try engine.text("k5") == String(repeating: "v", count: 1000) + "third", "seed \(seed)")
            try engine.close()
        }
    }

    @Test("a rewind point that was given up is not offered again after a crash, once compaction has used that")
    func givenUpRewindPointStaysGone() throws {
        let world = World(seed: 91)
        var options = EngineOptions.small
        options.rewindInterval = 0
        var engine = try world.open(options)
        try engine.put("a", "1")
        try engine.flush()
        let point = engine.historyPoint
        try engine.put("a", "2")
        try engine.flush()
        // Recorded with the flush: the manifest offers both.
        #expect(engine.store.manifest.state.rewindPoints.first == point)
        try engine.dropRewindPoints(below: engine.historyPoint.position.sequence)
        try engine.compact()
        try engine.put("b", "1")
        world.crash(.keepEverything)
        engine = try world.open(options)
        #expect(!engine.rewindPoints.contains(point))
        #expect(throws: EngineError.self) { try engine.rewind(to: point) }
        #expect(try engine.text("a") == "2")
        try engine.close()
    }

    @Test("a rewind keeps what other keyspaces had in memory at the rewind point")
    func rewindKeepsMemoryOfOtherKeyspaces() throws {
        let world = World(seed: 61)
        var options = EngineOptions.small
        options.rewindInterval = 0
        let engine = try world.open(options)
        let idle = try engine.createKeyspace("idle")
        try engine.put("kept", "1", in: idle)
        // Only the busy keyspace's memtable is full: the point is taken while the idle one's holds a write.
        var number = 0
        while engine.rewindPoints.isEmpty {
            try engine.put("k\(number)", String(repeating: "v", count: 1000), durability: .buffered)
            number += 1
        }
        let target = engine.historyPoint
        for _ in 0..<200 {
            try engine.put("k\(number)", String(repeating: "w", count: 1000), durability: .buffered)
            number += 1
        }
        try engine.rewind(to: target)
        #expect(try engine.get("kept", in: idle) == Array("1".utf8))
        try engine.close()
        let reopened = try world.open(options)
        let found = try #require(reopened.keyspace("idle"))
        #expect(try reopened.get("kept", in: found) == Array("1".utf8))
        try reopened.close()
    }

    @Test("a rewind needs no point while everything above the target is in memory")
    func rewindInMemory() throws {
        for isCrashed in [false, true] {
            let world = World(seed: 62)
            var engine = try world.open()
            try engine.put("a", "1")
            try engine.flush()
            try engine.put("b", "1")
            let target = engine.historyPoint
            let before = try contents(engine)
            try engine.put("a", "2")
            try engine.createKeyspace("late")
            try engine.deleteRange(from: "a", to: "z")
            #expect(engine.rewindPoints.isEmpty)
            if isCrashed {
                world.crash()
                var options = EngineOptions.small
                options.beginsEpochs = false
                engine = try world.open(options)
            }
            try engine.rewind(to: target)
            #expect(engine.historyPoint == target)
            #expect(try contents(engine) == before)
            #expect(engine.keyspace("late") == nil)
            try engine.put("c", "1")
            try engine.close()
            engine = try world.open()
            #expect(try engine.get("a") == Array("1".utf8) && engine.get("c") == Array("1".utf8))
            // Once it is in tables, or cannot be taken back, only a point helps.
            let tables = engine.historyPoint
            try engine.put("d", "1")
            try engine.flush()
            #expect(throws: EngineError.self) { try engine.rewind(to: tables) }
            let dropped = engine.historyPoint
            try engine.dropKeyspace(engine.createKeyspace("short"))
            #expect(throws: EngineError.self) { try engine.rewind(to: dropped) }
            try engine.close()
        }
    }

    @Test("the log that a rewind reads back into memory is not given up meanwhile")
    func rewindBesideRetention() throws {
        let directory = TemporaryDirectory()
        let isOver = Atomic<Bool>(false)
        var engine = try Engine.open(at: directory.path)
        for round in 0..<12 {
            for index in 0..<2000 { try engine.put("k\(index)", "\(round)", durability: .buffered) }
            let target = engine.historyPoint
            for index in 0..<100 { try engine.put("k\(index)", "tail", durability: .buffered) }
            let (rewound, side) = (engine, try engine.writable())
            isOver.store(false, ordering: .relaxed)
            let failed = Atomic<Bool>(false)
            onThreads(2) { thread in
                if thread == 0 {
                    while !isOver.load(ordering: .relaxed) { side.wakeRetention() }
                } else {
                    do { try rewound.rewind(to: target) } catch { failed.store(true, ordering: .relaxed) }
                    isOver.store(true, ordering: .relaxed)
                }
            }
            let hasFailed = failed.load(ordering: .relaxed)
            #expect(!hasFailed)
            try engine.close()
            engine = try Engine.open(at: directory.path)
            var count = 0
            try engine.scan { _, value in
                count += value.withView { $0.array } == Array("\(round)".utf8) ? 1 : 0
                return true
            }
            try #require(count == 2000, "round \(round)")
        }
        try engine.close()
    }

    /// A store that is to go back over much more log than a memtable holds.
    private func longTail(
        _ world: World, _ options: EngineOptions
    ) throws -> (Engine, target: HistoryPoint, first: [[UInt8]], second: [[UInt8]]) {
        let random = SeededRandom(seed: world.random.next())
        let engine = try world.open(options)
        var second = try engine.createKeyspace("second")
        func write(_ count: Int) throws {
            for _ in 0..<count {
                let value = String(repeating: "v", count: random.below(600)) + "\(random.next())"
                switch random.below(40) {
                case 0: try engine.delete("k\(random.below(500))", durability: .buffered)
                case 1: try engine.deleteRange(from: "k1", to: "k12", durability: .buffered)
                default:
                    try engine.put(
                        "k\(random.below(500))", value, in: random.below(3) == 0 ? second : nil,
                        durability: .buffered)
                }
            }
        }
        while engine.rewindPoints.isEmpty { try write(10) }
        try write(600)
        // Made after the rewind point: a rewind makes it anew.
        second = try engine.createKeyspace("third")
        try write(1500)
        let target = (engine.historyPoint, try contents(engine), try contents(engine, in: second))
        try write(400)
        if random.chance(1, in: 2) { try engine.flush() }
        return (engine, target.0, target.1, target.2)
    }

    @Test("a rewind over a long log holds no more of it in memory than memtables may")
    func rewindOverALongLog() throws {
        for seed in 110...119 as ClosedRange<UInt64> {
            let world = World(seed: seed)
            var options = EngineOptions.small
            options.rewindInterval = 1 << 30
            let (opened, target, first, second) = try longTail(world, options)
            var engine = opened
            #expect(engine.rewindPoints.count == 1)
            try engine.rewind(to: target)
            for tree in engine.store.allTrees {
                #expect(tree.view.memtables.count == 1)
                #expect(tree.view.active.bytesUsed < 2 * options.memtableSize, "seed \(seed): \(tree.name)")
            }
            func check(_ what: String) throws {
                #expect(engine.historyPoint.position.sequence >= target.position.sequence)
                #expect(try contents(engine) == first, "seed \(seed) \(what)")
                let third = try #require(engine.keyspace("third"))
                #expect(try contents(engine, in: third) == second, "seed \(seed) \(what)")
            }
            try check("rewound")
            if seed % 2 == 0 { world.crash() } else { try engine.close() }
            engine = try world.open(options)
            try check("reopened")
            try engine.compact()
            try check("compacted")
            try engine.close()
        }
    }

    @Test("a rewind over a long log that power cuts off anywhere has happened as a whole or not at all")
    func crashDuringLongRewind() throws {
        var outcomes: Set<Bool> = []
        for seed in 200..<240 as Range<UInt64> {
            let world = World(seed: seed)
            var options = EngineOptions.small
            options.rewindInterval = 1 << 30
            let (opened, target, first, _) = try longTail(world, options)
            var engine = opened
            let before = try contents(engine)
            world.disk.powerOff(afterCalls: world.random.within(1...250))
            let error = failure { () throws(EngineError) in try engine.rewind(to: target) }
            world.crash()
            engine = try world.open(options)
            let after = try contents(engine)
            let isRewound = after != before
            #expect(!isRewound || after == first, "seed \(seed): neither the one nor the other")
            #expect(error != nil || isRewound, "seed \(seed): a rewind that returned is gone")
            outcomes.insert(isRewound)
            try engine.put("k7", "later")
            try engine.compact()
            #expect(try engine.text("k7") == "later")
            try engine.close()
        }
        #expect(outcomes == [false, true])
    }

    @Test("a rewind that power cuts off at any call has happened as a whole or not at all")
    func crashDuringRewind() throws {
        var options = EngineOptions.small
        options.rewindInterval = 0
        var outcomes: Set<Bool> = []
        for call in 1... {
            let world = World(seed: UInt64(call))
            var engine = try world.open(options)
            var target: (point: HistoryPoint, contents: [[UInt8]])?
            for round in 0..<6 {
                for index in 0..<40 { try engine.put("k\(index)", "round \(round)", durability: .buffered) }
                if round % 2 == 0 { try engine.flush() }
                if round == 3 { target = (engine.historyPoint, try contents(engine)) }
            }
            let (point, wanted) = try #require(target)
            try engine.put("k7", "last")
            let before = try contents(engine)

            world.disk.powerOff(afterCalls: call)
            let error = failure { () throws(EngineError) in try engine.rewind(to: point) }
            let isPast = !world.disk.isPowerOff
            #expect((error == nil) || world.disk.isPowerOff, "call \(call): \(String(describing: error))")
            world.crash()
            engine = try world.open(options)
            let after = try contents(engine)
            let isRewound = after != before
            #expect(!isRewound || after == wanted, "call \(call): neither the one nor the other")
            #expect(error != nil || isRewound, "call \(call): a rewind that returned is gone")
            outcomes.insert(isRewound)
            try engine.put("k7", "later")
            try engine.compact()
            #expect(try engine.text("k7") == "later")
            try engine.close()
            if isPast { break }
        }
        #expect(outcomes == [false, true])
    }
}
