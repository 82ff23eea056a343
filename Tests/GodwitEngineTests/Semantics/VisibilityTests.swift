import GodwitSimulation
import Testing

@testable import GodwitEngine

@Suite("What readers see")
struct VisibilityTests {
    @Test("a value that expired never uncovers the one it replaced, wherever the two lie")
    func expiryNeverUncoversOlder() throws {
        for moves in 0..<8 {
            let world = World(seed: UInt64(moves))
            var options = EngineOptions.small
            options.expiryGrace = moves & 4 == 0 ? 0 : 1000
            var engine = try world.open(options)
            try engine.put("k", "old", durability: .buffered)
            if moves & 1 != 0 { try engine.flush() }
            if moves & 2 != 0 { try engine.compact() }
            try engine.put("k", "new", ttl: .seconds(1), durability: .buffered)
            try engine.put("other", "x", durability: .buffered)
            func check(_ context: String) throws {
                #expect(try engine.text("k") == nil, "moves \(moves), \(context)")
                #expect(try engine.keys() == ["other"], "moves \(moves), \(context)")
            }
            world.clock.advance(milliseconds: 1000)
            try check("at the deadline")
            try engine.flush()
            try check("flushed")
            world.clock.advance(milliseconds: 3_000_000)
            try check("long after")
            try engine.compact()
            try check("compacted")
            try engine.close()
            engine = try world.open(options)
            try check("opened again")
        }
    }

    @Test("an ingest is newer than what was there before it, and older than what comes after")
    func deleteThenIngestBelow() throws {
        for moves in 0..<4 {
            let world = World(seed: UInt64(moves))
            var engine = try world.open()
            try engine.put("deleted before", "x", durability: .buffered)
            try engine.put("replaced before", "x", durability: .buffered)
            if moves & 1 != 0 { try engine.compact() }
            try engine.delete("deleted before", durability: .buffered)
            try engine.deleteRange(from: "r", to: "s", durability: .buffered)
            let before = try engine.snapshot()
            try engine.ingest { (writer) throws(EngineError) in
                try writer.add("deleted after", "ingested")
                try writer.add("deleted before", "ingested")
                try writer.add("replaced before", "ingested")
            }
            try engine.delete("deleted after", durability: .buffered)
            func check() throws {
                #expect(try engine.text("deleted before") == "ingested")
                #expect(try engine.text("replaced before") == "ingested")
                #expect(try engine.text("deleted after") == nil)
                #expect(try engine.keys() == ["deleted before", "replaced before"])
            }
            try check()
            #expect(try engine.keys(at: before) == [])
            if moves & 2 != 0 { try engine.compact() }
            try check()
            #expect(try engine.keys(at: before) == [])
            try engine.close()
            engine = try world.open()
            try check()
        }
    }

    @Test("a range delete covers many files for readers after it, and none for a snapshot before it")
    func rangeDeleteAcrossFilesWithSnapshot() throws {
        let world = World(seed: 3)
        var engine = try world.open()
        let all = (0..<1000).map { "k\(1000 + $0)" }
        for round in 0..<3 {
            for key in all { try engine.put(key, String(repeating: "\(round)", count: 100), durability: .buffered) }
            try engine.compact()
        }
        let before = try engine.snapshot()
        try engine.deleteRange(from: "k1100", to: "k1900", durability: .buffered)
        try engine.put("k1500", "back", durability: .buffered)
        let after = try engine.snapshot()
        try engine.deleteRange(from: "k1000", to: "k1050", durability: .buffered)
        func check(_ context: String) throws {
            let kept = all.filter { $0 < "k1100" || $0 >= "k1900" || $0 == "k1500" }
            #expect(try engine.keys() == kept.filter { $0 >= "k1050" }, "\(context)")
            #expect(try engine.text("k1500") == "back", "\(context)")
            #expect(try engine.text("k1501") == nil, "\(context)")
            #expect(try engine.text("k1020") == nil, "\(context)")
        }
        func checkSnapshots(_ context: String) throws {
            #expect(try engine.keys(at: before) == all, "\(context)")
            #expect(try engine.text("k1500", at: before) == String(repeating: "2", count: 100), "\(context)")
            #expect(try engine.keys(at: after).count == 201, "\(context)")
        }
        try check("in memory")
        try checkSnapshots("in memory")
        try engine.flush()
        try check("flushed")
        try checkSnapshots("flushed")
        try engine.compact()
        try check("compacted")
        try checkSnapshots("compacted")
        try engine.compact(KeyRange(from: Array("k1200".utf8), to: Array("k1300".utf8)))
        try check("compacted in part")
        try checkSnapshots("compacted in part")
        try engine.close()
        engine = try world.open()
        try check("opened again")
        try engine.compact()
        try check("compacted without snapshots")
    }

    @Test("an entry newer than a range delete stays when both are compacted and other keys of the range lie deeper")
    func entryAboveKeptRangeDelete() throws {
        let world = World(seed: 4)
        let engine = try world.open()
        // Deep: keys of the range, but not the one that matters.
        for index in 0..<400 { try engine.put("a\(1000 + index)", String(repeating: "x", count: 200), durability: .buffered) }
        try engine.compact()
        try engine.deleteRange(from: "a", to: "z", durability: .buffered)
        try engine.put("q", "here", durability: .buffered)
        for _ in 0..<6 {
            try engine.put("zz", "filler", durability: .buffered)
            try engine.flush()
            world.settle()
            #expect(try engine.text("q") == "here")
        }
        try engine.compact(KeyRange(from: Array("q".utf8), to: Array("r".utf8)))
        #expect(try engine.text("q") == "here")
        #expect(try engine.keys() == ["q", "zz"])
    }

