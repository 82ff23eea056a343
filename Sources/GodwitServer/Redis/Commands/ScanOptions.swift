/// What follows the cursor of SCAN and HSCAN.
struct ScanOptions {
    var count = 10
    var pattern: [UInt8]?
    var type: String?

    init(_ call: Call, from start: Int, takesType: Bool) throws(Interrupt) {
        var index = start
        while index < call.count {
            let hasNext = index + 1 < call.count
            if hasNext, call[index].isWord("COUNT") {
                count = try call.integer(index + 1)
                if count < 1 { throw .syntax }
            } else if hasNext, call[index].isWord("MATCH") {
                pattern = call[index + 1].array
                if pattern == [UInt8(ascii: "*")] { pattern = nil }
            } else if hasNext, takesType, call[index].isWord("TYPE") {
                type = call[index + 1].lowercasedText
            } else {
                throw .syntax
            }
            index += 2
        }
    }

    /// Whether a name matches the pattern.
    func matches(_ name: [UInt8]) -> Bool { pattern.map { Glob.matches($0, name) } ?? true }

    /// Reads a cursor. A negative number is one that nobody gave, and no error of its own, as in Redis.
    static func cursor(_ text: ByteSlice) throws(Interrupt) -> UInt64 {
        if text.isEmpty { return 0 }
        if text.count <= 21 {
            if let value = UInt64(text.text) { return value }
            if text[0] == UInt8(ascii: "-"), let value = UInt64(text.dropFirst(1).text) { return 0 &- value }
        }
        throw .failed("ERR invalid cursor")
    }
}
