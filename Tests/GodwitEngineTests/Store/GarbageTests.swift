import GodwitSimulation
import Testing

@testable import GodwitEngine

@Suite("What nothing needs any more")
struct GarbageTests {
    @Test("a close lets go of replaced views and deletes all tables that nothing names, whatever ran before it")
    func close() throws {
        for seed in 1...40 as ClosedRange<UInt64> {
            let world = World(seed: seed)
            let engine = try world.open()
            for round in 0..<5 {
                for index in 0..<50 { try engine.put("key\(index)", "value\(round)", durability: .buffered) }
                try engine.flush()
            }
            try engine.compact()
            try engine.close()
            let named = Set(engine.store.manifest.state.tableNumbers)
            let found = try world.disk.list("/store").compactMap { name -> UInt64? in
                guard case .table(let number)? = FileName(name) else { return nil }
                return number
            }
            #expect(Set(found) == named, "seed \(seed)")
        }
    }
}
