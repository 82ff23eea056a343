import GodwitSimulation
import Testing

@testable import GodwitEngine

/// Bulk ingests as followers get them: chunks, other writes between them, and in the end the commit.
@Suite("Bulk ingests over the log's stream")
struct IngestStreamTests {
    private let values: [[UInt8]] = {
        let random = SeededRandom(seed: 5)
        return (0..<30).map { _ in random.bytes(100_000) }
    }()

    private func follower(_ world: World) throws -> Engine {
        var options = EngineOptions.small
        options.beginsEpochs = false
        return try world.open(options)
    }

    private func ingest(_ engine: Engine) throws {
        try engine.ingest { (writer) throws(EngineError) in
            for (index, value) in values.enumerated() { try writer.add("k\(100 + index)", value) }
        }
    }

    /// The records of a store, one by one.
    private func records(of engine: Engine, after point: HistoryPoint = .start) throws -> [[UInt8]] {
        let stream = try engine.logStream(after: point)
        var all: [[UInt8]] = []
        while let record = try stream.next(maxBytes: 1, { records, _ in records.withView { $0.array } }) { all.append(record) }
        return all
    }

    private func apply(_ records: some Sequence<[UInt8]>, to engine: Engine) throws {
        for record in records { try record.withView { view in _ = try view.withSpan { try engine.apply(records: $0) } } }
    }

    @Test("a follower that restarts between the chunks and the commit has the whole ingest", arguments: [false, true])
    func restartBeforeTheCommit(isCrash: Bool) throws {
        let leader = try World(seed: 1).open()
        try ingest(leader)
        let records = try records(of: leader)
        for cut in [2, records.count / 2, records.count - 1] {
            let world = World(seed: 1)
            var engine = try follower(world)
            try apply(records[..<cut], to: engine)
            for _ in 0..<2 {
                // The log is wanted by nobody else.
                try engine.flush()
                world.settle()
                if isCrash { world.crash() } else { try engine.close() }
                engine = try follower(world)
                world.settle()
            }
            try apply(records[cut...], to: engine)
            for (index, value) in values.enumerated() { #expect(try engine.get("k\(100 + index)") == value, "cut \(cut)") }
            #expect(engine.historyPoint == leader.historyPoint)
            world.settle()
            #expect(world.orphans(engine) == [], "cut \(cut)")
            try engine.close()
        }
    }

    @Test("chunks whose ingest fails are given up by those who follow, and keep no log there")
    func abandonedIngest() throws {
        let leaderWorld = World(seed: 1)
        let leader = try leaderWorld.open()
        let side = try leader.writable()
        // The keyspace goes while the chunks are written: the commit is refused.
        let doomed = try leader.createKeyspace("doomed")
        let error = #expect(throws: EngineError.self) {
            try leader.ingest(into: doomed) { (writer) throws(EngineError) in
                for (index, value) in values.enumerated() { try writer.add("k\(100 + index)", value) }
                try leader.dropKeyspace(doomed)
            }
        }
        #expect(error?.code == .notFound)
        #expect(!side.retention.hasIngest)
        let world = World(seed: 1)
        let engine = try follower(world)
        let records = try records(of: leader)
        try apply(records.dropLast(leader.historyPoint.position.sequence == 0 ? 0 : 1), to: engine)
        #expect(try engine.writable().retention.hasIngest)
        try apply(records.suffix(1), to: engine)
        #expect(try !engine.writable().retention.hasIngest)
        world.settle()
        #expect(world.orphans(engine) == [])
        try engine.close()
    }

    @Test("an epoch gives up the chunks of the one before: the node that made them is gone")
    func epochEndsIngests() throws {
        let leader = try World(seed: 1).open()
        try ingest(leader)
        let world = World(seed: 1)
        let engine = try follower(world)
        try apply(try records(of: leader).dropLast(), to: engine)
        #expect(try engine.writable().retention.hasIngest)
        try engine.beginEpoch()
        #expect(try !engine.writable().retention.hasIngest)
        try engine.checkpoint(to: "/copy")
        try engine.close()
        let reopened = try follower(world)
        #expect(try !reopened.writable().retention.hasIngest)
        try reopened.close()
    }

