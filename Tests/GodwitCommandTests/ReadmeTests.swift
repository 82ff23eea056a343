import Foundation
import GodwitEngine
import Testing

/// The README's example is this code: it compiles, it runs, and the text is the same.
@Suite struct ReadmeTests {
    @Test("the README's example compiles and does what it says")
    func example() throws {
        let scratch = Scratch()
        let directory = scratch.path + "/store"
        // README begins
        let engine = try Engine.open(at: directory)

        // Single writes are durable when they return.
        try engine.put("plane/N14228", #"{"flights":111}"#)
        try engine.put("session/7", "token", ttl: .seconds(1800))

        // The value is lent, not copied; nil means absent.
        let size = try engine.get("plane/N14228") { value in value.byteCount }

        // All of a batch or nothing, across keyspaces.
        let routes = try engine.createKeyspace("routes")
        let batch = try engine.makeBatch()
        try batch.put("EWR-IAH", #"{"flights":351}"#, in: routes)
        try batch.delete("session/7")
        try engine.write(batch)

        // Ordered scans over a range, forward or in reverse.
        var keys = 0
        try engine.scan(.prefix(Array("plane/".utf8))) { _, _ in
            keys += 1
            return true
        }
        try engine.close()
        // README ends
        #expect(size == 15)
        #expect(keys == 1)
    }

    @Test("the README shows that code")
    func isShown() throws {
        let source = try String(contentsOfFile: #filePath, encoding: .utf8)
        let lines = source.split(separator: "\n", omittingEmptySubsequences: false)
        let first = try #require(lines.firstIndex { $0.hasSuffix("// README begins") })
        let last = try #require(lines.firstIndex { $0.hasSuffix("// README ends") })
        let code = lines[(first + 1)..<last].map { $0.dropFirst(8) }.joined(separator: "\n")
        let readme = try String(contentsOfFile: packageDirectory + "/README.md", encoding: .utf8)
        #expect(readme.contains(code))
    }
}
