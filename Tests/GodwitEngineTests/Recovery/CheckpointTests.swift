import GodwitSimulation
import Testing

@testable import GodwitEngine

@Suite("Checkpoints")
struct CheckpointTests {
    private func fill(_ engine: Engine, _ range: Range<Int>, _ value: String = "v", in keyspace: Keyspace? = nil) throws
    {
        for index in range {
            try engine.put("key\(10000 + index)", "\(value)\(index)", in: keyspace, durability: .buffered)
        }
    }

    private func all(_ engine: Engine, in keyspace: Keyspace? = nil) throws -> [String] {
        var found: [String] = []
        try engine.scan(in: keyspace) { key, value in
            found.append(
                String(decoding: key.withView { $0.array } + [61] + value.withView { $0.array }, as: UTF8.self))
            return true
        }
        return found
    }

    @Test("a checkpoint is opened, and restored, with all that the store held and nothing more")
    func roundTrip() throws {
        let world = World(seed: 1)
        let engine = try world.open()
        let planes = try engine.createKeyspace("planes")
        try fill(engine, 0..<3000)
        try engine.deleteRange(from: "key10100", to: "key10200")
        try fill(engine, 0..<500, "p", in: planes)
        let (first, second) = (try all(engine), try all(engine, in: planes))
        var steps: [WorkProgress] = []
        let made = try engine.checkpoint(to: "/copy") { steps.append($0) }
        #expect(made.point == engine.historyPoint && made.storeID == engine.store.manifest.state.storeID)
        #expect(steps.last.map { $0.done == $0.total && $0.total == made.bytes } == true)
        try fill(engine, 0..<100, "later")

        let opened = try Engine.open(at: "/copy", options: .small, environment: world.environment)
        #expect(try all(opened) == first)
        #expect(try all(opened, in: opened.keyspace("planes")) == second)
        #expect(opened.position.epoch > made.point.position.epoch)
        #expect(opened.epochHistory.last?.parent == made.point)
        try opened.close()
        #expect(throws: EngineError.self) {
            try Engine.restore(from: "/copy", to: "/other", environment: world.environment)
        }

