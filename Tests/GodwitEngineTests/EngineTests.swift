import GodwitSimulation
import Testing

@testable import GodwitEngine

@Suite("An engine on a simulated disk")
struct EngineTests {
    @Test("what is put is read, before and after a reopen")
    func putGetReopen() throws {
        let world = World(seed: 1)
        var engine = try world.open()
        for index in 0..<1000 { try engine.put("key\(index)", "value\(index)", durability: .buffered) }
        try engine.delete("key7")
        func check() throws {
            #expect(try engine.get("key7") == nil)
            for index in 0..<1000 where index != 7 {
                #expect(try engine.get("key\(index)") == Array("value\(index)".utf8))
            }
        }
        try check()
        try engine.close()
        engine = try world.open()
        try check()
        try engine.flush()
        try check()
        try engine.compact()
        try check()
        try engine.close()
        engine = try world.open()
        try check()
        try engine.close()
    }

    @Test("scans see keys in order, both ways, within bounds")
    func scans() throws {
        let world = World(seed: 2)
        let engine = try world.open()
        for index in 0..<300 {
            try engine.put("k\(1000 + index)", "v\(index)", durability: .buffered)
            if index % 100 == 99 { try engine.flush() }
        }
        try engine.deleteRange(from: "k1100", to: "k1150", durability: .buffered)
        func keys(_ range: KeyRange, reverse: Bool = false, limit: Int = .max) throws -> [String] {
            var keys: [String] = []
            try engine.scan(range, reverse: reverse, limit: limit) { key, _ in
                keys.append(String(decoding: key.withView { $0.array }, as: UTF8.self))
                return true
            }
            return keys
        }
        let expected = (0..<300).filter { !(100..<150).contains($0) }.map { "k\(1000 + $0)" }
        #expect(try keys(.all) == expected)
        #expect(try keys(.all, reverse: true) == expected.reversed())
        #expect(try keys(KeyRange(from: Array("k1098".utf8), to: Array("k1152".utf8))) == ["k1098", "k1099", "k1150", "k1151"])
        #expect(try keys(.prefix(Array("k129".utf8)), reverse: true, limit: 2) == ["k1299", "k1298"])
        try engine.close()
    }

    @Test("an acknowledged synced write survives a power loss")
    func powerLoss() throws {
        for seed in 1...20 as ClosedRange<UInt64> {
            let world = World(seed: seed)
            var engine = try world.open()
            for index in 0..<50 { try engine.put("s\(index)", "\(seed)") }
            for index in 0..<20 { try engine.put("b\(index)", "x", durability: .buffered) }
            world.crash()
            engine = try world.open()
            for index in 0..<50 { #expect(try engine.get("s\(index)") == Array("\(seed)".utf8)) }
            try engine.close()
        }
    }

    @Test("a closed engine and a crashed one free everything they held")
    func nothingIsHeldAfterwards() throws {
        let world = World(seed: 5)
        weak var store: Store?
        for ending in 0..<4 {
            do {
                var options = EngineOptions.small
                if ending == 3 { options.mode = .readOnly }
                let engine = try world.open(options)
                store = engine.store
                if ending != 3 {
                    for index in 0..<2000 { try engine.put("k\(index)", "v", durability: .buffered) }
                    try engine.flush()
                }
                if ending != 1 { try engine.close() }
            }
            #expect(store == nil, "ending \(ending)")
            if ending == 1 { world.crash() }
        }
    }
}
