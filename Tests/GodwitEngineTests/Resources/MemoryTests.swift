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
}
