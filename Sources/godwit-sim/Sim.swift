import ArgumentParser
import ClusterSimulation
import Glibc

/// Runs a random history of a cluster and says what came of it.
@main
struct Sim: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "godwit-sim",
        abstract: "Runs a cluster on simulated disks, clocks and network: the same seed gives the same trace.",
        discussion: """
            Examples:
              godwit-sim --seeds 100000 --quiet   so many histories; prints the seeds that fail, and how far it is
              godwit-sim --seed 4711 --trace      what happens in one, step by step
            """)

    @Option(help: "The seed that decides everything; without it one is drawn.")
    var seed: UInt64?

    @Option(help: "How many seeds to run, from the given one on.")
    var seeds: UInt64 = 1

    @Option(help: "How many things happen in a run.")
    var steps = 120

    @Flag(help: "Print only the seeds that fail, and after every 1,000 how many there were.")
    var quiet = false

    @Flag(help: "Print the trace.")
    var trace = false

    func validate() throws {
        if seeds == 0 { throw ValidationError("--seeds 0 runs nothing: say how many seeds, at least 1.") }
    }

    func run() throws {
        let first = seed ?? .random(in: 0..<1 << 48)
        let clock = ContinuousClock()
        let start = clock.now
        var failed: [UInt64] = []
        for done in 1...seeds {
            let seed = first &+ (done - 1)
            if !runs(seed) { failed.append(seed) }
            guard done == seeds || quiet && done % 1000 == 0 else { continue }
            let seconds = (clock.now - start) / .seconds(1)
            let rate = Int((Double(done) / max(seconds, 0.001)).rounded())
            print(
                "\(done) seeds from \(first) on in \(Int(seconds)) s, \(rate) a second; "
                    + "\(failed.count) failed: \(failed)")
            // Into a file as well it speaks at once.
            fflush(nil)
        }
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
