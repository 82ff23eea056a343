import GodwitSimulation
import Testing

@testable import GodwitEngine

/// A small store with tables of every block kind on two levels and two keyspaces, a log that holds more, and a range delete.
func makeSample(_ world: World, close: Bool = true) throws -> [String: String] {
    var options = EngineOptions.small
    options.segmentSize = 64 << 10
    let engine = try world.open(options)
    let planes = try engine.createKeyspace("planes")
    var model: [String: String] = [:]
    func put(_ key: String, _ value: String, _ keyspace: Keyspace? = nil) throws {
        try engine.put(key, value, in: keyspace, durability: .buffered)
        model[(keyspace?.name ?? "default") + "/" + key] = value
    }
    for index in 0..<800 { try put("key\(1000 + index)", "first \(index)") }
    for index in 0..<200 { try put("plane\(1000 + index)", "p\(index)", planes) }
    try engine.flush()
    try engine.compact()
    for index in 0..<100 { try put("key\(1000 + index * 3)", "second \(index)") }
    try engine.deleteRange(from: "key1500", to: "key1510", durability: .buffered)
    for index in 500..<510 { model["default/key\(1000 + index)"] = nil }
    try engine.flush()
    for index in 0..<50 { try put("key\(1000 + index * 7)", "third \(index)") }
    for index in 0..<20 { try put("plane\(2000 + index)", "q\(index)", planes) }
    try engine.sync()
    if close { try engine.close() }
    return model
}

@Suite("Verifying a store")
struct VerifierTests {
    @Test("a whole store is whole, running and closed")
    func whole() throws {
        let world = World(seed: 1)
        _ = try makeSample(world)
        let offline = try Engine.verify(at: "/store", environment: world.environment)
        #expect(offline.isWhole, "\(offline.damaged)")
        #expect(offline.tables >= 3 && offline.records > 70 && offline.entries > 1000)
        let engine = try world.open()
        for round in 0..<3 {
            for index in 0..<500 { try engine.put("key\(index)", "\(round)", durability: .buffered) }
            var last: WorkProgress?
            let online = try engine.verify { last = $0 }
            #expect(online.isWhole, "\(online.damaged)")
            #expect(online.records > 0 && last != nil)
        }
        world.crash()
        let killed = try Engine.verify(at: "/store", environment: world.environment)
        #expect(killed.isWhole, "\(killed.damaged)")
        #expect(throws: EngineError.self) { try Engine.verify(at: "/nothing", environment: world.environment) }
    }

    @Test("every live byte of every file is watched: a flip is named with its file")
    func everyByte() throws {
        let world = World(seed: 2)
        _ = try makeSample(world)
        let state = try ManifestReader.recover(world.disk, "/store").state
        var live: [String: UInt64] = [:]
        for path in world.disk.paths where path.hasPrefix("/store/") {
            let name = try #require(FileName(String(path.dropFirst(7))), "\(path)")
            let size = UInt64(try #require(world.disk.contents(path)).count)
            switch name {
            case .current, .manifest, .node: live[path] = size
            case .table(let number): if state.tableNumbers.contains(number) { live[path] = size }
            case .segment(let number):
                if number >= state.logFloor, let cut = LogCuts(state.logCuts).cut(of: number) {
                    live[path] = cut.endOffset
                }
            default: break
            }
        }
        #expect(live.count >= 7)
        for (path, size) in live.sorted(by: { $0.key < $1.key }) {
            for offset in stride(from: 0, to: size, by: size > 4000 ? 97 : 3) {
                try world.disk.flipBits(path, at: offset, mask: 1 << UInt8(offset % 8))
                let report = try Engine.verify(at: "/store", environment: world.environment)
                #expect(report.damaged.contains { $0.file == path }, "\(path) at \(offset): \(report.damaged)")
                try world.disk.flipBits(path, at: offset, mask: 1 << UInt8(offset % 8))
            }
        }
    }

    @Test("it does not stop at the first: all damaged files are named, with what is left of them")
    func manyDamages() throws {
        let world = World(seed: 3)
        _ = try makeSample(world)
        let state = try ManifestReader.recover(world.disk, "/store").state
        let tables = state.keyspaces.flatMap { $0.version.allTables }
        try world.disk.flipBits(FileName.table(tables[0].number).path(in: "/store"), at: 40)
        try world.disk.flipBits(FileName.table(tables[1].number).path(in: "/store"), at: 40)
        try world.disk.remove(FileName.table(tables[2].number).path(in: "/store"))
        let segment = LogFormat.fileName(state.logFloor)
        let cut = try #require(LogCuts(state.logCuts).cut(of: state.logFloor))
        try world.disk.flipBits("/store/" + segment, at: cut.endOffset / 2)
        try world.disk.flipBits("/store/" + segment, at: cut.endOffset * 3 / 4)
        try world.disk.flipBits("/store/NODE", at: 3)
        let report = try Engine.verify(at: "/store", environment: world.environment)
        #expect(report.damaged.count == 5, "\(report.damaged.map(\.file))")
        for file in report.damaged { #expect(!file.readable.isEmpty && !file.problems.isEmpty, "\(file)") }
        let log = try #require(report.damaged.first { $0.file.hasSuffix(segment) })
        #expect(log.problems.count == 2 && log.problems.allSatisfy { $0.offset != nil }, "\(log)")
        let first = try #require(
            report.damaged.first { $0.file.contains(FileName.table(tables[0].number).description) })
        #expect(first.lost.count == 1 && first.lost[0].through != nil, "\(first)")
        // Without its manifest too.
        try world.disk.flipBits(FileName.current.path(in: "/store"), at: 20)
        let blind = try Engine.verify(at: "/store", environment: world.environment)
        #expect(blind.damaged.count >= 5, "\(blind.damaged.map(\.file))")
        #expect(blind.damaged.contains { $0.file.hasSuffix("CURRENT") })
    }

    @Test("a running store reports damage in tables and log, and goes on")
    func online() throws {
        let world = World(seed: 4)
        _ = try makeSample(world)
        let engine = try world.open()
        for index in 0..<200 { try engine.put("new\(index)", "x") }
        let side = try engine.writable()
        let table = engine.store.manifest.state.tableNumbers[0]
        try world.disk.flipBits(FileName.table(table).path(in: "/store"), at: 50)
        let end = side.tail.location
        try world.disk.flipBits(side.logDirectory.path(of: end.segment), at: end.offset - 60)
        let report = try engine.verify()
        #expect(report.damaged.count == 2, "\(report.damaged)")
        try engine.put("more", "more")
    }
}
