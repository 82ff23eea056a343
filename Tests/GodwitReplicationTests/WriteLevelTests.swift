import Testing

@testable import GodwitReplication

@Suite("Write levels")
struct WriteLevelTests {
    @Test("a level is read as it is written, and nothing else is")
    func textOfLevels() {
        for level in [WriteLevel.local, .received(1), .durable(12)] { #expect(WriteLevel(level.description) == level) }
        for text in ["", "Local", "durable", "durable()", "durable(0)", "durable(-1)", "received(1", "local(1)", "(1)"]
        {
            #expect(WriteLevel(text) == nil, "\(text)")
        }
    }
}