        try engine.checkpoint(to: "/second")
        let now = try all(engine)
        for newStore in [false, true] {
            let target = "/restored\(newStore)"
            let from = try Engine.restore(
                from: "/second", to: target, newStore: newStore, environment: world.environment)
            #expect(try Checkpoint.read(at: "/second", environment: world.environment) == from)
            let restored = try Engine.open(at: target, options: .small, environment: world.environment)
            #expect(try all(restored) == now)
            #expect((restored.store.manifest.state.storeID == made.storeID) == !newStore)
            try fill(restored, 0..<50, "own")
            try restored.close()
            let again = try Engine.open(at: target, options: .small, environment: world.environment)
            #expect(try again.get("key10001") == Array("own1".utf8))
            #expect(try NodeIdentity.read(in: target, world.disk).id != NodeIdentity.read(in: "/store", world.disk).id)
            try again.close()
        }
        try engine.close()
    }

    @Test("a checkpoint made during writes holds a prefix of them, the same in every keyspace", arguments: 1...12)
    func checkpointDuringWrites(seed: Int) throws {
        let world = World(seed: UInt64(seed))
        let engine = try world.open()
        let other = try engine.createKeyspace("other")
        // Writes go on whenever the disk is used for the checkpoint: `next` is the next batch's number.
        final class Writer: @unchecked Sendable {
            var next = 0
            var isBusy = false
        }
        let writer = Writer()
        @Sendable func write() {
            if writer.isBusy { return }
            writer.isBusy = true
            defer { writer.isBusy = false }
            let batch = WriteBatch(for: engine)
            try? batch.put("k\(writer.next % 700)", "\(writer.next)")
            try? batch.put("k\(writer.next % 700)", "\(writer.next)", in: other)
            if (try? engine.write(batch, durability: .buffered)) != nil { writer.next += 1 }
        }
        for _ in 0..<(2000 + seed * 37) { write() }
        let before = writer.next
        world.disk.observe { kind, path in
            // Only where no lock is held over the call.
            if kind == .link || path.hasPrefix("/copy/0") { write() }
        }
        let made = try engine.checkpoint(to: "/copy")
        world.disk.observe(nil)
        #expect(writer.next > before, "nothing was written meanwhile")
        let opened = try Engine.open(at: "/copy", options: .small, environment: world.environment)
        let size = Int(made.point.position.sequence)
        let (left, right) = (try all(opened), try all(opened, in: opened.keyspace("other")))
        #expect(left == right)
        var model: [Int: Int] = [:]
        for number in 0..<before { model[number % 700] = number }
        #expect(left.sorted() == model.map { "k\($0.key)=\($0.value)" }.sorted(), "at \(size)")
        try opened.close()
        try engine.close()
    }

    @Test("an ingest that comes in behind the cut, and is compacted with what was there, stays out")
    func ingestBehindTheCut() throws {
        let world = World(seed: 5)
        let engine = try world.open()
        try fill(engine, 0..<2000)
        let expected = try all(engine)
        let side = try engine.writable()
        let writer = CheckpointWriter(engine.store, side, to: "/copy", nil)
        let cut = try #require(try writer.cut())
        try side.waitForFlush(through: cut.point.position.sequence)
        try engine.ingest { (writer) throws(EngineError) in
            for index in 0..<300 { try writer.add("key\(10000 + index * 5)", "ingested") }
        }
        try engine.ingest { (writer) throws(EngineError) in try writer.add("key99999", "ingested") }
        // Requested on this thread: `compact` would flush, which the barrier holds.
        let request = side.compactions.request(engine.defaultKeyspace.tree, KeyRange(to: Array("key9".utf8)))
        side.wakeCompaction()
        world.executor.runUntilIdle()
        #expect(try side.compactions.isDone(request))
        try world.disk.createDirectory("/copy")
        let state = try #require(try writer.link(cut))
        let tables = state.keyspaces[0].version.allTables
        #expect(tables.contains { $0.visibleThrough == cut.point.position.sequence })
        _ = try ManifestStore.create(world.disk, "/copy", state: state)
        let opened = try Engine.open(at: "/copy", options: .small, environment: world.environment)
        #expect(try all(opened) == expected)
        try opened.compact()
        #expect(try all(opened) == expected)
        try opened.close()
        side.barrier.set(nil)
        engine.store.snapshots.release(cut.hold)
        try engine.close()
    }

    @Test("a damaged checkpoint is refused, naming the file, and nothing is made of it")
    func damaged() throws {
        let world = World(seed: 3)
        let engine = try world.open()
        try fill(engine, 0..<500)
        let made = try engine.checkpoint(to: "/copy")
        try engine.close()
        for file in made.files.map(\.name) + ["CHECKPOINT"] {
            let path = "/copy/" + file
            let size = UInt64(try #require(world.disk.contents(path)).count)
            for offset in stride(from: 0, to: size, by: max(1, Int(size) / 40)) {
                try world.disk.flipBits(path, at: offset)
                let error = #expect(throws: EngineError.self) {
                    try Engine.restore(from: "/copy", to: "/target", environment: world.environment)
                }
                #expect(error?.code == .corruption && error?.file == path, "\(file) at \(offset)")
                try world.disk.flipBits(path, at: offset)
            }
            let whole = try #require(world.disk.contents(path))
            try world.disk.setContents(path, Array(whole.dropLast()))
            #expect(throws: EngineError.self) {
                try Engine.restore(from: "/copy", to: "/target", environment: world.environment)
            }
            try world.disk.setContents(path, whole)
        }
        try Engine.restore(from: "/copy", to: "/target", environment: world.environment)
    }

    @Test("a kill anywhere in a checkpoint leaves the store whole, and a whole checkpoint or one that is refused")
    func killedCheckpoint() throws {
        var whole = 0
        for call in stride(from: 1, through: 400, by: 3) {
            let world = World(seed: UInt64(call))
            var engine = try world.open()
            try fill(engine, 0..<400)
            try engine.sync()
            world.disk.powerOff(afterCalls: call)
            let made = try? engine.checkpoint(to: "/copy")
            world.crash()
            engine = try world.open()
            #expect(try all(engine).count == 400)
            try engine.close()
            if (try? Checkpoint.read(at: "/copy", environment: world.environment)) == nil {
                #expect(made == nil)
                #expect(throws: EngineError.self) {
                    try Engine.restore(from: "/copy", to: "/target", environment: world.environment)
                }
                continue
            }
            whole += 1
            try Engine.restore(from: "/copy", to: "/target", environment: world.environment)
            let restored = try Engine.open(at: "/target", options: .small, environment: world.environment)
            #expect(try all(restored).count == 400)
            try restored.close()
            if made != nil { break }
        }
        #expect(whole > 0)
    }

    @Test("a kill anywhere in a restore leaves a whole store or none")
    func killedRestore() throws {
        let origin = World(seed: 9)
        let engine = try origin.open()
        try fill(engine, 0..<400)
        try engine.checkpoint(to: "/copy")
        try engine.close()
        var isDone = false
        var call = 0
        while !isDone {
            call += 1
            let disk = origin.disk.clone(seed: UInt64(call))
            let environment = EngineEnvironment(
                fileSystem: disk, clock: origin.clock, random: origin.random,
                executor: SimulatedExecutor(seed: UInt64(call), clock: origin.clock))
            disk.powerOff(afterCalls: call)
            isDone = (try? Engine.restore(from: "/copy", to: "/target", environment: environment)) != nil
            disk.crash()
            var options = EngineOptions.small
            options.mode = .openExisting
            do {
                let restored = try Engine.open(at: "/target", options: options, environment: environment)
                #expect(try all(restored).count == 400)
                try restored.close()
            } catch let error as EngineError {
                #expect(error.code == .notFound, "call \(call): \(error)")
                #expect(!isDone)
            }
        }
        #expect(call > 10)
    }

    @Test("a directory that holds something is refused, and a failed attempt leaves nothing")
    func targets() throws {
        let world = World(seed: 4)
        let engine = try world.open()
        try fill(engine, 0..<300)
        try world.disk.createDirectory("/full")
        try world.disk.setContents("/full/letter", [1])
        #expect(throws: EngineError.self) { try engine.checkpoint(to: "/full") }
        #expect(world.disk.contents("/full/letter") == [1])
        world.disk.inject(Fault(.error(28), on: .write, path: "CHECKPOINT"))
        world.disk.inject(Fault(.error(5), on: .link))
        #expect(throws: EngineError.self) { try engine.checkpoint(to: "/copy") }
        #expect(try world.disk.list("/copy").isEmpty)
        world.disk.clearFaults()
        // Another file system: copies instead of links.
        world.disk.inject(Fault(.error(18), on: .link, times: 1000))
        let made = try engine.checkpoint(to: "/copy")
        world.disk.clearFaults()
        #expect(made.files.contains { $0.name.hasSuffix(".sst") })
        try engine.put("more", "more")
        try engine.close()
    }

    @Test("on the computer's own disk: tables are linked, the copy lives on without the store")
    func realDisk() throws {
        let directory = TemporaryDirectory()
        var options = EngineOptions.small
        options.segmentSize = 1 << 20
        let engine = try Engine.open(at: directory.path + "/store", options: options)
        try fill(engine, 0..<20_000)
        try engine.checkpoint(to: directory.path + "/copy")
        try fill(engine, 0..<20_000, "new")
        try engine.compact()
        try engine.close()
        try Engine.restore(from: directory.path + "/copy", to: directory.path + "/back", newStore: true)
        let back = try Engine.open(at: directory.path + "/back", options: options)
        #expect(try all(back).count == 20_000)
        #expect(try back.get("key10077") == Array("v77".utf8))
        try back.close()
    }

    @Test(
        "on the computer's own disk, with threads that write: each checkpoint holds a prefix, alike in both keyspaces")
    func threads() throws {
        let directory = TemporaryDirectory()
        let engine = try Engine.open(at: directory.path + "/store", options: .small)
        let other = try engine.createKeyspace("other")
        onThreads(3) { index in
            if index > 0 {
                for number in 0..<6000 {
                    let batch = WriteBatch(for: engine)
                    let key = "\(index)-\(100_000 + number)"
                    try! batch.put(key, "\(number)")
                    try! batch.put(key, "\(number)", in: other)
                    _ = try! engine.write(batch, durability: .buffered)
                }
                return
            }
            for round in 0..<4 {
                let path = directory.path + "/copy\(round)"
                let made = try! engine.checkpoint(to: path)
                let opened = try! Engine.open(at: path, options: .small)
                let (left, right) = (try! self.all(opened), try! self.all(opened, in: opened.keyspace("other")))
                #expect(left == right && left.count * 2 <= Int(made.point.position.sequence))
                var counts = [0, 0, 0]
                for entry in left {
                    let thread = Int(entry.prefix(1))!
                    #expect(entry == "\(thread)-\(100_000 + counts[thread])=\(counts[thread])")
                    counts[thread] += 1
                }
                try! opened.close()
            }
        }
        try engine.close()
    }
}
