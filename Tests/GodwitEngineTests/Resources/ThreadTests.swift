import Foundation
import Glibc
import GodwitSimulation
import Synchronization
import Testing

@testable import GodwitEngine

@Suite("An engine on threads")
struct ThreadTests {
    /// An engine on real threads over a disk in memory.
    private func environment(_ disk: SimulatedFileSystem) -> EngineEnvironment {
        EngineEnvironment(fileSystem: disk, clock: SystemClock(), random: SystemRandom(), executor: ThreadExecutor())
    }

    @Test("tables that are made while a store opens are none of those that a crash left behind")
    func tablesMadeWhileOpening() throws {
        let options = EngineOptions.small
        let disk = SimulatedFileSystem(seed: 4)
        let writer = try Engine.open(at: "/store", options: options, environment: environment(disk))
        let value = String(repeating: "v", count: 1000)
        for key in 0..<400 { try writer.put("k\(key)", value, durability: .buffered) }
        try writer.sync()
        for round in 0..<40 {
            let copy = disk.clone(seed: UInt64(round))
            let engine = try Engine.open(at: "/store", options: options, environment: environment(copy))
            try engine.flush()
            try engine.compact()
            for key in 0..<400 { #expect(try engine.text("k\(key)") == value) }
            try engine.close()
        }
        try writer.close()
    }

    @Test("readers beside a rewind see the store before it or after it, never one half filled")
    func readersBesideARewind() throws {
        let disk = SimulatedFileSystem(seed: 3)
        let engine = try Engine.open(at: "/store", environment: environment(disk))
        for key in 0..<200 { try engine.put("k\(key)", "0", durability: .buffered) }
        for round in 0..<5 {
            for number in 0..<2000 { try engine.put("k\(number % 200)", "\(round)", durability: .buffered) }
            let target = engine.historyPoint
            for number in 0..<2000 { try engine.delete("k\(number % 200)", durability: .buffered) }
            for key in 0..<200 { try engine.put("k\(key)", "gone", durability: .buffered) }
            let isOver = Atomic<Bool>(false)
            let wrong = Mutex<[String]>([])
            let reader = Thread {
                var key = 0
                while !isOver.load(ordering: .acquiring) {
                    key = (key + 1) % 200
                    let value = (try? engine.text("k\(key)")) ?? nil
                    if value != "gone", value != "\(round)" { wrong.withLock { $0.append(value ?? "absent") } }
                }
            }
            reader.start()
            try engine.rewind(to: target)
            isOver.store(true, ordering: .releasing)
            while !reader.isFinished { usleep(100) }
            #expect(wrong.withLock { $0.prefix(5) } == [])
            #expect(try engine.text("k7") == "\(round)")
        }
        try engine.close()
    }

    /// Threads that use one engine in every way at once.
    private final class Crowd: Sendable {
        static let writers = 4
        let engine: Engine
        let rounds: Int
        let problems = Mutex<[String]>([])
        let isOver = Atomic<Bool>(false)
        private let writersLeft = Atomic<Int>(writers)

        init(_ engine: Engine, rounds: Int) {
            self.engine = engine
            self.rounds = rounds
        }

        func report(_ text: String) { problems.withLock { $0.append(text) } }

        func run(_ thread: Int) {
            let error = failure { () throws(EngineError) in
                switch thread {
                case 0..<Self.writers: try write(thread)
                case Self.writers..<6: while !isOver.load(ordering: .relaxed) { try read() }
                default:
                    while !isOver.load(ordering: .relaxed) {
                        try engine.flush()
                        try engine.compact()
                    }
                }
            }
            if let error { report("thread \(thread): \(error)") }
            if thread < Self.writers, writersLeft.subtract(1, ordering: .relaxed).newValue == 0 {
                isOver.store(true, ordering: .relaxed)
            }
        }

        /// Each writer owns four keys and writes them as one batch, so that they always agree.
        private func write(_ index: Int) throws(EngineError) {
            let durability: Durability = index % 2 == 0 ? .synced : .buffered
            for round in 0..<rounds {
                let batch = try engine.makeBatch()
                let value = "\(round)-" + String(repeating: "x", count: 400)
                for part in 0..<4 { try batch.put("w\(index)-\(part)", value) }
                try batch.put("f\(index)-\(round)", value)
                try engine.write(batch, durability: durability)
                if try engine.text("w\(index)-\(round % 4)") != value { report("writer \(index) does not see its write") }
                if round % 10 == 0 { try engine.update("count") { .put(Array("\(Self.number($0) + 1)".utf8)) } }
                if round % 20 == 5 {
                    try engine.deleteRange(from: "f\(index)-", to: "f\(index)-1", durability: durability)
                }
            }
        }

        private static func number(_ old: RawSpan?) -> Int {
            guard let old else { return 0 }
            return Int(old.withView { String(decoding: $0.array, as: UTF8.self) }) ?? 0
        }

        private func read() throws(EngineError) {
            let snapshot = try engine.snapshot()
            for index in 0..<Self.writers {
                let first = try engine.text("w\(index)-0", at: snapshot)
                for part in 1..<4 where try engine.text("w\(index)-\(part)", at: snapshot) != first {
                    report("half a batch of writer \(index)")
                }
            }
            var values: [String: Set<String>] = [:]
            var last: [UInt8] = []
            try engine.scan { key, value in
                let key = key.withView { $0.array }
                if !last.isEmpty, !last.lexicographicallyPrecedes(key) { report("a scan goes back") }
                last = key
                let name = String(decoding: key, as: UTF8.self)
                if name.hasPrefix("w") {
                    let text = value.withView { String(decoding: $0.array, as: UTF8.self) }
                    values[String(name.prefix(2)), default: []].insert(text)
                }
                return true
            }
            if values.values.contains(where: { $0.count > 1 }) { report("half a batch in a scan") }
        }

        func writeAsync() async {
            do {
                for round in 0..<rounds {
                    let value = Array("\(round)".utf8)
                    try await engine.putAsync(Array("async".utf8), value, durability: round % 3 == 0 ? .synced : .buffered)
                    if try await engine.getAsync(Array("async".utf8)) != value {
                        report("an asynchronous write is not seen")
                    }
                }
            } catch {
                report("asynchronous: \(error)")
            }
        }
    }

    @Test("readers, writers, scans, flushes and compactions at once see whole batches and their own writes")
    func everythingAtOnce() async throws {
        let directory = TemporaryDirectory()
        var options = EngineOptions.small
        options.syncInterval = 5
        let engine = try Engine.open(at: directory.path, options: options)
        let rounds = 150
        let crowd = Crowd(engine, rounds: rounds)
        async let asynchronous: Void = crowd.writeAsync()
        await withCheckedContinuation { continuation in
            Thread.detachNewThread {
                onThreads(7) { crowd.run($0) }
                continuation.resume()
            }
        }
        await asynchronous
        let problems = crowd.problems.withLock { Array($0.prefix(5)) }
        #expect(problems == [])
        #expect(try engine.text("count") == "\(4 * rounds / 10)")
        try engine.close()
        let again = try Engine.open(at: directory.path, options: options)
        for index in 0..<4 { #expect(try again.text("w\(index)-3")?.hasPrefix("\(rounds - 1)-") == true) }
        #expect(try again.text("count") == "\(4 * rounds / 10)")
        try again.close()
    }

    @Test("a buffered writer is not held by a synced writer whose sync takes long")
    func bufferedWriterNotHeldBySyncedWriter() throws {
        let disk = SimulatedFileSystem(seed: 1)
        let engine = try Engine.open(at: "/store", options: .small, environment: environment(disk))
        let isSlow = Atomic<Bool>(true)
        let isSyncing = Atomic<Bool>(false)
        disk.observe { kind, path in
            guard kind == .sync, path.hasSuffix(".log") else { return }
            isSyncing.store(true, ordering: .relaxed)
            while isSlow.load(ordering: .relaxed) { usleep(500) }
        }
        let isDone = Atomic<Bool>(false)
        onThreads(2) { thread in
            if thread == 0 {
                _ = failure { () throws(EngineError) in try engine.put("synced", "v") }
                isDone.store(true, ordering: .relaxed)
                return
            }
            while !isSyncing.load(ordering: .relaxed) { usleep(500) }
            for index in 0..<100 {
                let error = failure { () throws(EngineError) in try engine.put("b\(index)", "v", durability: .buffered) }
                #expect(error == nil)
            }
            #expect((try? engine.text("b99")) == "v")
            let isEarly = isDone.load(ordering: .relaxed)
            #expect(!isEarly, "the sync was over too early")
            isSlow.store(false, ordering: .relaxed)
        }
        disk.observe(nil)
        #expect(try engine.text("synced") == "v")
        try engine.close()
    }

    @Test("while the disk is slow, reads that memory can answer go on")
    func slowDisk() throws {
        let disk = SimulatedFileSystem(seed: 2)
        var engine = try Engine.open(at: "/store", options: .small, environment: environment(disk))
        for index in 0..<200 { try engine.put("cold\(index)", "v", durability: .buffered) }
        try engine.flush()
        try engine.close()
        engine = try Engine.open(at: "/store", options: .small, environment: environment(disk))
        try engine.put("warm", "v")
        let isSlow = Atomic<Bool>(true)
        let isReading = Atomic<Bool>(false)
        disk.observe { kind, path in
            guard kind == .read, path.hasSuffix(".sst") else { return }
            isReading.store(true, ordering: .relaxed)
            while isSlow.load(ordering: .relaxed) { usleep(500) }
        }
        let reader = engine
        onThreads(2) { thread in
            if thread == 0 {
                #expect((try? reader.text("cold7")) == "v")
                let isStillSlow = isSlow.load(ordering: .relaxed)
                #expect(!isStillSlow)
                return
            }
            while !isReading.load(ordering: .relaxed) { usleep(500) }
            for _ in 0..<100 { #expect((try? reader.text("warm")) == "v") }
            #expect((try? reader.getIfResident("cold7") { _ in }) == .needsIO)
            #expect((try? reader.getIfResident("warm") { _ in }) == .found)
            isSlow.store(false, ordering: .relaxed)
        }
        disk.observe(nil)
        #expect(try engine.text("cold8") == "v")
        try engine.close()
    }

    @Test("a read within a read sees the same store, on one thread and with two engines")
    func getInsideGetAndTwoEnginesOneThread() throws {
        let (first, second) = (World(seed: 1), World(seed: 2))
        let (one, two) = (try first.open(), try second.open())
        for index in 0..<200 {
            try one.put("k\(index)", "one \(index)", durability: .buffered)
            try two.put("k\(index)", "two \(index)", durability: .buffered)
        }
        try one.flush()
        try two.compact()
        for index in 0..<200 {
            let text: String? = try one.get("k\(index)") { outer in
                let inner = (try? two.get("k\(index)") { inner in
                    let again = (try? one.text("k\(199 - index)")) ?? "error"
                    return inner.withView { String(decoding: $0.array, as: UTF8.self) } + again
                }) ?? "error"
                return outer.withView { String(decoding: $0.array, as: UTF8.self) } + inner
            }
            #expect(text == "one \(index)two \(index)one \(199 - index)")
        }
        try one.close()
        #expect(try two.text("k7") == "two 7")
        try two.close()
    }

    @Test("a read closure keeps what it was lent; its writes are refused before they fill memory, and taken after it")
    func slowClosureKeepsMemoryBounded() throws {
        let directory = TemporaryDirectory()
        let engine = try Engine.open(at: directory.path, options: .small)
        let value = String(repeating: "v", count: 4000)
        func write(_ round: Int) throws(EngineError) {
            for index in 0..<500 { try engine.put("k\(index)", "\(round)" + value, durability: .buffered) }
            for index in 0..<500 { _ = try engine.text("k\(index)") }
        }
        for round in 0..<3 { try write(round) }
        try engine.compact()
        let expected = try engine.get("k7")
        let before = residentBytes()
        var same = false
        var error: EngineError?
        var kept: UInt64 = 0
        _ = try engine.get("k7") { lent in
            error = failure { () throws(EngineError) in for round in 0..<12 { try write(round) } }
            same = lent.withView { $0.array } == expected
            kept = engine.metrics.memory.flushedInUse
            #expect(engine.metrics.writes.delayCause == "flushed memtables wait for reads that have not returned")
        }
        let grown = residentBytes() - before
        #expect(same)
        #expect(error?.code == .unavailable && error?.message.contains("closure") == true)
        #expect(kept > 0 && kept < 8 << 20 / 2, "\(kept) bytes kept for the reader")
        #expect(grown < 8 << 20, "grew by \(grown >> 20) MiB, with a budget of 8 MiB")
        try write(13)
        try engine.close()
    }

    @Test("writers wait for another thread's read closure rather than fill memory, and go on when it returns")
    func slowClosureHoldsWriters() throws {
        let directory = TemporaryDirectory()
        let engine = try Engine.open(at: directory.path, options: .small)
        try engine.put("k", "v")
        let isReading = Atomic<Bool>(false)
        let isDone = Atomic<Bool>(false)
        onThreads(2) { thread in
            if thread == 0 {
                _ = try? engine.get("k") { _ in
                    isReading.store(true, ordering: .relaxed)
                    while engine.metrics.writes.delayCause != "flushed memtables wait for reads that have not returned" {
                        usleep(500)
                    }
                    usleep(50_000)
                    let isEarly = isDone.load(ordering: .relaxed)
                    #expect(!isEarly, "the writer was not held")
                    #expect(engine.metrics.memory.flushedInUse < 8 << 20 / 2)
                }
                return
            }
            while !isReading.load(ordering: .relaxed) { usleep(500) }
            let value = String(repeating: "v", count: 4000)
            let error = failure { () throws(EngineError) in
                for index in 0..<6000 { try engine.put("k\(index)", value, durability: .buffered) }
            }
            #expect(error == nil)
            isDone.store(true, ordering: .relaxed)
        }
        let wentOn = isDone.load(ordering: .relaxed)
        #expect(wentOn)
        try engine.close()
    }
}