    /// A leader with an ingest, and its records: a key's first value, the chunks, then the key's second value and the
    /// commit.
    private func leaderWithIngest() throws -> [[UInt8]] {
        let leader = try World(seed: 1).open()
        try leader.hold("test", after: 0)
        try leader.put("kept", "first")
        try leader.ingest { (writer) throws(EngineError) in
            for (index, value) in values.enumerated() { try writer.add("k\(100 + index)", value) }
            try leader.put("kept", "second")
        }
        return try records(of: leader)
    }

    @Test("where memory cannot be flushed for an ingest's commit, it is not in the follower's log, and comes again")
    func flushFailsBeforeTheCommit() throws {
        let records = try leaderWithIngest()
        let world = World(seed: 1)
        let engine = try follower(world)
        try apply(records.dropLast(), to: engine)
        let before = engine.historyPoint
        world.disk.inject(Fault(.error(28), on: .open, .write, path: ".sst"))
        #expect(throws: EngineError.self) { try apply(records.suffix(1), to: engine) }
        #expect(engine.historyPoint == before)
        world.disk.clearFaults()
        world.settle()
        try apply(records.suffix(1), to: engine)
        for (index, value) in values.enumerated() { #expect(try engine.get("k\(100 + index)") == value) }
        try engine.close()
    }

    @Test("where a chunk finds no room it is not in the follower's log, and comes again when there is some")
    func fullDiskAtAChunk() throws {
        let records = try leaderWithIngest()
        for call in 1...6 {
            let world = World(seed: 1)
            let engine = try follower(world)
            world.disk.inject(Fault(.error(28), on: .write, path: ".sst", atCall: call))
            var refused = 0
            for record in records {
                do { try apply([record], to: engine) } catch let error as EngineError {
                    refused += 1
                    #expect(error.code == .diskFull)
                    world.disk.clearFaults()
                    world.settle()
                    try apply([record], to: engine)
                }
            }
            #expect(refused == 1, "call \(call)")
            for (index, value) in values.enumerated() { #expect(try engine.get("k\(100 + index)") == value) }
            try engine.close()
        }
    }

    @Test("readers see a key all the time while the records around an ingest's commit are applied in one call")
    func readsBesideTheCommit() throws {
        let records = try leaderWithIngest()
        let world = World(seed: 1)
        let engine = try follower(world)
        let cut = try #require(records.indices.dropLast().last)
        try apply(records[..<(cut - 1)], to: engine)
        let seen = Locked<[[UInt8]?]>([])
        engine.listen { event in
            guard case .flushed = event else { return }
            let value: [UInt8]? = (try? engine.get("kept")) ?? nil
            seen.withLock { $0.append(value) }
        }
        let run = records[(cut - 1)...].flatMap { $0 }
        try apply([run], to: engine)
        engine.listen(nil)
        #expect(seen.withLock { !$0.isEmpty && $0.allSatisfy { $0 != nil } })
        #expect(try engine.get("kept") == Array("second".utf8))
        try engine.close()
    }

    @Test("a follower that goes back to a place among the chunks has the whole ingest afterwards")
    func rewindAmongTheChunks() throws {
        let leader = try World(seed: 1).open()
        try ingest(leader)
        let records = try records(of: leader)
        let world = World(seed: 1)
        let engine = try follower(world)
        try apply(records[..<3], to: engine)
        let point = engine.historyPoint
        try apply(records[3..<5], to: engine)
        try engine.rewind(to: point)
        try apply(records[3...], to: engine)
        for (index, value) in values.enumerated() { #expect(try engine.get("k\(100 + index)") == value) }
        try engine.close()
    }

    @Test("a commit without its chunks is refused before it is in the log")
    func commitWithoutChunks() throws {
        let leader = try World(seed: 1).open()
        try ingest(leader)
        let records = try records(of: leader)
        let world = World(seed: 1)
        var engine = try follower(world)
        try apply(records.dropLast(), to: engine)
        try engine.writable().ingests.discardAll()
        let end = engine.historyPoint
        let error = #expect(throws: EngineError.self) { try apply(records.suffix(1), to: engine) }
        #expect(error?.code == .history)
        let commit = try #require(records.last)
        #expect(commit.withView { $0.withSpan { engine.lacksChunks(for: $0) } })
        #expect(engine.historyPoint == end)
        try engine.close()
        engine = try follower(world)
        try apply(records.suffix(1), to: engine)
        #expect(try engine.get("k100") == values[0])
        try engine.close()
    }
}
