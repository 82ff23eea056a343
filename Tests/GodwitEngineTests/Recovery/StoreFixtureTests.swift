import GodwitSimulation
import Testing

@testable import GodwitEngine

/// UpgradeFromEveryFormat, a store as a whole: log, tables and manifest written by format 1 stay readable.
/// `GODWIT_REWRITE=1` writes the files anew, to be done only when format 1 itself was wrong.
@Suite struct StoreFixtureTests {
    private static let directory = "format-v1/store"
    /// Segments are laid out full of zeros, which the files of the fixture leave out.
    private static let segmentSize = 64 << 10

    /// Two tables, one of them with range deletes, deadlines and a merged level below; two keyspaces; the rest in the log.
    private func write() throws -> World {
        let world = World(seed: 1)
        var options = EngineOptions.small
        options.segmentSize = Self.segmentSize
        let engine = try world.open(options)
        let other = try engine.createKeyspace("other", settings: KeyspaceSettings(compression: .none, filterBitsPerKey: 0))
        for number in 0..<300 { try engine.put("k\(number)", "value \(number)", durability: .buffered) }
        try engine.compact()
        try engine.deleteRange(from: "k1", to: "k2", durability: .buffered)
        try engine.put("forever", "1", ttl: .seconds(1 << 33), durability: .buffered)
        try engine.put("long", String(repeating: "long ", count: 2000), durability: .buffered)
        try engine.put("a", "other", in: other, durability: .buffered)
        try engine.flush()
        let batch = try engine.makeBatch()
        try batch.put("in the log", "2")
        try batch.delete("k20")
        try batch.put("b", "other", in: other)
        try engine.write(batch)
        try engine.close()
        return world
    }

    private func check(_ world: World) throws {
        let engine = try world.open()
        let other = try #require(engine.keyspace("other"))
        for number in 0..<300 {
            let isGone = String(number).hasPrefix("1") || number == 20
            #expect(try engine.text("k\(number)") == (isGone ? nil : "value \(number)"))
        }
        #expect(try engine.text("forever") == "1")
        #expect(try engine.text("long") == String(repeating: "long ", count: 2000))
        #expect(try engine.text("in the log") == "2")
        #expect(try engine.keys().count == 300 - 111 - 1 + 3)
        #expect(try engine.get("a", in: other) == Array("other".utf8))
        #expect(try engine.get("b", in: other) == Array("other".utf8))
        #expect(other.settings.compression == .none)
        try engine.put("more", "3")
        try engine.compact()
        #expect(try engine.text("k299") == "value 299")
        try engine.close()
    }

    @Test("a store of format 1 opens, verifies, answers and goes on")
    func upgradeFromEveryFormat() throws {
        if FixtureFile.isRewriting {
            let written = try write()
            for path in written.disk.paths {
                let bytes = written.disk.contents(path) ?? []
                let length = path.hasSuffix(".log") ? (bytes.lastIndex { $0 != 0 } ?? -1) + 1 : bytes.count
                let name = path.split(separator: "/").last ?? ""
                if name != "LOCK" { try FixtureFile.write(Array(bytes[..<length]), to: "\(Self.directory)/\(name)") }
            }
        }
        let world = World(seed: 2)
        try world.disk.createDirectory("/store")
        var kinds: Set<String> = []
        for name in try FixtureFile.names(in: Self.directory, ending: "") {
            var bytes = try FixtureFile.read("\(Self.directory)/\(name)")
            if name.hasSuffix(".log") { bytes += Array(repeating: 0, count: Self.segmentSize - bytes.count) }
            try world.disk.setContents("/store/\(name)", bytes)
            kinds.insert(String(name.suffix(4)))
        }
        #expect(kinds.contains(".log") && kinds.contains(".sst"))
        let report = try Engine.verify(at: "/store", environment: world.environment)
        #expect(report.isWhole, "\(report.damaged)")
        #expect(report.tables >= 3 && report.records >= 1)
        try check(world)
    }
}
