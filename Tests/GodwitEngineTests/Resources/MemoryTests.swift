import Glibc
import GodwitSimulation
import Testing

@testable import GodwitEngine

@Suite("Memory of engines that come and go")
struct MemoryTests {
    /// Opens, uses and lets go of an engine; returns what must be gone then.
    private func use(_ environment: EngineEnvironment, at path: String, closes: Bool) throws -> () -> Store? {
        let engine = try Engine.open(at: path, options: .small, environment: environment)
        try engine.put("k", "v")
        try engine.flush()
        _ = try engine.get("k")
        if closes { try engine.close() }
        weak let store = engine.store
        return { store }
    }

    @Test("an engine that was closed or let go leaves nothing behind")
    func nothingIsLeft() throws {
        for closes in [true, false] {
            let world = World(seed: 1)
            let simulated = try use(world.environment, at: "/store", closes: closes)
            EpochDomain.collect()
            #expect(simulated() == nil, "simulated, \(closes ? "closed" : "let go")")
            let directory = TemporaryDirectory()
            let real = try use(.system, at: directory.path, closes: closes)
            // Its threads are gone soon, not at once.
            for _ in 0..<1000 where real() != nil {
                usleep(1000)
                EpochDomain.collect()
            }
            #expect(real() == nil, "real, \(closes ? "closed" : "let go")")
        }
    }

    @Test("an engine that a crash left behind goes, and so does one that could not be opened")
    func nothingIsLeftAfterACrash() throws {
        let world = World(seed: 2)
        let crashed = try use(world.environment, at: "/store", closes: false)
        world.crash()
        EpochDomain.collect()
        #expect(crashed() == nil)
    }

    @Test("memory stays within the budget and a tenth, with 10 % of the data and with all of it", arguments: [16, 160])
    func residentMemoryWithinBudget(mebibytes: Int) throws {
        let directory = TemporaryDirectory()
        var options = EngineOptions()
        options.memoryBudget = mebibytes << 20
        options.baseLevelSize = 64 << 20
        let engine = try Engine.open(at: directory.path, options: options)
        let before = residentBytes()
        var highest = 0
        var reported: UInt64 = 0
        func look() {
            highest = max(highest, residentBytes() - before)
            // The figures are read one after the other, while memory goes from one owner to the next: what is over at one
            // look and not a millisecond later was never there.
            var total = engine.metrics.memory.total
            for _ in 0..<3 where total > UInt64(options.memoryBudget) {
                usleep(1000)
                total = min(total, engine.metrics.memory.total)
            }
            reported = max(reported, total)
        }
        let random = SeededRandom(seed: 1)
        // 160,000 values of 1,000 bytes that do not compress, a tenth of them read meanwhile, then all.
        for index in 0..<160_000 {
            try engine.put("k\(index)", random.bytes(1000), durability: .buffered)
            if index % 10 == 0 { _ = try engine.get("k\(random.below(index + 1))") }
            if index % 500 == 0 { look() }
        }
        for index in 0..<160_000 {
            _ = try engine.get("k\(random.below(160_000))")
            if index % 500 == 0 { look() }
        }
        let budget = options.memoryBudget
        #expect(reported <= UInt64(budget + budget / 10), "\(reported >> 20) MiB reported")
        // What jobs have in hand is not the budget's: a table that is written, blocks that are merged, a segment's bytes.
        #expect(highest <= budget + budget / 10 + 24 << 20, "\(highest >> 20) MiB resident, of \(mebibytes) MiB")
        print("budget \(mebibytes) MiB: \(reported >> 20) MiB reported, \(highest >> 20) MiB more resident")
        try engine.close()
    }
}
