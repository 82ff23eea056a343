import GodwitSimulation
import Testing

@testable import GodwitEngine

@Suite("A crash at any moment")
struct CrashTests {
    /// Some of everything that an engine writes: batches, flushes, compactions, new segments.
    private func work(_ ledger: Ledger, _ engine: Engine, rounds: Int = 4) throws(EngineError) {
        for round in 0..<rounds {
            for index in 0..<6 { try ledger.put(engine, "k\(index)", "v\(round)-\(index)") }
            try ledger.batch(engine, ["a": "\(round)", "b": "\(round)", "c\(round)": "x"])
            try ledger.delete(engine, "c\(round - 1)")
            try engine.flush()
            if round % 2 == 1 { try engine.compact() }
        }
        // Enough to go into another segment.
        try ledger.put(engine, "big", String(repeating: "y", count: 100_000))
        try ledger.put(engine, "bigger", String(repeating: "z", count: 200_000))
    }

    /// Cuts the power at every call of `work`, and calls `check` on the store that was opened again.
    private func cutEverywhere(
        _ outcomes: [CrashOutcome], _ check: (World, Engine, Ledger, String) throws -> Void
    ) throws {
        for outcome in outcomes {
            var call = 1
            while true {
                let world = World(seed: UInt64(call))
                let ledger = Ledger()
                var isThrough = false
                do {
                    let engine = try world.open()
                    world.disk.powerOff(afterCalls: call)
                    if (failure { () throws(EngineError) in try work(ledger, engine) }) == nil { isThrough = true }
                    world.crash(outcome)
                }
                if isThrough { break }
                let engine = try world.open()
                try check(world, engine, ledger, "\(outcome), call \(call)")
                try engine.close()
                call += call < 40 ? 1 : 3
            }
            #expect(call > 100)
        }
    }

    @Test("a power cut at every call loses nothing acknowledged, though unsynced names are lost or kept by chance")
    func directorySyncOmitted() throws {
        try cutEverywhere([.loseUnsynced, .scattered, .keepEverything, .inOrder]) { world, engine, ledger, context in
            try ledger.check(engine, context)
            try ledger.put(engine, "after", "crash")
            try engine.flush()
            try ledger.check(engine, context)
        }
    }

    @Test("a crash between a table and its edit, or an edit and its deletions, leaves no table that nobody names")
    func crashBetweenTableSyncAndManifestAndBetweenManifestAndDelete() throws {
        try cutEverywhere([.keepEverything]) { world, engine, ledger, context in
            world.settle()
            #expect(world.orphans(engine) == [], "\(context)")
            try ledger.check(engine, context)
        }
    }

    @Test("fifty crashes in a row during recovery lose nothing")
    func crashDuringRecovery() throws {
        let world = World(seed: 7)
        let ledger = Ledger()
        do {
            let engine = try world.open()
            try work(ledger, engine)
            try ledger.put(engine, "last", "one")
            world.crash()
        }
        for call in 1...50 {
            world.disk.powerOff(afterCalls: call)
            _ = failure { () throws(EngineError) in
                let engine = try Engine.open(at: "/store", options: .small, environment: world.environment)
                try engine.close()
            }
            world.crash()
        }
        let engine = try world.open()
        try ledger.check(engine, "after fifty crashes")
    }

    @Test("a log that is replayed twice gives the same data once")
    func replayTwice() throws {
        let world = World(seed: 8)
        let ledger = Ledger()
        do {
            let engine = try world.open()
            try work(ledger, engine)
            world.crash()
        }
        for _ in 0..<3 {
            let engine = try world.open()
            try ledger.check(engine, "replay")
            world.crash(.keepEverything)
        }
    }

    @Test("a dropped keyspace stays dropped, one whose drop did not return is whole or gone")
    func dropKeyspaceThenCrash() throws {
        var call = 1
        while true {
            let world = World(seed: UInt64(call))
            var isThrough = false
            do {
                let engine = try world.open()
                let space = try engine.createKeyspace("space")
                for index in 0..<50 { try engine.put("k\(index)", "v", in: space, durability: .buffered) }
                try engine.flush()
                for index in 50..<100 { try engine.put("k\(index)", "v", in: space, durability: .buffered) }
                try engine.sync()
                world.disk.powerOff(afterCalls: call)
                isThrough = (failure { () throws(EngineError) in try engine.dropKeyspace(space) }) == nil
                world.crash()
            }
            let engine = try world.open()
            if let space = engine.keyspace("space") {
                #expect(!isThrough)
                #expect(try engine.keys(in: space).count == 100)
            }
            world.settle()
            #expect(world.orphans(engine) == [])
            // The name can be used again, and nothing of the first keyspace shows.
            if engine.keyspace("space") == nil {
                let again = try engine.createKeyspace("space")
                #expect(try engine.keys(in: again) == [])
                try engine.put("new", "v", in: again)
                world.crash()
                let last = try world.open()
                let kept = try #require(last.keyspace("space"))
                #expect(try last.keys(in: kept) == ["new"])
            }
            if isThrough { break }
            call += 1
        }
    }

