import GodwitSimulation
import Testing

@testable import GodwitEngine

@Suite("A multi-get")
struct MultiGetTests {
    /// A store with versions of keys in every place: levels, L0, memtables; with deletes and a range delete.
    private func fill(_ engine: Engine, _ random: SeededRandom) throws {
        for round in 0..<6 {
            for _ in 0..<400 {
                let key = "k\(random.below(1000))"
                if random.below(8) == 0 {
                    try engine.delete(key, durability: .buffered)
                } else {
                    try engine.put(key, "\(round) \(key) \(random.next())", durability: .buffered)
                }
            }
            if round == 1 { try engine.compact() }
            if round == 3 { try engine.deleteRange(from: "k3", to: "k4", durability: .buffered) }
            if (2...4).contains(round) { try engine.flush() }
        }
    }

    /// What a multi-get gives for each key.
    private func many(_ engine: Engine, _ keys: [[UInt8]], at snapshot: Snapshot? = nil) throws -> [[UInt8]?] {
        var values = [[UInt8]?](repeating: nil, count: keys.count)
        try engine.multiGet(keys, at: snapshot) { index, value in
            #expect(values[index] == nil, "lent twice")
            values[index] = value.withView { $0.array }
        }
        return values
    }

    @Test("gives what single gets give, cached or not, now or at a snapshot")
    func agreesWithGet() throws {
        let seed = testSeed()
        let random = SeededRandom(seed: seed)
        let world = World(seed: seed)
        var engine = try world.open()
        try fill(engine, random)
        let snapshot = try engine.snapshot()
        for index in 0..<200 { try engine.put("k\(index * 5)", "later", durability: .buffered) }
        let keys =
            (0..<300).map { _ in Array("k\(random.below(1200))".utf8) } + [[], Array("k7".utf8), Array("k7".utf8)]
        for held in [nil, snapshot] {
            let values = try many(engine, keys, at: held)
            for (key, value) in zip(keys, values) { #expect(try engine.get(key, at: held) == value, "seed \(seed)") }
        }
        let expected = try many(engine, keys)
        try engine.flush()
        try engine.close()
        // Nothing is cached now: the blocks are read together, or, on the simulated disk, by the pool.
        engine = try world.open()
        #expect(try many(engine, keys) == expected, "seed \(seed)")
        #expect(try many(engine, keys) == expected, "seed \(seed)")
        try engine.close()
    }

    @Test("reads blocks of the computer's disk together, and gives what single gets give")
    func readsTogether() throws {
        let directory = TemporaryDirectory()
        let random = SeededRandom(seed: 4)
        for direct in [false, true] {
            let path = directory.path + "/\(direct)"
            var options = EngineOptions()
            options.directReads = direct
            var engine = try Engine.open(at: path, options: options)
            try fill(engine, random)
            try engine.flush()
            try engine.close()
            engine = try Engine.open(at: path, options: options)
            let keys = (0..<500).map { _ in Array("k\(random.below(1200))".utf8) }
            let values = try many(engine, keys)
            for (key, value) in zip(keys, values) { #expect(try engine.get(key) == value) }
            try engine.close()
        }
    }

    @Test("of a damaged block throws, and never passes its keys off as absent")
    func damage() throws {
        let world = World(seed: 5)
        var engine = try world.open()
        for index in 0..<2000 {
            try engine.put("k\(10_000 + index)", String(repeating: "v", count: 60), durability: .buffered)
        }
        try engine.flush()
        try engine.compact()
        let table = try #require(engine.store.allTrees[0].view.levels.flatMap(\.tables).first)
        try engine.close()
        try world.disk.flipBits(table.reader.path, at: 300)
        engine = try world.open()
        let keys = (0..<2000).map { Array("k\(10_000 + $0)".utf8) }
        var lent = 0
        #expect(throws: EngineError.self) { try engine.multiGet(keys) { _, _ in lent += 1 } }
        #expect(lent < 2000)
        try engine.close()
    }

    @Test("that may not wait names each key that memory cannot tell of")
    func resident() throws {
        let world = World(seed: 6)
        var engine = try world.open()
        for index in 0..<100 { try engine.put("k\(index)", "v") }
        try engine.flush()
        try engine.put("fresh", "v")
        try engine.close()
        engine = try world.open()
        let keys = ["k1", "fresh", "k2"].map { Array($0.utf8) }
        var found: [Int] = []
        var cold: [Int] = []
        try engine.multiGetIfResident(keys) { index, _ in
            found.append(index)
        } needsIO: {
            cold.append($0)
        }
        #expect(found == [1] && cold == [0, 2])
        #expect(try many(engine, keys).allSatisfy { $0 != nil })
        found = []
        try engine.multiGetIfResident(keys) { index, _ in
            found.append(index)
        } needsIO: { _ in
            Issue.record("cached")
        }
        #expect(found.sorted() == [0, 1, 2])
        try engine.close()
    }
}
