import Testing

@testable import GodwitServer

/// The decoder alone, fed in pieces of every size.
@Suite struct RequestDecoderTests {
    enum Found: Equatable {
        case request([[UInt8]])
        case nothing
        case damaged(String)
    }

    /// Everything that a decoder finds when bytes come in pieces.
    private func decode(
        _ bytes: [UInt8], pieces: () -> Int, isAuthenticated: Bool = true, limits: RequestDecoder.Limits = .init()
    ) -> [Found] {
        var decoder = RequestDecoder()
        decoder.limits = limits
        let arguments = Arguments()
        let box = ByteBox()
        var found: [Found] = []
        var offset = 0
        while true {
            switch decoder.next(box.slice, arguments, isAuthenticated: isAuthenticated) {
            case .incomplete:
                if offset == bytes.count { return found }
                let count = min(max(1, pieces()), bytes.count - offset)
                box.append(Array(bytes[offset..<offset + count]))
                offset += count
                continue
            case .request: found.append(.request((0..<arguments.count).map { arguments[$0].array }))
            case .nothing: found.append(.nothing)
            case .damaged(let text):
                found.append(.damaged(text))
                return found
            }
            box.consume(decoder.length)
            decoder.finish()
        }
    }

    private func words(_ text: String) -> Found { .request(text.split(separator: " ").map { Array($0.utf8) }) }

    @Test("requests are the same whether they come at once or byte by byte")
    func byteByByte() {
        let bytes = Array(
            "*2\r\n$3\r\nGET\r\n$1\r\na\r\nPING\r\n*0\r\n\r\n*-1\r\n*1\r\n$4\r\nPING\r\nset a \"b\\x41\\n\"\r\n*2\r\n$4\r\nECHO\r\n$0\r\n\r\n"
                .utf8)
        let expected: [Found] = [
            words("GET a"), words("PING"), .nothing, .nothing, .nothing, words("PING"),
            .request([Array("set".utf8), Array("a".utf8), Array("bA\n".utf8)]), .request([Array("ECHO".utf8), []]),
        ]
        for size in [1, 2, 3, 7, bytes.count] {
            #expect(decode(bytes, pieces: { size }) == expected, "pieces of \(size)")
        }
    }

    @Test("bulk strings hold any bytes, line ends among them")
    func binary() {
        let value: [UInt8] = [13, 10, 0, 255, UInt8(ascii: "*"), 13]
        let bytes = Array("*2\r\n$4\r\nECHO\r\n$6\r\n".utf8) + value + [13, 10]
        for size in [1, 5, 100] {
            #expect(decode(bytes, pieces: { size }) == [.request([Array("ECHO".utf8), value])])
        }
    }

    @Test(
        "what is no request is named in Redis' words",
        arguments: [
            ("*x\r\n", "invalid multibulk length"), ("*1048577\r\n", "invalid multibulk length"),
            ("*1\r\n:1\r\n", "expected '$', got ':'"), ("*1\r\n$-1\r\n", "invalid bulk length"),
            ("*1\r\n$16777217\r\n", "invalid bulk length"), ("*1\r\n$99999999999999999999\r\n", "invalid bulk length"),
            ("set \"a\r\n", "unbalanced quotes in request"), ("set 'a'b\r\n", "unbalanced quotes in request"),
            ("*01\r\n", "invalid multibulk length"), ("*1\r\n$+1\r\n", "invalid bulk length"),
        ])
    func damaged(_ text: String, _ problem: String) {
        for size in [1, 1000] { #expect(decode(Array(text.utf8), pieces: { size }) == [.damaged(problem)]) }
    }

    @Test("a line that does not end is given up at 64 KiB")
    func endless() {
        let line = [UInt8](repeating: UInt8(ascii: "a"), count: 70_000)
        #expect(decode(line, pieces: { 1000 }) == [.damaged("too big inline request")])
        let count = Array("*".utf8) + [UInt8](repeating: UInt8(ascii: "1"), count: 70_000)
        #expect(decode(count, pieces: { 1000 }) == [.damaged("too big mbulk count string")])
        let bulk = Array("*1\r\n$".utf8) + [UInt8](repeating: UInt8(ascii: "1"), count: 70_000)
        #expect(decode(bulk, pieces: { 1000 }) == [.damaged("too big bulk count string")])
    }

    @Test("whoever has not logged in may send little")
    func unauthenticated() {
        #expect(
            decode(Array("*11\r\n".utf8), pieces: { 9 }, isAuthenticated: false)
                == [.damaged("unauthenticated multibulk length")])
        #expect(
            decode(Array("*1\r\n$16385\r\n".utf8), pieces: { 9 }, isAuthenticated: false)
                == [.damaged("unauthenticated bulk length")])
    }

    @Test("damaged bytes in any pieces give the same requests or the same error, and never more memory than they have")
    func fuzz() {
        var random = TestRandom(seed: testSeed())
        for _ in 0..<4000 {
            var bytes: [UInt8] = []
            for _ in 0..<random.below(6) {
                let words = (0...random.below(4)).map { _ in random.bytes(random.below(12)) }
                if random.below(4) == 0 {
                    bytes += Array("inline 'w\\'x' \"\\x0a\"\r\n".utf8)
                } else {
                    bytes += Array("*\(words.count)\r\n".utf8)
                    for word in words { bytes += Array("$\(word.count)\r\n".utf8) + word + [13, 10] }
                }
            }
            for _ in 0..<random.below(4) where !bytes.isEmpty {
                switch random.below(3) {
                case 0: bytes[random.below(bytes.count)] = UInt8(truncatingIfNeeded: random.next())
                case 1: bytes.remove(at: random.below(bytes.count))
                default: bytes.insert(Array("*$\r\n-019 \"'".utf8)[random.below(11)], at: random.below(bytes.count))
                }
            }
            let whole = decode(bytes, pieces: { bytes.count })
            var other = random
            let pieces = decode(bytes, pieces: { 1 + other.below(5) })
            #expect(whole == pieces, "\(bytes)")
        }
    }
}
