import Glibc
import GodwitSimulation
import Synchronization
import Testing

@testable import GodwitEngine

@Suite("Writers that background work is behind")
struct WriteThrottleTests {
    @Test("a writer is slowed while two memtables wait for the disk, before it is held for the third")
    func slowedBeforeHeld() throws {
        let disk = SimulatedFileSystem(seed: 6)
        let environment = EngineEnvironment(
            fileSystem: disk, clock: SystemClock(), random: SystemRandom(), executor: ThreadExecutor())
        let engine = try Engine.open(at: "/store", options: .small, environment: environment)
        let causes = Locked<[String]>([])
        engine.listen { event in
            if case .writesDelayed(let reason) = event { causes.withLock { $0.append(reason) } }
        }
        let isSlow = Atomic<Bool>(true)
        disk.observe { kind, path in
            while kind == .write && path.hasSuffix(".sst") && isSlow.load(ordering: .relaxed) { usleep(500) }
        }
        onThreads(2) { thread in
            if thread == 0 {
                let value = String(repeating: "v", count: 1000)
                while engine.metrics.writes.stalls == 0 {
                    #expect(
                        failure { () throws(EngineError) in try engine.put("k", value, durability: .buffered) } == nil)
                }
                return
            }
            while engine.metrics.writes.stalls == 0 { usleep(500) }
            isSlow.store(false, ordering: .relaxed)
        }
        #expect(causes.withLock { $0.prefix(2) } == ["flush is behind", "memtables wait to be flushed"])
        let writes = engine.metrics.writes
        #expect(writes.stalls == 1)
        #expect(writes.longestDelayNanoseconds > 0 && writes.longestDelayNanoseconds <= writes.delayedNanoseconds)
        disk.observe(nil)
        try engine.close()
    }
}
