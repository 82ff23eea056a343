import Foundation
import GodwitSimulation
import Testing

@testable import GodwitEngine

/// How long a random suite goes on: `GODWIT_SEEDS` runs, or a share of time.
struct SeedBudget {
    private let first: UInt64
    private let count: Int?
    private let seconds: Double
    private let isSingle: Bool

    init(seconds: Double) {
        let environment = ProcessInfo.processInfo.environment
        let given = environment["GODWIT_SEED"].flatMap { UInt64($0) }
        count = environment["GODWIT_SEEDS"].flatMap { Int($0) }
        isSingle = given != nil && count == nil
        first = given ?? UInt64.random(in: 0..<1 << 48)
        self.seconds = seconds
    }

    /// Runs `body` with seed after seed; prints how many, how fast, and the seed of a failure, be it a trap.
    func run(_ name: String, _ body: (UInt64) throws -> Void) {
        let start = Date()
        var runs = 0
        var failures = 0
        while failures < 3 {
            if isSingle ? runs > 0 : count.map({ runs >= $0 }) ?? (Date().timeIntervalSince(start) > seconds) { break }
            let seed = first &+ UInt64(runs)
            runs += 1
            TrapReport.note(seed)
            do {
                try body(seed)
            } catch {
                failures += 1
                Issue.record("\(name): GODWIT_SEED=\(seed): \(error)")
            }
        }
        let elapsed = Date().timeIntervalSince(start)
        print("\(name): \(runs) seeds from GODWIT_SEED=\(first), \(Int(Double(runs) / max(elapsed, 0.001) * 60)) a minute")
    }
}

/// One random run with crashes and reopens, compared with the model all the way.
@discardableResult
func modelRun(_ seed: UInt64, steps: Int = 300) throws -> ModelRun {
    EpochDomain.collect()
    let choice = SeededRandom(seed: seed ^ 0x0BAD_5EED)
    let run = try ModelRun(seed: seed) { .random(choice) }
    let source = StepSource(seed: seed, style: StepSource.Style())
    for _ in 0..<steps { try run.take(source.next()) }
    try run.finish()
    return run
}

@Suite("Random operations agree with a map in memory")
struct ModelTests {
    @Test("the log's floor is a segment whose header survives power loss", arguments: [265_170_879_473_462 as UInt64])
    func floorSegmentIsDurable(seed: UInt64) throws { try modelRun(seed) }

    @Test("whatever is done, and whenever power is lost, the store is what the model says")
    func model() {
        SeedBudget(seconds: 20).run("model") { try modelRun($0) }
    }
}
