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

    @Flag(help: "Print only the seeds that fail, and how many there were.")
    var quiet = false

    @Flag(help: "Print the trace.")
    var trace = false

    func run() throws {
        let clock = ContinuousClock()
        let start = clock.now
        var failed: [UInt64] = []
        for seed in seed..<seed + seeds where !runs(seed) { failed.append(seed) }
        let seconds = (clock.now - start) / .seconds(1)
        let rate = Int((Double(seeds) / max(seconds, 0.001)).rounded())
        print("\(seeds) seeds in \(Int(seconds)) s, \(rate) a second; \(failed.count) failed: \(failed)")
        if !failed.isEmpty { throw ExitCode(1) }
    }

    /// Runs one seed; returns whether all rules held.
    private func runs(_ seed: UInt64) -> Bool {
        let simulation = Simulation(seed: seed, steps: steps)
        var text: String
        var holds = true
        do {
            let outcome = try simulation.run()
            let fates = Ledger.Fate.allCases.map { "\(outcome.fates[$0] ?? 0) \($0.rawValue)" }
            text =
                "\(outcome.acknowledged) acknowledged, \(fates.joined(separator: ", ")); "
                + "\(outcome.promotions) promotions, \(outcome.switchovers) switchovers, "
                + "\(outcome.rewinds) rewinds, \(outcome.copies) copies"
        } catch {
            text = "FAILED: \(error)"
            holds = false
        }
        if trace { for line in simulation.trace { print(line) } }
        if !quiet || !holds { print("seed \(seed): \(text)") }
        return holds
    }
}
