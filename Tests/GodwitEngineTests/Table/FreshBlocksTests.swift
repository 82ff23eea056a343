import GodwitSimulation
import Testing

@testable import GodwitEngine

@Suite("Blocks that are cached as they are written")
struct FreshBlocksTests {
    private static let keys = (0..<2000).map { "key\(1_000_000 + $0)" }

    /// How many of the keys memory alone can answer for.
    private func resident(_ engine: Engine) throws -> Int {
        try Self.keys.count { try engine.getIfResident($0) { _ in } == .found }
    }

    private func fill(_ engine: Engine, _ text: String) throws {
        for key in Self.keys { try engine.put(key, text, durability: .buffered) }
    }

    @Test("what was flushed is read from memory")
    func flushKeepsBlocks() throws {
        let engine = try World(seed: 1).open()
        try fill(engine, "first")
        try engine.flush()
        #expect(try resident(engine) == Self.keys.count)
        for key in Self.keys { #expect(try engine.text(key) == "first") }
        #expect(engine.metrics.cache.data.misses == 0)
        try engine.close()
    }

    @Test("what was in memory is there after a compaction, and what was not is not")
    func compactionKeepsBlocks() throws {
        let world = World(seed: 2)
        var engine = try world.open()
        try fill(engine, "first")
        try engine.flush()
        try fill(engine, "second")
        try engine.flush()
        try engine.compact()
        #expect(try resident(engine) == Self.keys.count)
        for key in Self.keys { #expect(try engine.text(key) == "second") }
        try engine.close()

        engine = try world.open()
        try engine.put("key1000000", "third", durability: .buffered)
        try engine.compact()
        #expect(try resident(engine) < Self.keys.count / 10)
        for key in Self.keys { #expect(try engine.text(key) == (key == "key1000000" ? "third" : "second")) }
        try engine.close()
    }

    @Test("blocks of a table that was given up leave the cache, and their memory comes back")
    func givenUp() {
        let cache = BlockCache(capacity: 256 << 10)
        let content = [UInt8](repeating: 7, count: 4000)
        for _ in 0..<20 {
            let fresh = FreshBlocks(cache)
            for _ in 0..<40 { content.withView { fresh.add($0) } }
            #expect(cache.statistics.dataBytes > 100_000)
        }
        #expect(cache.statistics.dataBytes == 0)
        #expect(collectRetired { cache.statistics.deferredBytes == 0 })
        var all: [CachedBlock] = []
        while let block = cache.allocate(length: 4000, kind: .data) { all.append(block) }
        #expect(all.count == 64)
        for block in all { cache.unpin(block) }
    }

    @Test("a flush larger than the cache leaves it within its budget")
    func largerThanCache() throws {
        var options = EngineOptions.small
        options.memtableSize = 2 << 20
        options.baseLevelSize = 16 << 20
        let engine = try World(seed: 3).open(options)
        let keyspace = try engine.createKeyspace("wide")
        for index in 0..<40_000 {
            try engine.put("key\(index)", String(repeating: "v", count: 200), in: keyspace, durability: .buffered)
            if index % 100 == 0 {
                let cache = engine.metrics.cache
                #expect(cache.data.bytes + cache.filter.bytes + cache.index.bytes <= 8 << 20)
            }
        }
        try engine.flush()
        #expect(engine.metrics.cache.evictions > 0)
        for index in stride(from: 0, to: 40_000, by: 7) { #expect(try engine.contains("key\(index)", in: keyspace)) }
        try engine.close()
    }
}
