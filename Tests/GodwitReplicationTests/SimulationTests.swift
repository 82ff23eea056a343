import ClusterSimulation
import Foundation
import Testing

@Suite("Random histories of a cluster")
struct SimulationTests {
    private static func number(_ name: String) -> UInt64? {
        ProcessInfo.processInfo.environment[name].flatMap { UInt64($0) }
    }

    @Test("the same seed gives the same trace, byte for byte")
    func sameSeedSameTrace() throws {
        for seed in [7, 8, 9] as [UInt64] {
            let runs = try (0..<2).map { _ in try Simulation(seed: seed, steps: 120).run().trace }
            #expect(runs[0] == runs[1])
            #expect(runs[0].count > 100)
        }
        #expect(try Simulation(seed: 7, steps: 20).run().trace != Simulation(seed: 8, steps: 20).run().trace)
    }

    @Test("whatever happens, the rules hold and every acknowledged write is accounted for")
    func rulesHold() throws {
        let first = Self.number("GODWIT_SEED") ?? UInt64.random(in: 0...UInt64(UInt32.max))
        let count = Self.number("GODWIT_SEEDS")
        let started = Date()
        var seed = first
        var acknowledged = 0
        var fates: [Ledger.Fate: Int] = [:]
        var events = [0, 0, 0, 0]
        while count.map({ seed - first < $0 }) ?? (Date().timeIntervalSince(started) < 20) {
            let simulation = Simulation(seed: seed, steps: 120)
            do {
                let outcome = try simulation.run()
                acknowledged += outcome.acknowledged
                fates.merge(outcome.fates) { $0 + $1 }
                for (index, number) in [outcome.promotions, outcome.switchovers, outcome.rewinds, outcome.copies]
                    .enumerated()
                {
                    events[index] += number
                }
            } catch {
                Issue.record("seed \(seed): \(error)\n\(simulation.trace.suffix(40).joined(separator: "\n"))")
                break
            }
            seed += 1
        }
        let rate = Double(seed - first) / max(0.001, Date().timeIntervalSince(started))
        let text = Ledger.Fate.allCases.map { "\(fates[$0] ?? 0) \($0.rawValue)" }.joined(separator: ", ")
        print(
            "simulation: seeds \(first)..<\(seed), \(Int(rate)) a second; \(acknowledged) acknowledged: \(text); "
                + "\(events[0]) promotions, \(events[1]) switchovers, \(events[2]) rewinds, \(events[3]) copies")
        #expect(fates.values.reduce(0, +) == acknowledged)
    }
}
