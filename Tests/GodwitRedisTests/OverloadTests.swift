import GodwitEngine
import GodwitNode
import GodwitReplication
import Hummingbird
import Testing

@testable import GodwitServer

/// What is refused when there is too much to do.
@Suite struct OverloadTests {
    @Test("work is refused while the oldest that waits is older than the target, and taken again after")
    func oldestDecides() {
        let admission = Admission(target: 100, limit: 1000)
        #expect(admission.admits(now: 0))
        let first = admission.enter(now: 0)
        let second = admission.enter(now: 90)
        #expect(admission.admits(now: 100))
        #expect(!admission.admits(now: 101))
        admission.begin(first)
        #expect(admission.admits(now: 150))
        #expect(!admission.admits(now: 191))
        admission.begin(second)
        #expect(admission.admits(now: 1000))
        #expect(admission.figures.refused == 2)
    }

    @Test("no more than the limit waits, however young")
    func limit() {
        let admission = Admission(target: 1 << 40, limit: 3)
        for _ in 0..<3 { _ = admission.enter(now: 1) }
        #expect(!admission.admits(now: 1))
    }

    @Test("HTTP requests past the capacity are refused by 429 and told when to come again; those let in are done")
    func refusedOverHTTP() async throws {
        let admission = HTTPAdmission(reads: Admission(limit: 1), writes: Admission(limit: 1))
        func check(_ refused: () async throws -> Void) async {
            do {
                try await refused()
                Issue.record("a request over the limit was let in")
            } catch let failure as Failure {
                #expect(failure.status.code == 429)
                #expect(failure.headers[.retryAfter] == "1")
            } catch {
                Issue.record("\(error)")
            }
        }
        let read = try await admission.read {
            await check { try await admission.read {} }
            return 7
        }
        #expect(read == 7)
        try await admission.write(.local) {
            await check { try await admission.write(nil) {} }
            await check { try await admission.write(.durable(1)) {} }
        }
        // Waiting for other nodes is no sign of too much work here.
        try await admission.write(.received(1)) { try await admission.write(nil) {} }
        try await admission.read {}
        #expect(admission.reads.figures.refused == 1)
        #expect(admission.writes.figures.refused == 2)
    }

    @Test("cold reads past the capacity are refused at once, those admitted are right, and cached reads go on")
    func overloadSheds() async throws {
        let scratch = Scratch()
        let node = try await TestNode.start(scratch, memory: 8 << 20) { $0.coldReadTarget = 200_000 }
        let client = try await node.client()
        let value = String(repeating: "v", count: 4000)
        for start in stride(from: 0, to: 20_000, by: 500) {
            var words = ["MSET"]
            for number in start..<start + 500 { words += ["k\(number)", "\(number):" + value] }
            #expect(try await client.call(words) == .simple("OK"))
        }
        try #require(node.node.engine).flush()
        var clients: [TestClient] = []
        for _ in 0..<64 { clients.append(try await node.client()) }
        var random = TestRandom(seed: testSeed())
        var asked: [[Int]] = []
        for client in clients {
            let keys = (0..<100).map { _ in random.below(20_000) }
            asked.append(keys)
            client.send(keys.flatMap { TestClient.request(["GET", "k\($0)"]) })
        }
        var (served, refused) = (0, 0)
        for (client, keys) in zip(clients, asked) {
            for key in keys {
                switch try await client.reply(within: 60) {
                case .bulk(let text):
                    #expect(text == "\(key):" + value)
                    served += 1
                case let reply:
                    #expect(reply == .error("BUSY overloaded, retry"))
                    refused += 1
                }
            }
        }
        #expect(served > 0)
        #expect(refused > 0, "all of \(served) were served")
        #expect(try await client.call("GET", "k1").text != nil)
        try await node.stop()
    }
}
