import Foundation
import Glibc
import GodwitSimulation
import Synchronization
import Testing

@testable import GodwitEngine

@Suite("Paused background work, and writers that it holds")
struct PauseTests {
    private static let value = String(repeating: "v", count: 10_000)

    /// Writes to a keyspace until one is refused; returns the refusal.
    private func fill(_ engine: Engine, _ keyspace: Keyspace? = nil) -> EngineError? {
        for index in 0..<1000 {
            let error = failure { () throws(EngineError) in
                try engine.put("k\(index)", Self.value, in: keyspace, durability: .buffered)
            }
            if let error { return error }
        }
        return nil
    }

    /// Fills memory and writes asynchronously until that is refused too; returns the refusal. Reads that return meanwhile,
    /// and the step of a flush that was under way, may make room in between.
    private func asyncRefusal(_ engine: Engine) async -> EngineError? {
        for _ in 0..<100 where fill(engine) != nil {
            do {
                try await engine.putAsync(Array("b".utf8), Array(Self.value.utf8))
            } catch {
                return error
            }
        }
        return nil
    }

    @Test("a write that would wait for paused work is refused at once, and taken once that is resumed")
    func refused() throws {
        let world = World(seed: 1)
        let engine = try world.open()
        try engine.pauseBackgroundWork()
        try engine.pauseBackgroundWork()
        let before = engine.position
        let refusal = fill(engine)
        #expect(refusal?.code == .unavailable && refusal?.message.contains("resumeBackgroundWork") == true)
        #expect(engine.position > before)
        try engine.resumeBackgroundWork()
        #expect(fill(engine)?.code == .unavailable, "paused twice, resumed once")
        try engine.resumeBackgroundWork()
        try engine.resumeBackgroundWork()
        #expect(fill(engine) == nil)
        try engine.close()
    }

    @Test("what waits for background work is refused while it is paused, and leaves the engine well")
    func whatWaits() throws {
        let world = World(seed: 2)
        let engine = try world.open()
        try engine.put("k", "v")
        try engine.pauseBackgroundWork()
        let calls: [(String, () throws(EngineError) -> Void)] = [
            ("flush", { () throws(EngineError) in try engine.flush() }),
            ("compact", { () throws(EngineError) in try engine.compact() }),
            ("checkpoint", { () throws(EngineError) in _ = try engine.checkpoint(to: "/copy") }),
            ("ingest", { () throws(EngineError) in
                try engine.ingest { (writer) throws(EngineError) in try writer.add("a", "b") }
            }),
        ]
        for (name, call) in calls { #expect(failure(call)?.code == .unavailable, "\(name)") }
        #expect(try engine.keys() == ["k"])
        try engine.resumeBackgroundWork()
        for (name, call) in calls { #expect(failure(call) == nil, "\(name)") }
        #expect(try engine.keys() == ["a", "k"])
        try engine.close()
    }

    @Test("dropping the keyspace whose memtables hold writers lets them go on")
    func droppedKeyspace() throws {
        let world = World(seed: 3)
        let engine = try world.open()
        let keyspace = try engine.createKeyspace("full")
        try engine.pauseBackgroundWork()
        #expect(fill(engine, keyspace)?.code == .unavailable)
        try engine.dropKeyspace(keyspace)
        try engine.put("k", "v")
        try engine.resumeBackgroundWork()
        try engine.close()
    }

    @Test("asynchronous writes are held as others are, refused while work is paused, and told when the engine closes")
    func asynchronous() async throws {
        let disk = SimulatedFileSystem(seed: 5)
        let environment = EngineEnvironment(
            fileSystem: disk, clock: SystemClock(), random: SystemRandom(), executor: ThreadExecutor())
        let engine = try Engine.open(at: "/store", options: .small, environment: environment)
        let isSlow = Slowness()
        disk.observe { kind, path in
            while kind == .write && path.hasSuffix(".sst") && isSlow.value.load(ordering: .relaxed) { usleep(500) }
        }
        let value = Array(Self.value.utf8)
        async let written: Void = {
            for index in 0..<100 {
                try await engine.putAsync(Array("a\(index)".utf8), value, durability: .buffered)
            }
        }()
        while engine.metrics.writes.delayCause != "memtables wait to be flushed" {
            try await Task.sleep(for: .milliseconds(1))
        }
        let held = engine.position
        try await Task.sleep(for: .milliseconds(20))
        #expect(engine.position == held)
        isSlow.value.store(false, ordering: .relaxed)
        try await written
        #expect(engine.position > held)

        try engine.pauseBackgroundWork()
        #expect(await asyncRefusal(engine)?.code == .unavailable)
        try engine.resumeBackgroundWork()
        try await engine.putAsync(Array("b".utf8), value)

        isSlow.value.store(true, ordering: .relaxed)
        while engine.metrics.writes.delayCause.isEmpty { try engine.put("c", Self.value, durability: .buffered) }
        async let late = engine.putAsync(Array("d".utf8), value)
        try await Task.sleep(for: .milliseconds(20))
        Thread.detachNewThread {
            usleep(20_000)
            isSlow.value.store(false, ordering: .relaxed)
        }
        try engine.close()
        // Written just before the close, or refused by it: told in any case.
        _ = try? await late
        disk.observe(nil)
    }

    private final class Slowness: Sendable {
        let value = Atomic<Bool>(true)
    }

    @Test("a writer on another thread that is held when work is paused is refused")
    func heldWriter() throws {
        let disk = SimulatedFileSystem(seed: 4)
        let environment = EngineEnvironment(
            fileSystem: disk, clock: SystemClock(), random: SystemRandom(), executor: ThreadExecutor())
        let engine = try Engine.open(at: "/store", options: .small, environment: environment)
        let isSlow = Atomic<Bool>(true)
        disk.observe { kind, path in
            while kind == .write && path.hasSuffix(".sst") && isSlow.load(ordering: .relaxed) { usleep(500) }
        }
        onThreads(2) { thread in
            if thread == 0 {
                #expect(fill(engine)?.code == .unavailable)
                return
            }
            while engine.metrics.writes.stalls == 0 { usleep(500) }
            #expect(failure { () throws(EngineError) in try engine.pauseBackgroundWork() } == nil)
        }
        isSlow.store(false, ordering: .relaxed)
        disk.observe(nil)
        try engine.resumeBackgroundWork()
        try engine.put("k", "v")
        try engine.close()
    }
}
