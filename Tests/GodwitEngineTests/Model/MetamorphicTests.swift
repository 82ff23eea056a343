import GodwitSimulation
import Testing

@testable import GodwitEngine

@Suite("One seed, many ways")
struct MetamorphicTests {
    @Test("the same operations give the same answers under any options")
    func metamorphic() {
        SeedBudget(seconds: 10).run("metamorphic") { seed in
            var style = StepSource.Style()
            style.crashes = false
            style.conditions = false
            style.coarseTime = true
            var first: [[UInt8]]?
            for variant in 0..<4 as Range<UInt64> {
                EpochDomain.collect()
                let choice = SeededRandom(seed: seed &+ variant &* 0x1_0000_0001)
                let run = try ModelRun(seed: seed &+ variant, keepsAnswers: true) { .random(choice) }
                let source = StepSource(seed: seed, style: style)
                for _ in 0..<200 { try run.take(source.next()) }
                try run.finish()
                if let first, first != run.answers {
                    let place = zip(first, run.answers).enumerated().first { $0.element.0 != $0.element.1 }?.offset
                    throw Mismatch("variant \(variant) answers otherwise, from answer \(place ?? first.count) on")
                }
                first = run.answers
            }
        }
    }

    @Test("one seed with crashes and background work leaves the same bytes twice")
    func sameSeedSameDiskBytes() throws {
        SeedBudget(seconds: 4).run("same seed") { seed in
            // When replaced memory is freed, and with it files, depends on every reader of the process, tests that run
            // at the same time among them: a difference counts once it came three times.
            for attempt in 1...3 {
                let first = try modelRun(seed, steps: 150)
                let second = try modelRun(seed, steps: 150)
                if first.world.disk.snapshotBytes() == second.world.disk.snapshotBytes() { return }
                if attempt == 3 { throw Mismatch("two runs of a seed left different bytes") }
            }
        }
    }
}
