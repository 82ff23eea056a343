import GodwitEngine
import GodwitSimulation
import Synchronization
import Testing

@Suite("The simulated executor")
struct SimulatedExecutorTests {
    let clock = SimulatedClock()

    @Test("a job does not run before its first wake, and runs once a wake")
    func firstStepAfterFirstWake() {
        let executor = SimulatedExecutor(seed: 1, clock: clock)
        let steps = Atomic<Int>(0)
        let handle = executor.start(
            Job(name: "count", priority: .urgent) {
                steps.add(1, ordering: .relaxed)
                return .waiting(until: nil)
            })
        #expect(executor.runUntilIdle() == 0)
        handle.wake()
        handle.wake()
        #expect(executor.runUntilIdle() == 1)
        let stepsSeen = steps.load(ordering: .relaxed)
        #expect(stepsSeen == 1)
        handle.stop()
        handle.wake()
        #expect(executor.runUntilIdle() == 0)
        #expect(executor.jobNames.isEmpty)
    }

    @Test("a wait runs woken jobs until its condition holds")
    func waitRunsJobs() {
        let executor = SimulatedExecutor(seed: 2, clock: clock)
        let steps = Atomic<Int>(0)
        let handle = executor.start(
            Job(name: "count", priority: .background) {
                steps.add(1, ordering: .relaxed)
                return .more
            })
        handle.wake()
        #expect(executor.wait(at: Gate(), until: nil) { steps.load(ordering: .relaxed) == 7 })
        let stepsSeen = steps.load(ordering: .relaxed)
        #expect(stepsSeen == 7)
    }

    @Test("time passes only when no job can go on, and then to the earliest moment waited for")
    func timePassesWhenIdle() {
        let executor = SimulatedExecutor(seed: 3, clock: clock)
        let begin = clock.monotonicNanoseconds()
        let seen = Mutex<[UInt64]>([])
        let clock = clock
        let handle = executor.start(
            Job(name: "tick", priority: .background) {
                let now = clock.monotonicNanoseconds()
                seen.withLock { $0.append(now - begin) }
                return .waiting(until: now + 100)
            })
        handle.wake()
        #expect(!executor.wait(at: Gate(), until: begin + 250) { false })
        #expect(clock.monotonicNanoseconds() == begin + 250)
        #expect(seen.withLock { $0 } == [0, 100, 200])
        executor.run(nanoseconds: 100)
        #expect(seen.withLock { $0 } == [0, 100, 200, 300])
        #expect(clock.monotonicNanoseconds() == begin + 350)
    }

    @Test("a step may wait for another job")
    func stepsMayWait() {
        let executor = SimulatedExecutor(seed: 4, clock: clock)
        let flag = Atomic<Bool>(false)
        let outcome = Atomic<Bool>(false)
        let helper = executor.start(
            Job(name: "helper", priority: .urgent) {
                flag.store(true, ordering: .relaxed)
                return .done
            })
        let waiter = executor.start(
            Job(name: "waiter", priority: .urgent) {
                helper.wake()
                let held = executor.wait(at: Gate(), until: nil) { flag.load(ordering: .relaxed) }
                outcome.store(held, ordering: .relaxed)
                return .done
            })
        waiter.wake()
        #expect(executor.runUntilIdle() == 1)
        let held = outcome.load(ordering: .relaxed)
        #expect(held)
        #expect(executor.jobNames.isEmpty)
    }

    @Test("as many steps of a job run inside one another as it has workers")
    func workersNest() {
        let executor = SimulatedExecutor(seed: 5, clock: clock)
        let depth = Atomic<Int>(0)
        let deepest = Atomic<Int>(0)
        let handle = executor.start(
            Job(name: "nested", priority: .urgent, workers: 3) {
                let now = depth.add(1, ordering: .relaxed).newValue
                deepest.max(now, ordering: .relaxed)
                executor.runUntilIdle()
                depth.subtract(1, ordering: .relaxed)
                return .waiting(until: nil)
            })
        for _ in 0..<10 { handle.wake() }
        executor.runUntilIdle()
        let deepestSeen = deepest.load(ordering: .relaxed)
        #expect(deepestSeen == 3)
    }

    @Test("one seed gives one order of steps")
    func sameSeedSameOrder() {
        func order(_ seed: UInt64) -> String {
            let executor = SimulatedExecutor(seed: seed, clock: SimulatedClock())
            let order = Mutex("")
            for name in ["a", "b", "c"] {
                let count = Atomic<Int>(0)
                executor.start(
                    Job(name: name, priority: .urgent) {
                        order.withLock { $0 += name }
                        return count.add(1, ordering: .relaxed).newValue < 10 ? .more : .done
                    }
                ).wake()
            }
            executor.runUntilIdle()
            return order.withLock { $0 }
        }
        #expect(order(1) == order(1))
        #expect(order(1).count == 30)
        #expect(Set((1...5).map(order)).count > 1)
    }

    @Test("abandoned jobs never run again")
    func abandonedJobs() {
        let executor = SimulatedExecutor(seed: 6, clock: clock)
        let handle = executor.start(Job(name: "job", priority: .urgent) { .more })
        handle.wake()
        #expect(executor.runSome(3) == 3)
        executor.abandonAll()
        handle.wake()
        #expect(executor.runSome(3) == 0)
        handle.stop()
    }

    @Test("a wait that nothing can end stops the process")
    func deadlockIsFatal() async {
        await #expect(processExitsWith: .failure) {
            let executor = SimulatedExecutor(seed: 7, clock: SimulatedClock())
            _ = executor.start(Job(name: "idle", priority: .urgent) { .waiting(until: nil) })
            _ = executor.wait(at: Gate(), until: nil) { false }
        }
    }

    @Test("both clocks advance together, and the wall clock jumps alone")
    func clocks() {
        let clock = SimulatedClock(wallMilliseconds: 5_000, monotonicNanoseconds: 7)
        clock.advance(milliseconds: 20)
        #expect(clock.wallMilliseconds() == 5_020)
        #expect(clock.monotonicNanoseconds() == 20_000_007)
        clock.jumpWall(milliseconds: -1_000)
        #expect(clock.wallMilliseconds() == 4_020)
        clock.setWall(milliseconds: 99)
        #expect(clock.wallMilliseconds() == 99)
        #expect(clock.monotonicNanoseconds() == 20_000_007)
    }

    @Test("one seed gives one sequence, equally spread")
    func seededRandom() {
        let first = SeededRandom(seed: 42)
        let second = SeededRandom(seed: 42)
        #expect((0..<100).map { _ in first.next() } == (0..<100).map { _ in second.next() })
        #expect(SeededRandom(seed: 43).next() != SeededRandom(seed: 42).next())
        var counts = Array(repeating: 0, count: 10)
        for _ in 0..<10_000 { counts[first.below(10)] += 1 }
        #expect(counts.allSatisfy { (850...1150).contains($0) })
        #expect(first.bytes(9).count == 9)
        #expect((0..<50).allSatisfy { _ in (3...5).contains(first.within(3...5)) })
    }
}