    @Test("an ingest that a crash cut off is there as a whole or not at all")
    func ingestCrashBetweenPrepareAndCommit() throws {
        for outcome in [CrashOutcome.random, .loseUnsynced, .keepEverything] {
            var call = 1
            while true {
                let world = World(seed: UInt64(call))
                var isThrough = false
                do {
                    let engine = try world.open()
                    try engine.put("k0500", "old")
                    try engine.put("m", "kept")
                    world.disk.powerOff(afterCalls: call)
                    isThrough = (failure { () throws(EngineError) in
                        try engine.ingest { (writer) throws(EngineError) in
                            for index in 0..<2000 {
                                try writer.add("k\(String(10_000 + index).dropFirst())", String(repeating: "n", count: 40))
                            }
                        }
                    }) == nil
                    world.crash(outcome)
                }
                for reopening in 0..<2 {
                    let engine = try world.open()
                    let keys = try engine.keys()
                    #expect(keys.count == 2 || keys.count == 2001, "call \(call), \(outcome), reopening \(reopening)")
                    #expect(!isThrough || keys.count == 2001)
                    #expect(try engine.text("m") == "kept")
                    #expect(try engine.text("k0500") == (keys.count == 2 ? "old" : String(repeating: "n", count: 40)))
                    world.settle()
                    #expect(world.orphans(engine) == [], "call \(call), \(outcome)")
                    try engine.close()
                }
                if isThrough { break }
                call += 2
            }
        }
    }

    @Test("a store opens whose log begins in the middle of an ingest that is in tables")
    func logFloorWithinIngest() throws {
        let world = World(seed: 3)
        var options = EngineOptions()
        options.segmentSize = 64 << 10
        options.logSize = 64 << 10
        var engine = try world.open(options)
        let random = SeededRandom(seed: 3)
        // Several chunks of 1 MiB, each in a segment of its own.
        let values = (0..<40).map { _ in random.bytes(100_000) }
        try engine.ingest { (writer) throws(EngineError) in
            for (index, value) in values.enumerated() { try writer.add("k\(100 + index)", value) }
        }
        world.settle()
        for _ in 0..<2 {
            try engine.close()
            engine = try world.open(options)
            for (index, value) in values.enumerated() { #expect(try engine.get("k\(100 + index)") == value) }
        }
        try engine.close()
    }

    @Test("a keyspace made, changed and dropped is opened read-only")
    func keyspaceRecordsAndReadOnly() throws {
        let world = World(seed: 12)
        do {
            let engine = try world.open()
            let first = try engine.createKeyspace("first")
            try engine.put("k", "v", in: first)
            try engine.alterKeyspace(first, settings: KeyspaceSettings(defaultTTL: 5000))
            try engine.alterKeyspace(first, settings: KeyspaceSettings(defaultTTL: 9000))
            let second = try engine.createKeyspace("second")
            try engine.dropKeyspace(second)
            world.crash(.keepEverything)
        }
        var options = EngineOptions.small
        options.mode = .readOnly
        let engine = try world.open(options)
        #expect(engine.keyspaces.map(\.name) == ["default", "first"])
        #expect(engine.keyspace("first")?.settings.defaultTTL == 9000)
        let first = try #require(engine.keyspace("first"))
        #expect(try engine.text("k", in: first) == "v")
    }

    @Test("the id of a dropped keyspace is not given again, so that an old handle writes nowhere")
    func keyspaceIDsAreUnique() throws {
        let world = World(seed: 13)
        var engine = try world.open()
        let old = try engine.createKeyspace("space")
        let batch = try engine.makeBatch()
        try batch.put("k", "v", in: old)
        try engine.dropKeyspace(old)
        let new = try engine.createKeyspace("space")
        #expect(new.id > old.id)
        #expect(failure { () throws(EngineError) in try engine.put("k", "v", in: old) }?.code == .notFound)
        #expect(failure { () throws(EngineError) in try engine.write(batch) }?.code == .notFound)
        try engine.dropKeyspace(new)
        try engine.close()
        engine = try world.open()
        #expect(try engine.createKeyspace("space").id > new.id)
    }
}
