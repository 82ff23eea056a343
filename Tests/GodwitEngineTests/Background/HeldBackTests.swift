import Foundation
import Glibc
import GodwitSimulation
import Testing

@testable import GodwitEngine

@Suite("Background work that is held back")
struct HeldBackTests {
    /// Stops the first thread of a name that touches a table's file; notes what another of that name does.
    private final class FirstThread: Sendable {
        private struct State {
            var first: pthread_t?
            var isReleased = false
            var callsOfOthers = 0
        }

        private let name: String
        private let state = Locked(State())

        init(_ name: String) { self.name = name }

        var isStopped: Bool { state.withLock { $0.first != nil && !$0.isReleased } }
        var callsOfOthers: Int { state.withLock { $0.callsOfOthers } }

        func release() { state.withLock { $0.isReleased = true } }

        func willCall(_ path: String) {
            guard path.hasSuffix(".sst"), Self.threadName() == name else { return }
            let thread = pthread_self()
            let isFirst = state.withLock { state in
                if state.first == nil { state.first = thread }
                if state.first != thread { state.callsOfOthers += 1 }
                return state.first == thread
            }
            while isFirst, isStopped { usleep(500) }
        }

        private static func threadName() -> String {
            let text = (try? String(contentsOfFile: "/proc/thread-self/comm", encoding: .utf8)) ?? ""
            return text.trimmingCharacters(in: .newlines)
        }
    }

    @Test(
        "a step that waits for the end of the other thread's is not taken once the work is held back",
        .timeLimit(.minutes(1)), arguments: ["flush", "compaction"])
    func heldBackWhileWaiting(_ name: String) throws {
        let disk = SimulatedFileSystem(seed: 6)
        let environment = EngineEnvironment(
            fileSystem: disk, clock: SystemClock(), random: SystemRandom(), executor: ThreadExecutor())
        let engine = try Engine.open(at: "/store", options: .small, environment: environment)
        let side = try engine.writable()
        let isFlush = name == "flush"
        let first = FirstThread(name)
        disk.observe { _, path in first.willCall(path) }
        let value = String(repeating: "v", count: 1000)
        var key = 0
        func fill() throws {
            key += 1
            try engine.put("k\(key)", value, durability: .buffered)
            if isFlush { return }
            // In every table, so that they are merged, not moved.
            try engine.put("k", "\(key)", durability: .buffered)
            try engine.flush()
        }
        while !first.isStopped {
            let view = engine.store.allTrees[0].view
            let hasWork = isFlush ? !view.immutables.isEmpty : view.levels[0].count >= 4
            if hasWork { usleep(500) } else { try fill() }
        }
        // From here on its steps are the other thread's, which comes to wait for the one that was stopped.
        while !(isFlush ? side.throttle.flushPresses : side.throttle.compactionPresses) { try fill() }
        usleep(100_000)
        side.holdBack()
        first.release()
        if isFlush { side.flush.abandon() } else { side.compactions.abandon() }
        usleep(100_000)
        #expect(first.callsOfOthers == 0)
        side.letGo()
        try engine.flush()
        try engine.compact()
        for key in 1...key { #expect(try engine.text("k\(key)") == value) }
        disk.observe(nil)
        try engine.close()
    }
}
