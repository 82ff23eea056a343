import Glibc
import Synchronization
import Testing

@testable import GodwitEngine

@Suite("Background jobs that press")
struct PacedJobTests {
    /// How nice the calling thread is: to Linux each thread is a process here.
    private static func threadNice() -> Int32 { getpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0) }

    @Test("steps run at nice 10, and at normal priority while they press; each that is asked for runs, one after the other")
    func priority() {
        let executor = ThreadExecutor()
        let isPressing = Atomic<Bool>(false)
        let steps = Atomic<Int>(0)
        let nices = Locked<Set<Int32>>([])
        let gate = Gate()
        let usual = Self.threadNice()
        let job = PacedJob(
            executor, name: "paced", whilePressing: { isPressing.load(ordering: .relaxed) },
            step: {
                nices.withLock { _ = $0.insert(Self.threadNice()) }
                steps.add(1, ordering: .relaxed)
                gate.open()
                return .waiting(until: nil)
            })
        for round in 0..<200 {
            isPressing.store(round % 2 == 1, ordering: .relaxed)
            nices.withLock { $0 = [] }
            job.wake()
            let end = SystemClock().monotonicNanoseconds() + 60_000_000_000
            #expect(executor.wait(at: gate, until: end) { steps.load(ordering: .relaxed) == round + 1 })
            #expect(nices.withLock { $0 } == [round % 2 == 1 ? usual : 10])
        }
        job.stop()
    }

    @Test("work that goes on moves to the other thread when it begins to press, and back")
    func handover() {
        let executor = ThreadExecutor()
        let steps = Atomic<Int>(0)
        let niced = Atomic<Int>(0)
        let gate = Gate()
        let job = PacedJob(
            executor, name: "paced", whilePressing: { (1000..<2000).contains(steps.load(ordering: .relaxed)) },
            step: {
                if Self.threadNice() == 10 { niced.add(1, ordering: .relaxed) }
                let count = steps.add(1, ordering: .relaxed).newValue
                if count < 3000 { return .more }
                gate.open()
                return .waiting(until: nil)
            })
        job.wake()
        let end = SystemClock().monotonicNanoseconds() + 60_000_000_000
        #expect(executor.wait(at: gate, until: end) { steps.load(ordering: .relaxed) >= 3000 })
        job.stop()
        #expect(niced.load(ordering: .relaxed) == 2000 && steps.load(ordering: .relaxed) == 3000)
    }
}