    @Test("a snapshot sees the same through flushes, compactions, ingests and drops of other keyspaces")
    func snapshotStableUnderFlushCompactionIngest() throws {
        let world = World(seed: 5)
        let engine = try world.open()
        let other = try engine.createKeyspace("other")
        for index in 0..<300 { try engine.put("k\(1000 + index)", "v\(index)", durability: .buffered) }
        try engine.delete("k1007", durability: .buffered)
        let snapshot = try engine.snapshot()
        let expected = try engine.keys(at: snapshot)
        #expect(expected.count == 299)
        func check(_ context: String) throws {
            #expect(try engine.keys(at: snapshot) == expected, "\(context)")
            for index in stride(from: 0, to: 300, by: 7) where index != 7 {
                #expect(try engine.text("k\(1000 + index)", at: snapshot) == "v\(index)", "\(context)")
            }
            #expect(try engine.text("k1007", at: snapshot) == nil, "\(context)")
        }
        for round in 0..<4 {
            for index in 0..<300 { try engine.put("k\(1000 + index)", "round \(round)", durability: .buffered) }
            try check("overwritten")
            try engine.flush()
            try check("flushed")
            try engine.ingest { (writer) throws(EngineError) in
                for index in 0..<300 { try writer.add("k\(1000 + index)", "ingest \(round)") }
            }
            try check("ingested")
            try engine.deleteRange(from: "k1100", to: "k1200", durability: .buffered)
            try engine.compact()
            try check("compacted")
        }
        try engine.dropKeyspace(other)
        try check("another keyspace dropped")
    }

    @Test("a scan goes on over what it began with while everything changes around it")
    func iteratorWhileEverything() throws {
        for reverse in [false, true] {
            let world = World(seed: 6)
            let engine = try world.open()
            let space = try engine.createKeyspace("space")
            for index in 0..<500 {
                try engine.put("k\(1000 + index)", String(repeating: "v", count: 150), in: space, durability: .buffered)
                if index % 100 == 50 { try engine.flush() }
            }
            var seen: [String] = []
            var problem: EngineError?
            try engine.scan(in: space, reverse: reverse) { key, value in
                seen.append(String(decoding: key.withView { $0.array }, as: UTF8.self))
                #expect(value.byteCount == 150)
                problem = problem ?? failure { () throws(EngineError) in
                    switch seen.count {
                    case 50: for index in 0..<500 { try engine.put("k\(1000 + index)", "n", in: space, durability: .buffered) }
                    case 100: try engine.flush()
                    case 150: try engine.compact(in: space)
                    case 200: try engine.deleteRange(from: "k", to: "l", in: space)
                    case 250: try engine.compact(in: space)
                    case 300:
                        try engine.ingest(into: space) { (writer) throws(EngineError) in try writer.add("k1000", "i") }
                    case 350: try engine.dropKeyspace(space)
                    case 400: _ = try engine.createKeyspace("space")
                    default: break
                    }
                }
                world.executor.runSome(2)
                return true
            }
            #expect(problem == nil)
            let expected = (0..<500).map { "k\(1000 + $0)" }
            #expect(seen == (reverse ? expected.reversed() : expected))
            world.settle()
            #expect(world.orphans(engine) == [])
        }
    }

    @Test("an idle keyspace does not keep the log of a busy one alive")
    func idleKeyspaceDoesNotPinLog() throws {
        let world = World(seed: 9)
        var options = EngineOptions.small
        options.segmentSize = 64 << 10
        options.logSize = 256 << 10
        var engine = try world.open(options)
        let idle = try engine.createKeyspace("idle")
        try engine.put("only", "one", in: idle)
        var largest = 0
        for index in 0..<20_000 {
            try engine.put("k\(index % 3000)", String(repeating: "v", count: 100), durability: .buffered)
            if index % 200 == 0 {
                world.executor.runUntilIdle()
                let log = world.disk.paths.filter { $0.hasSuffix(".log") }
                largest = max(largest, log.reduce(0) { $0 + (world.disk.contents($1)?.count ?? 0) })
            }
        }
        #expect(largest < 1 << 20, "the log grew to \(largest) bytes")
        #expect(try engine.text("only", in: idle) == "one")
        world.crash()
        engine = try world.open(options)
        let kept = try #require(engine.keyspace("idle"))
        #expect(try engine.text("only", in: kept) == "one")
    }

    @Test("what has expired stays gone when the wall clock goes back, also over a crash")
    func clockJumps() throws {
        let world = World(seed: 10)
        var engine = try world.open()
        try engine.put("k", "v", ttl: .seconds(10))
        try engine.put("long", "v", ttl: .seconds(1_000_000))
        world.clock.advance(milliseconds: 10_000)
        #expect(try engine.text("k") == nil)
        try engine.put("later", "v")
        world.clock.jumpWall(milliseconds: -30_000)
        #expect(try engine.text("k") == nil)
        world.clock.jumpWall(milliseconds: -3_600_000)
        #expect(try engine.text("k") == nil)
        world.crash()
        engine = try world.open()
        #expect(try engine.text("later") == "v")
        #expect(try engine.text("k") == nil, "the clock went back over a crash")
        // A clock that runs away is not believed at once.
        world.clock.jumpWall(milliseconds: 10_000_000_000)
        #expect(try engine.text("long") == "v")
        try engine.close()
        engine = try world.open()
        #expect(try engine.text("k") == nil)
    }
}
