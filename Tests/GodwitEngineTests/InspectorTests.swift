import GodwitSimulation
import Testing

@testable import GodwitEngine

@Suite("Inspecting files")
struct InspectorTests {
    @Test("log, table and manifest are described, within the limit")
    func describe() throws {
        let world = World(seed: 1)
        _ = try makeSample(world)
        let state = try ManifestReader.recover(world.disk, "/store").state
        let log = try Inspector.log(
            "/store/" + LogFormat.fileName(state.logFloor), limit: 20, environment: world.environment)
        #expect(log.isChecked && log.problems.isEmpty && log.header != nil)
        #expect(log.records.count == 20 && log.recordCount > 20 && log.frames > 20)
        #expect(log.records.contains { $0.type == "batch" && $0.sections.count == 1 })
        #expect(log.end == LogCuts(state.logCuts).cut(of: state.logFloor)?.endOffset)

        for number in state.tableNumbers {
            let path = FileName.table(number).path(in: "/store")
            let table = try Inspector.table(path, environment: world.environment)
            #expect(table.problems.isEmpty && table.footer != nil, "\(table.problems)")
            let data = table.units.filter { $0.kind == "data block" }
            #expect(data.count == Int(table.footer?.dataBlocks ?? 0))
            #expect(data.reduce(0) { $0 + ($1.entries ?? 0) } == Int(table.properties?.entries ?? 0))
            #expect(table.units.last?.kind == "properties")
            #expect(try Inspector.table(path, limit: 1, environment: world.environment).units.count == 1)
        }

        let manifest = try Inspector.manifest("/store/CURRENT", environment: world.environment)
        #expect(manifest.problems.isEmpty && manifest.editCount == manifest.edits.count && manifest.editCount > 2)
        #expect(manifest.edits.last?.changes.last == "the store was closed")
        #expect(manifest.end == manifest.size)
        #expect(try Inspector.manifest("/store/CURRENT", limit: 2, environment: world.environment).edits.count <= 2)
    }

    @Test("damage is listed with its place, and the description goes on behind it")
    func damage() throws {
        let world = World(seed: 2)
        _ = try makeSample(world)
        let recovered = try ManifestReader.recover(world.disk, "/store")
        let state = recovered.state
        let segment = "/store/" + LogFormat.fileName(state.logFloor)
        let manifest = FileName.manifest(recovered.number).path(in: "/store")
        let table = FileName.table(try #require(state.tableNumbers.first)).path(in: "/store")
        for (path, look) in [
            (segment, { try Inspector.log(segment, environment: world.environment).problems }),
            (manifest, { try Inspector.manifest(manifest, environment: world.environment).problems }),
            (table, { try Inspector.table(table, environment: world.environment).problems }),
        ] as [(String, () throws -> [Inspector.Problem])] {
            let size =
                path == segment
                ? try #require(LogCuts(state.logCuts).cut(of: state.logFloor)).endOffset
                : UInt64(try #require(world.disk.contents(path)).count)
            for offset in stride(from: UInt64(0), to: size, by: max(1, Int(size) / 60)) {
                try world.disk.flipBits(path, at: offset)
                #expect(try !look().isEmpty, "\(path) at \(offset)")
                try world.disk.flipBits(path, at: offset)
            }
        }
        // Whatever the bytes are, there is an answer.
        var random = TestRandom(seed: testSeed())
        for _ in 0..<50 {
            for path in [segment, manifest, table] {
                try world.disk.setContents(path, random.bytes(random.below(4000)))
            }
            _ = try Inspector.log(segment, environment: world.environment)
            _ = try Inspector.manifest(manifest, environment: world.environment)
            _ = try Inspector.table(table, environment: world.environment)
        }
    }
}
