/// Splits a line into words as a shell would: `"…"` with escapes, `'…'` with `\'`, white space between: inline commands.
enum InlineWords {
    /// The words side by side, and where each is; nil when quotes are not closed or are not followed by white space.
    static func split(_ line: ByteSlice) -> (bytes: [UInt8], places: [(start: Int, length: Int)])? {
        var bytes: [UInt8] = []
        var places: [(start: Int, length: Int)] = []
        var index = 0
        while true {
            while index < line.count, isSpace(line[index]) { index += 1 }
            if index >= line.count { return (bytes, places) }
            let start = bytes.count
            guard word(line, &index, &bytes) else { return nil }
            places.append((start, bytes.count - start))
        }
    }

    private static func word(_ line: ByteSlice, _ index: inout Int, _ bytes: inout [UInt8]) -> Bool {
        while index < line.count, !isSpace(line[index]), line[index] != 0 {
            let byte = line[index]
            index += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard quoted(line, &index, &bytes) else { return false }
                return index >= line.count || isSpace(line[index])
            case UInt8(ascii: "'"):
                guard literal(line, &index, &bytes) else { return false }
                return index >= line.count || isSpace(line[index])
            default: bytes.append(byte)
            }
        }
        // A zero byte ends the line.
        if index < line.count, line[index] == 0 { index = line.count }
        return true
    }

    private static func quoted(_ line: ByteSlice, _ index: inout Int, _ bytes: inout [UInt8]) -> Bool {
        while index < line.count {
            let byte = line[index]
            index += 1
            if byte == UInt8(ascii: "\"") { return true }
            guard byte == UInt8(ascii: "\\"), index < line.count else {
                bytes.append(byte)
                continue
            }
            let escaped = line[index]
            if escaped == UInt8(ascii: "x"), index + 2 < line.count, let high = hex(line[index + 1]),
                let low = hex(line[index + 2])
            {
                bytes.append(high << 4 | low)
                index += 3
                continue
            }
            index += 1
            switch escaped {
            case UInt8(ascii: "n"): bytes.append(10)
            case UInt8(ascii: "r"): bytes.append(13)
            case UInt8(ascii: "t"): bytes.append(9)
            case UInt8(ascii: "b"): bytes.append(8)
            case UInt8(ascii: "a"): bytes.append(7)
            default: bytes.append(escaped)
            }
        }
        return false
    }

    private static func literal(_ line: ByteSlice, _ index: inout Int, _ bytes: inout [UInt8]) -> Bool {
        while index < line.count {
            let byte = line[index]
            index += 1
            if byte == UInt8(ascii: "'") { return true }
            if byte == UInt8(ascii: "\\"), index < line.count, line[index] == UInt8(ascii: "'") {
                bytes.append(UInt8(ascii: "'"))
                index += 1
            } else {
                bytes.append(byte)
            }
        }
        return false
    }

    static func isSpace(_ byte: UInt8) -> Bool { byte == 32 || (9...13).contains(byte) }

    static func hex(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
