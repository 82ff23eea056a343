import Deadline
import Foundation
import Testing

private func rounds(_ variable: String, _ standard: Int) -> Int {
    ProcessInfo.processInfo.environment[variable].flatMap { Int($0) } ?? standard
}

/// Seconds that the longest of these tests may take.
private let limit: Double = {
    let most = max(rounds("GODWIT_FAILOVERS", 5), rounds("GODWIT_SWITCHOVERS", 20), rounds("GODWIT_CUTS", 30))
    return 180 + 10 * Double(most)
}()

/// Two regions as real processes; few rounds here, many in `make soak`.
@Suite(.deadline(seconds: limit + 60)) struct RegionTests {
    private func run(_ mode: String, _ variable: String, _ standard: Int) throws -> Command {
        let scratch = Scratch()
        let count = rounds(variable, standard)
        let command = try Command.run(
            "godwit-demo", [mode, "--data", scratch.path + "/regions", "--rounds", "\(count)"], within: limit)
        print(command.text)
        return command
    }

    @Test(
        "the primary killed under load, the follower promoted, the old primary back: every acknowledged batch accounted for"
    )
    func failovers() throws {
        let command = try run("failovers", "GODWIT_FAILOVERS", 5)
        #expect(command.status == 0, "\(command.text)\(command.errors)")
        #expect(command.text.contains("nothing acknowledged is unaccounted for"))
    }

    @Test("planned switchovers under a loop of increments at level local: each is done, and the total is exact")
    func switchovers() throws {
        let command = try run("switchovers", "GODWIT_SWITCHOVERS", 20)
        #expect(command.status == 0, "\(command.text)\(command.errors)")
        let done = "\(rounds("GODWIT_SWITCHOVERS", 20)) switchovers done"
        #expect(command.text.replacing(",", with: "").contains(done))
        #expect(command.text.contains("total exact"))
    }

    @Test("link cuts under load: one full copy in all, nothing lost")
    func cuts() throws {
        let command = try run("cuts", "GODWIT_CUTS", 30)
        #expect(command.status == 0, "\(command.text)\(command.errors)")
        #expect(command.text.contains("one full copy in all"))
    }

    @Test("the demo on 1,200 flights: a primary killed, a primary cut off, all accounted for")
    func demo() throws {
        let scratch = Scratch()
        let demo = try Command.run(
            "godwit-demo",
            [
                "regions", "--data", scratch.path + "/regions", "--flights", "1200", "--csv",
                packageDirectory + "/fixtures/flights-2013-01.csv",
            ])
        print(demo.text)
        #expect(demo.status == 0, "\(demo.text)\(demo.errors)")
        #expect(demo.text.contains("All held."))
        #expect(demo.text.contains(/eu-west was behind by \d+ records and \d+ ms at most, in [1-9]\d* looks/))
        for loss in ["killed with SIGKILL", "cut off, alone"] {
            #expect(try demo.text.contains(Regex(loss + #" +RTO [1-9]\d* ms, RPO [\d,]+ batches"#)))
        }
        #expect(demo.text.contains(/acknowledged +[\d,]+: [\d,]+ survived, [\d,]+ recovered/))
        #expect(!demo.text.contains("FAILED"))
    }
}
