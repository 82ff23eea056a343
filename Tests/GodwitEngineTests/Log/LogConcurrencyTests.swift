import GodwitSimulation
import Synchronization
import Testing

@testable import GodwitEngine

/// Appending, syncing, laying out and following, each on a thread of its own.
@Suite("Log concurrency")
struct LogConcurrencyTests {
    @Test("one thread appends while others sync, lay segments out and follow")
    func appendWhileSyncingAndFollowing() throws {
        let rig = try LogRig(firstSize: 8192, fullSize: 32768)
        try rig.open()
        let writer: LogWriter = rig.writer, segments: LogSegments = rig.segments, end: PublishedLogEnd = rig.published
        let directory = rig.directory
        let executor = ThreadExecutor()
        let failures = Mutex<[String]>([])
        let followed = Mutex<HistoryPoint>(LogRig.origin)
        let isOver = Atomic<Bool>(false)
        func run(_ name: String, _ body: @escaping @Sendable () throws(EngineError) -> Void) -> any JobHandle {
            let job = executor.start(
                Job(name: name, priority: .urgent) {
                    do throws(EngineError) { try body() } catch { failures.withLock { $0.append("\(name): \(error)") } }
                    return isOver.load(ordering: .acquiring) ? .done : .more
                })
            job.wake()
            return job
        }
        let jobs = [
            run("sync") { () throws(EngineError) in
                let synced = try writer.sync()
                if synced > writer.end { throw EngineError(.invalidArgument, "synced past the end") }
            },
            run("segments") { () throws(EngineError) in _ = try segments.step() },
            run("tail") { () throws(EngineError) in
                let tail = try LogTail(directory, cuts: [], end: end, after: followed.withLock { $0 })
                while try tail.next(maxBytes: 4096) != nil {}
                followed.withLock { $0 = tail.point }
            },
        ]
        for _ in 0..<400 { try rig.append(2, valueLength: 100) }
        let gate = Gate()
        let point = writer.point
        let deadline = SystemClock().monotonicNanoseconds() + 60_000_000_000
        while followed.withLock({ $0 != point }) || writer.synced != writer.end {
            guard SystemClock().monotonicNanoseconds() < deadline else { break }
            _ = executor.wait(at: gate, until: SystemClock().monotonicNanoseconds() + 1_000_000) { false }
        }
        isOver.store(true, ordering: .releasing)
        for job in jobs { job.stop() }
        #expect(failures.withLock { $0 } == [])
        #expect(followed.withLock { $0 } == point && writer.synced == writer.end)
        rig.disk.crash(.loseUnsynced)
        #expect(try rig.readThrough() == point.position.sequence)
    }
}
