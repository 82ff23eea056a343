import GodwitSimulation
import Testing

@testable import GodwitEngine

@Suite("What makes a node of a store")
struct NodeTests {
    private func options(_ region: String?) -> EngineOptions {
        var options = EngineOptions.small
        options.region = region
        return options
    }

    @Test("the region is kept beside the data, names the origin of its records, and another is refused")
    func region() throws {
        let world = World(seed: 31)
        let first = try world.open(options("us-east"))
        let id = try #require(first.nodeID)
        try first.put("a", "1")
        var origins: [UInt16] = []
        let stream = try first.logStream(after: .start)
        while true {
            let more: Void? = try stream.next { records, _ in
                records.withView { view in
                    var run = RecordRun(view)
                    while let record = try? run.next() { origins.append(record.origin) }
                }
            }
            if more == nil { break }
        }
        #expect(!origins.isEmpty && origins.allSatisfy { $0 == RegionID.of("us-east") })
        try first.close()
        let error = #expect(throws: EngineError.self) { try world.open(options("eu-west")) }
        #expect(error?.code == .invalidArgument && error?.message.contains("us-east") == true)
        let again = try world.open(options(nil))
        #expect(again.region == "us-east" && again.nodeID == id && NodeID(id.description) == id)
        try again.close()
    }

    @Test("a node without a region becomes one of the first region that is given")
    func adoption() throws {
        let world = World(seed: 32)
        let first = try world.open()
        #expect(first.region == nil)
        let id = first.nodeID
        try first.close()
        let second = try world.open(options("ap-south"))
        #expect(second.region == "ap-south" && second.nodeID == id)
        try second.close()
        for name in ["", String(repeating: "x", count: 65)] {
            #expect(throws: EngineError.self) { try world.open(options(name)) }
        }
    }

    @Test("behind a fence callers' writes are refused, and what a node does with its history goes on")
    func fence() throws {
        let world = World(seed: 33)
        let engine = try world.open()
        try engine.put("a", "1")
        try engine.fenceWrites(EngineError(.notWritable, "this node is a follower: write to the primary"))
        let end = engine.historyPoint
        func isRefused(_ write: () throws -> Void) -> Bool {
            do {
                try write()
                return false
            } catch {
                return (error as? EngineError)?.code == .notWritable
            }
        }
        #expect(isRefused { try engine.put("b", "2") })
        #expect(isRefused { try engine.createKeyspace("new") })
        #expect(isRefused { try engine.ingest { (writer) throws(EngineError) in try writer.add("c", "3") } })
        #expect(engine.historyPoint == end)
        try engine.beginEpoch()
        _ = try engine.mark([1])
        try engine.flush()
        #expect(engine.historyPoint.position.sequence == end.position.sequence + 2)
        try engine.fenceWrites(nil)
        try engine.put("b", "2")
        #expect(try engine.get("b") == Array("2".utf8))
        try engine.close()
    }

    @Test("a marker holds the store exactly where it stands")
    func marker() throws {
        let world = World(seed: 34)
        let engine = try world.open()
        try engine.put("a", "1")
        let (point, snapshot) = try engine.mark(Array("digest".utf8))
        try engine.put("a", "2")
        #expect(snapshot.position == point.position)
        #expect(try engine.get("a", at: snapshot) == Array("1".utf8))
        #expect(throws: EngineError.self) { try engine.mark([UInt8](repeating: 0, count: 1025)) }
        try engine.close()
    }

    @Test("a requested sync moves the durable point without anyone waiting for it")
    func requestedSync() throws {
        let world = World(seed: 35)
        let engine = try world.open()
        try engine.put("a", "1", durability: .buffered)
        #expect(engine.durablePoint != engine.historyPoint)
        try engine.requestSync()
        #expect(try engine.waitForProgress(until: nil) { engine.durablePoint == engine.historyPoint })
        let now = world.clock.monotonicNanoseconds()
        #expect(try !engine.waitForProgress(until: now + 1_000_000) { false })
        try engine.close()
    }

    @Test("a hold in the options keeps the log from the first moment on")
    func heldFromTheStart() throws {
        let world = World(seed: 36)
        var engine = try world.open()
        let start = engine.historyPoint
        func fill() throws {
            for index in 0..<3000 {
                try engine.put("k\(index)", String(repeating: "v", count: 300), durability: .buffered)
            }
            try engine.flush()
            world.executor.runUntilIdle()
        }
        try engine.hold("slot", after: start.position.sequence)
        try fill()
        try engine.close()
        var held = EngineOptions.small
        held.holds = ["slot": start.position.sequence]
        engine = try world.open(held)
        try fill()
        _ = try engine.logStream(after: start)
        try engine.close()
        engine = try world.open()
        try fill()
        #expect(throws: EngineError.self) { try engine.logStream(after: start) }
        try engine.close()
    }

    @Test("a full copy that is installed replaces the data, whenever power is lost in it", arguments: 0..<80)
    func install(seed: Int) throws {
        let world = World(seed: UInt64(seed) + 100)
        let source = try Engine.open(at: "/leader", options: .small, environment: world.environment)
        for index in 0..<400 { try source.put("k\(index)", "leader\(index)", durability: .buffered) }
        try source.flush()
        for index in 0..<400 { try source.put("k\(index)", "leader\(index)", durability: .buffered) }
        try world.disk.createDirectory("/store")
        let old = try world.open()
        let id = old.nodeID
        for index in 0..<900 { try old.put("k\(index)", "old\(index)", durability: .buffered) }
        try old.flush()
        try old.close()
        let made = try source.checkpoint(to: "/store/incoming")
        try source.close()
        world.disk.powerOff(afterCalls: world.random.within(1...60))
        var failures = 0
        while true {
            do {
                if try failures == 0 || CheckpointInstall.isPending("/store/incoming", world.disk) {
                    try CheckpointInstall.run(from: "/store/incoming", to: "/store", world.environment)
                }
                break
            } catch {
                failures += 1
                try #require(failures < 10, "\(error)")
                world.crash()
                if world.random.chance(1, in: 2) { world.disk.powerOff(afterCalls: world.random.within(1...40)) }
            }
        }
        world.crash()
        let engine = try world.open()
        #expect(engine.nodeID == id)
        let isNew = engine.storeID == made.storeID
        // Power lost before it began leaves the old data.
        #expect(isNew || failures > 0)
        #expect(try engine.get("k1") == Array((isNew ? "leader1" : "old1").utf8))
        #expect(try engine.get("k899") == (isNew ? nil : Array("old899".utf8)))
        if isNew { #expect(try !world.disk.exists("/store/incoming/INSTALL")) }
        try engine.close()
    }

    @Test("a checkpoint is not cut while an ingest has chunks in the log")
    func checkpointWaitsForIngest() throws {
        let world = World(seed: 37)
        let engine = try world.open()
        try engine.put("a", "1")
        let side = try engine.writable()
        side.retention.hold(LogRetention.ingestPrefix + "1", after: 0)
        #expect(try CheckpointWriter(engine.store, side, to: "/copy", nil).cut() == nil)
        side.retention.release(LogRetention.ingestPrefix + "1")
        try engine.checkpoint(to: "/copy")
        try engine.close()
    }
}
