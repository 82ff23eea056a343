import ArgumentParser
import ClusterSimulation

/// Runs a random history of a cluster and says what came of it.
@main
struct Sim: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "godwit-sim",
        abstract: "Runs a cluster on simulated disks, clocks and network: the same seed gives the same trace.")

    @Option(help: "The seed that decides everything.")
    var seed: UInt64

    @Option(help: "How many seeds to run, from the given one on.")
    var seeds: UInt64 = 1

    @Option(help: "How many things happen in a run.")
    var steps = 120

    @Flag(help: "Print the trace.")
    var trace = false

    func run() throws {
        for seed in seed..<seed + seeds {
            let simulation = Simulation(seed: seed, steps: steps)
            do {
                let outcome = try simulation.run()
                if trace { for line in outcome.trace { print(line) } }
                let fates = Ledger.Fate.allCases.map { "\(outcome.fates[$0] ?? 0) \($0.rawValue)" }
                print(
                    "seed \(seed): \(outcome.acknowledged) acknowledged, \(fates.joined(separator: ", ")); "
                        + "\(outcome.promotions) promotions, \(outcome.switchovers) switchovers, "
                        + "\(outcome.rewinds) rewinds, \(outcome.copies) copies")
            } catch {
                if trace { for line in simulation.trace { print(line) } }
                print("seed \(seed): \(error)")
                throw ExitCode(1)
            }
        }
    }
}
