import GodwitSimulation
import Synchronization
import Testing

@testable import GodwitEngine

@Suite("Metrics and events")
struct MetricsTests {
    @Test("metrics add up")
    func numbers() throws {
        let world = World(seed: 1)
        let engine = try world.open()
        #expect(engine.metrics.writes.operations == 0 && engine.metrics.keyspaces[0].entries == 0)
        let other = try engine.createKeyspace("other")
        for index in 0..<4000 {
            try engine.put("key\(index)", "value \(index)", durability: .buffered)
            try engine.put("key\(index)", "other", in: other, durability: .buffered)
        }
        try engine.flush()
        try engine.compact()
        for index in 0..<4000 { _ = try engine.get("key\(index)") }
        for index in 0..<4000 { _ = try engine.get("key\(index)") }
        let snapshot = try engine.snapshot()
        world.executor.run(nanoseconds: 3_000_000_000)
        try engine.put("late", "x")
        let metrics = engine.metrics
        #expect(metrics.writes.operations == 8001)
        #expect(metrics.writes.logBytes > 8000 * 20 && metrics.writes.syncs > 0 && metrics.writes.groups > 0)
        #expect(metrics.writes.amplification > 1)
        #expect(metrics.keyspaces.map(\.name) == ["default", "other"])
        #expect(metrics.keyspaces[0].entries == 4000 && metrics.keyspaces[0].levels.count == 7)
        #expect(metrics.keyspaces[0].memtableEntries == 1)
        #expect(metrics.tableBytes > 0 && metrics.spaceAmplification >= 1)
        // What was flushed and compacted has stayed in memory.
        #expect(metrics.cache.data.hits > 4000 && metrics.cache.data.misses == 0 && metrics.cache.data.hitRate == 1)
        #expect(metrics.cache.index.misses > 0 && metrics.cache.filter.hitRate <= 1)
        #expect(metrics.memory.total > 0 && metrics.memory.total <= metrics.memory.budget)
        #expect(metrics.snapshots == 1 && metrics.oldestSnapshotNanoseconds >= 3_000_000_000)
        #expect(metrics.visible == engine.position && metrics.durable == metrics.visible)
        #expect(metrics.logBytes > 0 && !metrics.isPoisoned && metrics.suspectTables == 0)
        withExtendedLifetime(snapshot) {}
        try engine.close()

        let again = try world.open()
        for _ in 0..<4 { _ = try again.get("key7") }
        let cache = again.metrics.cache
        #expect(cache.data.misses == 1 && cache.data.hitRate > 0.5 && cache.data.hitRate < 1)
        try again.close()
    }

    @Test("a reader that holds memory back for more than a second is told, once and when it has doubled")
    func readerHeldLong() throws {
        let clock = SimulatedClock()
        let events = EventHub()
        let told = Mutex<[UInt64]>([])
        events.listen { event in
            if case .readerHeldLong(let milliseconds) = event { told.withLock { $0.append(milliseconds) } }
        }
        let watch = Watch(clock, events)
        EpochDomain.read {
            for _ in 0..<20 {
                _ = watch.step()
                clock.advance(toMonotonic: clock.monotonicNanoseconds() + 500_000_000)
            }
        }
        let seen = told.withLock { $0 }
        // Other tests' readers may be seen by the same watch: the domain is one for the process.
        #expect(seen.contains { (1000...1500).contains($0) } && seen.count < 8, "\(seen)")
    }

    @Test("a compaction that meets damage says so, leaves the table alone for a while, and goes on elsewhere")
    func damagedInput() throws {
        let world = World(seed: 3)
        var engine = try world.open()
        try engine.createKeyspace("other")
        let told = Mutex<Int>(0)
        // The first table goes down as it is; of the next three one is damaged; the fourth triggers the compaction that
        // meets it.
        for round in 0..<4 {
            for index in 0..<200 { try engine.put("key\(index)", "\(round)", durability: .buffered) }
            try engine.flush()
        }
        let table = try #require(engine.store.manifest.state.keyspaces[0].version.levels[0].tables.first)
        try world.disk.flipBits(FileName.table(table.number).path(in: "/store"), at: 30)
        // What was flushed is in memory: only another process meets the damage.
        try engine.close()
        engine = try world.open()
        engine.listen { event in if case .corruption = event { told.withLock { $0 += 1 } } }
        let other = try #require(engine.keyspace("other"))
        for index in 0..<200 { try engine.put("key\(index)", "last", durability: .buffered) }
        try engine.flush()
        world.executor.run(nanoseconds: 20_000_000_000)
        #expect(told.withLock { $0 } == 1)
        #expect(engine.metrics.suspectTables == 1)
        for _ in 0..<5 {
            for index in 0..<200 { try engine.put("key\(index)", "x", in: other, durability: .buffered) }
            try engine.flush()
        }
        world.executor.run(nanoseconds: 1_000_000_000)
        #expect(engine.metrics.keyspaces[1].levels[0].tables < 4)
        world.executor.run(nanoseconds: 600_000_000_000)
        let tries = told.withLock { $0 }
        #expect(tries > 1 && tries < 8, "\(tries) tries in ten minutes")
        #expect(throws: EngineError.self) { try engine.compact() }
        try engine.close()
    }
}
