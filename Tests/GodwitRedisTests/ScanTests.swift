import Testing

@testable import GodwitServer

@Suite struct ScanTests {
    private let scratch = Scratch()

    @Test("a cursor that made room for others, or was never given, is an error and no gap")
    func evictedScanCursorIsAnError() async throws {
        let table = CursorTable(limit: 4)
        let scope = CursorTable.Scope(database: 0)
        let cursors = (0..<6).map { table.make(scope, [UInt8($0)]) }
        for (number, cursor) in cursors.enumerated() {
            if number < 2 {
                #expect(throws: Interrupt.self) { try table.find(cursor, in: scope) }
            } else {
                #expect(try table.find(cursor, in: scope) == [UInt8(number)])
            }
        }
        #expect(throws: Interrupt.self) { try table.find(cursors[5], in: .init(database: 1)) }
        let node = try await TestNode.start(scratch)
        let client = try await node.client()
        for number in 0..<100 { _ = try await client.call("SET", "k\(number)", "v") }
        let first = try await client.call("SCAN", "0", "COUNT", "10").values
        let cursor = try #require(first.first?.text)
        #expect(try await client.call("SCAN", cursor).values.count == 2)
        #expect(try await client.call("SCAN", "12345").text?.contains("begin again with 0") ?? false)
        _ = try await client.call("SELECT", "1")
        _ = try await client.call("SET", "a", "1")
        #expect(try await client.call("SCAN", cursor).isError)
        try await node.stop()
    }

    @Test("a scan meets every key that stays, whatever is written meanwhile, each once")
    func guarantees() async throws {
        var random = TestRandom(seed: testSeed())
        let node = try await TestNode.start(scratch)
        let (client, writer) = (try await node.client(), try await node.client())
        for number in 0..<500 { _ = try await client.call("SET", "stays:\(number)", "v") }
        var met: [String] = []
        var cursor = "0"
        repeat {
            let page = try await client.call("SCAN", cursor, "COUNT", "17", "MATCH", "stays:*").values
            cursor = page[0].text ?? "0"
            met += page[1].values.compactMap(\.text)
            for _ in 0..<20 {
                let key = "other:\(random.below(200))"
                _ = try await writer.call(random.below(2) == 0 ? ["SET", key, "v"] : ["DEL", key])
            }
        } while cursor != "0"
        #expect(met.count == 500)
        #expect(Set(met).count == 500)
        try await node.stop()
    }
}
