import GodwitSimulation
import Testing

@testable import GodwitEngine

/// A tiny protocol run to a crash at every call: shows that the simulation finds the mistakes it exists to find.
@Suite("Crashing a small protocol at every call")
struct CrashSearchTests {
    /// Replaces `/store/CURRENT` by way of a temporary file; the steps left out are mistakes.
    private func replace(
        on disk: SimulatedFileSystem, with bytes: [UInt8], syncsFile: Bool, syncsDirectory: Bool
    ) throws {
        if try disk.exists("/store/temporary") { try disk.remove("/store/temporary") }
        let file = try disk.open("/store/temporary", .create)
        try bytes.withView { (view) throws(EngineError) in try file.writeFully(view, at: 0) }
        if syncsFile { try file.sync() }
        try disk.rename("/store/temporary", to: "/store/CURRENT")
        if syncsDirectory { try disk.syncDirectory("/store") }
    }

    /// How often, over all crash points and seeds, the file is neither the old nor the new one, or is the old one
    /// although the replacement was reported done.
    private func violations(syncsFile: Bool, syncsDirectory: Bool) throws -> Int {
        let old = Array(repeating: UInt8(1), count: 1_500)
        let new = Array(repeating: UInt8(2), count: 1_500)
        var violations = 0
        for seed in 0..<20 as Range<UInt64> {
            var isDone = false
            var calls = 0
            while !isDone {
                calls += 1
                let disk = SimulatedFileSystem(seed: seed &* 1_000 &+ UInt64(calls))
                try disk.createDirectory("/store")
                try disk.setContents("/store/CURRENT", old)
                disk.powerOff(afterCalls: calls)
                do {
                    try replace(on: disk, with: new, syncsFile: syncsFile, syncsDirectory: syncsDirectory)
                    isDone = true
                } catch {}
                disk.crash()
                let left = disk.contents("/store/CURRENT")
                let isRight = left == new || (!isDone && left == old)
                if !isRight { violations += 1 }
            }
        }
        return violations
    }

    @Test("the right protocol survives a crash at every call")
    func rightProtocolSurvives() throws {
        #expect(try violations(syncsFile: true, syncsDirectory: true) == 0)
    }

    @Test("a missing sync of the file is found")
    func missingFileSyncIsFound() throws {
        #expect(try violations(syncsFile: false, syncsDirectory: true) > 0)
    }

    @Test("a missing sync of the directory is found")
    func missingDirectorySyncIsFound() throws {
        #expect(try violations(syncsFile: true, syncsDirectory: false) > 0)
    }
}
