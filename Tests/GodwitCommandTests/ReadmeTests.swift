import Deadline
import Foundation
import GodwitEngine
import GodwitNode
import GodwitReplication
import Testing

/// The README's example is this code: it compiles, it runs, and the text is the same.
@Suite(.deadline(seconds: 300)) struct ReadmeTests {
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

    @Test("the README's example of a node compiles and does what it says")
    func nodeExample() async throws {
        let scratch = Scratch()
        let directory = scratch.path
        // README node begins
        let primary = try await Node.start(NodeOptions(directory: directory + "/us", region: "us-east"))
        var options = NodeOptions(directory: directory + "/eu", region: "eu-west")
        options.follow = primary.address
        let follower = try await Node.start(options)

        // Written here, and synced by one other region, or `.unconfirmed` after the limit: never reported as failed.
        guard let engine = primary.engine else { return }
        let batch = try engine.makeBatch()
        try batch.put("plane/N14228", #"{"flights":111}"#)
        let written = try await primary.write(batch, level: .durable(1), limit: .seconds(10))

        // Read there: what was just written, at most two seconds behind, waited for up to five.
        let readable = try await follower.readable(
            after: written.position, maxStaleness: .seconds(2), limit: .seconds(5))
        let found = try readable.contains("plane/N14228")

        try await follower.promote()
        try await follower.close()
        try await primary.close()
        // README node ends
        #expect(written.heldBy == ["us-east", "eu-west"])
        #expect(found)
    }

    @Test("the README shows that code", arguments: ["README", "README node"])
    func isShown(mark: String) throws {
        let source = try String(contentsOfFile: #filePath, encoding: .utf8)
        let lines = source.split(separator: "\n", omittingEmptySubsequences: false)
        let first = try #require(lines.firstIndex { $0.hasSuffix("// \(mark) begins") })
        let last = try #require(lines.firstIndex { $0.hasSuffix("// \(mark) ends") })
        let code = lines[(first + 1)..<last].map { $0.dropFirst(8) }.joined(separator: "\n")
        let readme = try String(contentsOfFile: packageDirectory + "/README.md", encoding: .utf8)
        #expect(readme.contains(code))
    }
}
