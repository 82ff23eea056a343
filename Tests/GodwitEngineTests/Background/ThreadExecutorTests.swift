import Glibc
import Synchronization
import Testing

@testable import GodwitEngine

@Suite("The thread executor and its gates")
struct ThreadExecutorTests {
    /// A number that threads count and waiters look at.
    final class Counter: Sendable {
        private let number = Atomic<Int>(0)
        let gate = Gate()

        var value: Int { number.load(ordering: .sequentiallyConsistent) }

        @discardableResult
        func add(_ amount: Int = 1) -> Int {
            let sum = number.add(amount, ordering: .sequentiallyConsistent).newValue
            gate.open()
            return sum
        }
    }

    let executor = ThreadExecutor()
    /// Long enough for the slowest machine; a test that needs it fails.
    var patience: UInt64 { SystemClock().monotonicNanoseconds() + 60_000_000_000 }

    /// Waits until a counter has at least this value.
    func reaches(_ counter: Counter, _ value: Int) -> Bool {
        executor.wait(at: counter.gate, until: patience) { counter.value >= value }
    }

    @Test("a job runs after its first wake, once a wake")
    func firstStepAfterFirstWake() {
        let counter = Counter()
        let job = executor.start(
            Job(name: "count", priority: .urgent) {
                counter.add()
                return .waiting(until: nil)
            })
        #expect(
            !executor.wait(at: counter.gate, until: SystemClock().monotonicNanoseconds() + 5_000_000) {
                counter.value > 0
            })
        for round in 1...100 {
            job.wake()
            #expect(reaches(counter, round))
        }
        job.stop()
        #expect(counter.value == 100)
        job.wake()
        job.stop()
    }

    @Test("steps go on while there is more, and end when done")
    func moreThenDone() {
        let counter = Counter()
        let job = executor.start(
            Job(name: "more", priority: .background) { counter.add() < 1_000 ? .more : .done })
        job.wake()
        #expect(reaches(counter, 1_000))
        job.wake()
        job.stop()
        #expect(counter.value == 1_000)
    }

    @Test("a wake during a step causes another step after it")
    func wakeDuringStep() {
        let begun = Counter()
        let mayEnd = Counter()
        let executor = executor
        let job = executor.start(
            Job(name: "slow", priority: .urgent) {
                let number = begun.add()
                _ = executor.wait(at: mayEnd.gate, until: nil) { mayEnd.value >= number }
                return .waiting(until: nil)
            })
        job.wake()
        #expect(reaches(begun, 1))
        job.wake()
        job.wake()
        mayEnd.add()
        #expect(reaches(begun, 2))
        mayEnd.add()
        job.stop()
        #expect(begun.value == 2)
    }

    @Test("a job wakes by itself at the moment it waits for")
    func timedWait() {
        let counter = Counter()
        let job = executor.start(
            Job(name: "tick", priority: .background) {
                counter.add()
                return .waiting(until: SystemClock().monotonicNanoseconds() + 1_000_000)
            })
        job.wake()
        #expect(reaches(counter, 5))
        job.stop()
    }

    @Test("as many steps run at once as the job has workers and wakes")
    func workersRunAtOnce() {
        let inside = Counter()
        let mayEnd = Counter()
        let executor = executor
        let job = executor.start(
            Job(name: "workers", priority: .urgent, workers: 4) {
                inside.add()
                _ = executor.wait(at: mayEnd.gate, until: nil) { mayEnd.value > 0 }
                return .waiting(until: nil)
            })
        for _ in 0..<3 { job.wake() }
        #expect(reaches(inside, 3))
        job.wake()
        #expect(reaches(inside, 4))
        mayEnd.add()
        job.stop()
        #expect(inside.value == 4)
    }

    @Test("stop waits for the step that runs")
    func stopWaits() {
        let begun = Counter()
        let ended = Counter()
        let executor = executor
        let job = executor.start(
            Job(name: "stop", priority: .urgent) {
                begun.add()
                _ = executor.wait(at: Gate(), until: SystemClock().monotonicNanoseconds() + 20_000_000) { false }
                ended.add()
                return .more
            })
        job.wake()
        #expect(reaches(begun, 1))
        job.stop()
        #expect(begun.value == ended.value)
    }

    @Test("no wake is lost between threads that hand a number to and fro")
    func pingPong() {
        let counter = Counter()
        let rounds = 20_000
        let executor = executor
        let jobs = (0..<2).map { parity in
            executor.start(
                Job(name: "player \(parity)", priority: .urgent) {
                    _ = executor.wait(at: counter.gate, until: nil) {
                        counter.value % 2 == parity || counter.value >= rounds
                    }
                    return counter.value >= rounds || counter.add() >= rounds ? .done : .more
                })
        }
        for job in jobs { job.wake() }
        #expect(reaches(counter, rounds))
        for job in jobs { job.stop() }
    }

    @Test("no wake is lost between many wakers and one job")
    func manyWakers() {
        let pending = Counter()
        let taken = Counter()
        let job = executor.start(
            Job(name: "taker", priority: .urgent) {
                let found = pending.value
                if found > 0 {
                    pending.add(-found)
                    taken.add(found)
                }
                return .waiting(until: nil)
            })
        let perWaker = 5_000
        let left = (0..<3).map { _ in Counter() }
        let wakers = left.map { mine in
            executor.start(
                Job(name: "waker", priority: .urgent) {
                    pending.add()
                    job.wake()
                    return mine.add() < perWaker ? .more : .done
                })
        }
        for waker in wakers { waker.wake() }
        #expect(reaches(taken, 3 * perWaker))
        for waker in wakers { waker.stop() }
        job.stop()
        #expect(taken.value == 3 * perWaker)
    }

    @Test("a gate opened while many wait lets all of them through")
    func gateLetsAllThrough() {
        let ready = Counter()
        let flag = Counter()
        let through = Counter()
        let executor = executor
        let jobs = (0..<8).map { _ in
            executor.start(
                Job(name: "waiter", priority: .urgent) {
                    ready.add()
                    _ = executor.wait(at: flag.gate, until: nil) { flag.value > 0 }
                    through.add()
                    return .done
                })
        }
        for job in jobs { job.wake() }
        #expect(reaches(ready, 8))
        #expect(through.value == 0)
        flag.add()
        #expect(reaches(through, 8))
        for job in jobs { job.stop() }
    }

    @Test("background jobs run at lower priority under their own name")
    func threadAttributes() {
        let seen = Mutex<(nice: Int32, name: String)>((0, ""))
        let done = Counter()
        let job = executor.start(
            Job(name: "compaction of everything", priority: .background) {
                // On Linux process 0 is the calling thread, and its name is a file.
                let nice = getpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0)
                let name = try? PosixFileSystem().open("/proc/thread-self/comm", .read).read(15, at: 0)
                seen.withLock { $0 = (nice, String(decoding: name ?? [], as: UTF8.self)) }
                done.add()
                return .done
            })
        job.wake()
        #expect(reaches(done, 1))
        job.stop()
        let result = seen.withLock { $0 }
        #expect(result.nice >= 10)
        #expect(result.name == "compaction of e")
    }

    @Test("a step that stops its own job is caught")
    func stopFromOwnStep() async {
        await #expect(processExitsWith: .failure) {
            let handle = Mutex<(any JobHandle)?>(nil)
            let job = ThreadExecutor().start(
                Job(name: "self", priority: .urgent) {
                    handle.withLock { $0 }?.stop()
                    return .done
                })
            handle.withLock { $0 = job }
            job.wake()
            _ = ThreadExecutor().wait(at: Gate(), until: SystemClock().monotonicNanoseconds() + 5_000_000_000) { false }
        }
    }
}
