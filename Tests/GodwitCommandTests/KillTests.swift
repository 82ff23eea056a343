import Deadline
import Foundation
import GodwitEngine
import Testing

@testable import godwit_demo

/// Kills of a real process, few here; `make soak` makes 1,000.
@Suite(.deadline(seconds: 300)) struct KillTests {
    @Test("40 SIGKILLs of a writing process lose no acknowledged batch and leave none half there")
    func kills() throws {
        let scratch = Scratch()
        let kill = try Command.run("godwit-demo", ["kill", "--data", scratch.path + "/store", "--rounds", "40"])
        #expect(kill.status == 0, "\(kill.text)\(kill.errors)")
        print(kill.text)
    }

    @Test("a store that is there already is refused and left alone: what it holds is not what this run wrote")
    func refusesWhatIsThere() throws {
        let scratch = Scratch()
        let engine = try CrashStore.open(scratch.path + "/store")
        try engine.put("kept", "v")
        try engine.close()
        let kill = try Command.run("godwit-demo", ["kill", "--data", scratch.path + "/store", "--rounds", "1"])
        #expect(kill.status == 2 && kill.errors.contains("is not empty"), "\(kill.text)\(kill.errors)")
        let again = try CrashStore.open(scratch.path + "/store")
        #expect(try again.contains("kept"))
        try again.close()
    }

    /// A store that holds the first batches of one writer as its script says.
    private func written(_ script: CrashScript, batches: Int, in scratch: Scratch) throws -> Engine {
        let engine = try CrashStore.open(scratch.path + "/store")
        let spaces = [try CrashStore.space(0, engine), try CrashStore.space(1, engine)]
        for number in 1...batches {
            let batch = try engine.makeBatch()
            for operation in script.operations(0, number) {
                switch operation {
                case .put(let space, let key, let value): try batch.put(key, value, in: spaces[space])
                case .delete(let space, let key): try batch.delete(key, in: spaces[space])
                case .deleteRange(let space, let from, let to):
                    try batch.deleteRange(from: from, to: to, in: spaces[space])
                }
            }
            try engine.write(batch, durability: .buffered)
        }
        return engine
    }

    private func check(acknowledged: Int, kills: Int = 0) throws -> CrashCheck {
        var check = CrashCheck(CrashScript(seed: 5), writers: 1)
        if acknowledged > 0 { try check.take(Acknowledgement(writer: 0, number: UInt64(acknowledged))) }
        for _ in 0..<kills { check.noteKill() }
        return check
    }

    @Test("the check accepts what was written, with one batch in flight at a kill")
    func accepts() throws {
        let scratch = Scratch()
        let engine = try written(CrashScript(seed: 5), batches: 200, in: scratch)
        var check = try check(acknowledged: 199, kills: 1)
        try check.verify(engine)
        try check.verify(engine)
    }

    @Test("the check finds a lost batch, half a batch, a batch too many and any wrong key")
    func finds() throws {
        let scratch = Scratch()
        let engine = try written(CrashScript(seed: 5), batches: 150, in: scratch)
        func finds(_ message: String, acknowledged: Int = 150) {
            let error = #expect(throws: (any Error).self) {
                var check = try check(acknowledged: acknowledged)
                try check.verify(engine)
            }
            #expect("\(error.map { "\($0)" } ?? "")".contains(message))
        }
        finds("lost acknowledged batches 151 to 152", acknowledged: 152)
        finds("cannot have come further than 149", acknowledged: 149)
        let right = try CrashStore.space(1, engine)
        let slot: [UInt8]? = try engine.get("0/slot/3", in: right)
        try engine.put("0/slot/3", "x", in: right)
        finds("right: 0/slot/3 holds 1 bytes")
        try engine.put("0/slot/3", try #require(slot), in: right)
        try engine.put("0/other", "x", in: right)
        finds("right: 0/other holds 1 bytes where it must hold nothing")
        try engine.delete("0/other", in: right)
        try engine.put("0/head", "149", in: right)
        finds("half a batch of writer 0: left is at 150, right at 149")
    }

    @Test("an acknowledgement of a batch that was acknowledged before means that the store lost it")
    func acknowledgedTwice() throws {
        var check = try check(acknowledged: 7)
        #expect(throws: (any Error).self) { try check.take(Acknowledgement(writer: 0, number: 7)) }
    }
}
