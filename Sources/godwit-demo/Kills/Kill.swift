import ArgumentParser
import CommandSupport
import FoundationEssentials
import GodwitEngine

/// Kills a writing process many times at random moments, its recovery included, and checks after most kills that no
/// acknowledged batch is lost and no batch is half there.
struct Kill: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Kills a writing process again and again and checks what it left.",
        discussion: """
            The seed decides what is written and when is killed; what a kill hits depends on the machine too, so a \
            seed does not repeat a run exactly. After a failure the store is kept as it is.

            Example:
              godwit-demo kill --data ./killed --rounds 1000
            """
    )

    @Option(help: ArgumentHelp("Where the store is made.", valueName: "dir")) var data: String
    @Option(help: "How many times to kill.") var rounds = 100
    @Option(help: "Threads that write in the killed process.") var writers = 4
    @Option(help: "Decides what is written and when to kill.") var seed: UInt64 = .random(in: 0...UInt64.max)

    func validate() throws {
        guard rounds >= 1, (1...200).contains(writers) else {
            throw ValidationError("give at least 1 round and 1 to 200 writers")
        }
    }

    func run() throws {
        // What another run left would be taken for what this one lost.
        if let found = try? FileManager.default.contentsOfDirectory(atPath: data), !found.isEmpty {
            throw CommandFailure("\(data) is not empty: remove it, or name a directory that is not there")
        }
        print("kill test: \(rounds.grouped) kills of \(writers) writers, seed \(seed)")
        var chance = Chance(seed: seed)
        var check = CrashCheck(CrashScript(seed: seed), writers: writers)
        var verified = 0
        let progress = ProgressBar("killing")
        for round in 1...rounds {
            do {
                try killOnce(&check, &chance)
                // Now and then the next child has to recover, and may be killed doing so.
                if round == rounds || chance.next() % 3 > 0 {
                    let engine = try CrashStore.open(data)
                    try check.verify(engine)
                    try engine.close()
                    verified += 1
                }
            } catch {
                progress.finish()
                throw CommandFailure("round \(round), seed \(seed), store kept in \(data): \(error)")
            }
            progress.update(UInt64(round), of: UInt64(rounds), note: "\(check.acknowledged.grouped) batches")
        }
        progress.finish()
        try verifyFiles()
        print(
            """
            \(rounds.grouped) kills, \(verified.grouped) full checks, \(check.acknowledged.grouped) acknowledged \
            batches: none lost, none half there, every byte of the store verified
            """)
    }

    /// Reads every byte of what all the kills left.
    private func verifyFiles() throws {
        let report = try Engine.verify(at: data)
        guard let file = report.damaged.first else { return }
        let problems = file.problems.map(\.message).joined(separator: "; ")
        throw CommandFailure("seed \(seed), store kept in \(data): \(file.file) is damaged: \(problems)")
    }

    private func killOnce(_ check: inout CrashCheck, _ chance: inout Chance) throws {
        let child = try ChildProcess([
            "crash-writer", "--data", data, "--seed", String(seed), "--writers", String(writers),
        ])
        let life = Duration.milliseconds(Int64(chance.next() % 4 == 0 ? chance.next() % 30 : chance.next() % 150))
        let end = ContinuousClock.now + life
        var pending: [UInt8] = []
        var isKilled = false
        while true {
            if !isKilled, ContinuousClock.now >= end {
                child.kill()
                isKilled = true
            }
            guard let bytes = try child.read(within: isKilled ? -1 : 1) else { continue }
            if bytes.isEmpty { break }
            pending += bytes
            for acknowledgement in Acknowledgement.take(from: &pending) { try check.take(acknowledgement) }
        }
        let ending = child.wait()
        guard ending == .killed(9) else { throw CommandFailure("the writing process ended by itself: \(ending)") }
        check.noteKill()
    }
}
