import GodwitSimulation
import Testing

@testable import GodwitEngine

@Suite("When memtables are flushed")
struct RotationTests {
    /// Writes small rows for about seven times the log's size, each a commit of its own; returns how many tables of each
    /// keyspace were flushed meanwhile.
    private func flushes(writingTo engine: Engine, _ world: World) throws -> [String: Int] {
        let flushes = Locked<[String: Int]>([:])
        engine.listen { event in
            if case .flushed(let keyspace, _) = event { flushes.withLock { $0[keyspace, default: 0] += 1 } }
        }
        for index in 0..<30_000 {
            try engine.put("k\(index)", String(repeating: "v", count: 100), durability: .buffered)
            if index % 64 == 0 { world.executor.runUntilIdle() }
        }
        engine.listen(nil)
        return flushes.withLock { $0 }
    }

    private var options: EngineOptions {
        var options = EngineOptions.small
        options.memtableSize = 2 << 20
        return options
    }

    @Test("log that is held for somebody else does not have memtables flushed early")
    func heldLog() throws {
        let world = World(seed: 41)
        let engine = try world.open(options)
        try engine.hold("slot", after: engine.historyPoint.position.sequence)
        let flushed = try flushes(writingTo: engine, world)
        #expect((3...10).contains(flushed["default"] ?? 0), "\(flushed)")
        try engine.close()
    }

    @Test("a row that keeps more log alive than the log's size is flushed, once")
    func oldRow() throws {
        let world = World(seed: 42)
        let engine = try world.open(options)
        let quiet = try engine.createKeyspace("quiet")
        try engine.put("k", "v", in: quiet, durability: .buffered)
        let flushed = try flushes(writingTo: engine, world)
        #expect(flushed["quiet"] == 1 && (3...10).contains(flushed["default"] ?? 0), "\(flushed)")
        try engine.close()
    }
}
