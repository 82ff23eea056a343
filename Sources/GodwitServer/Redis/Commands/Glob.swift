/// Patterns of MATCH, KEYS, CONFIG GET and ACL: `*`, `?`, `[a-c]`, `[^x]`, and `\` before what stands for itself.
enum Glob {
    /// Whether a text matches. Bounded: a pattern of many stars cannot make it run for long.
    static func matches(_ pattern: [UInt8], _ text: [UInt8], ignoringCase: Bool = false) -> Bool {
        // As in Redis, where even a star matches no empty name.
        if text.isEmpty { return pattern.isEmpty }
        var skip = false
        return match(pattern[...], text[...], ignoringCase, &skip)
    }

    private static func fold(_ byte: UInt8, _ ignoringCase: Bool) -> UInt8 {
        ignoringCase && byte &- 0x41 < 26 ? byte | 0x20 : byte
    }

    private static func match(
        _ pattern: ArraySlice<UInt8>, _ text: ArraySlice<UInt8>, _ ignoringCase: Bool, _ skip: inout Bool
    ) -> Bool {
        var (pattern, text) = (pattern, text)
        while let head = pattern.first, !text.isEmpty {
            switch head {
            case UInt8(ascii: "*"):
                while pattern.dropFirst().first == UInt8(ascii: "*") { pattern.removeFirst() }
                let rest = pattern.dropFirst()
                if rest.isEmpty { return true }
                while !text.isEmpty {
                    if match(rest, text, ignoringCase, &skip) { return true }
                    if skip { return false }
                    text.removeFirst()
                }
                // What follows the star was nowhere in the rest of the text: no earlier star can help.
                skip = true
                return false
            case UInt8(ascii: "?"):
                text.removeFirst()
                pattern.removeFirst()
            case UInt8(ascii: "["):
                guard let byte = text.first, set(&pattern, fold(byte, ignoringCase), ignoringCase) else { return false }
                text.removeFirst()
            default:
                if head == UInt8(ascii: "\\"), pattern.count >= 2 { pattern.removeFirst() }
                guard let literal = pattern.first, let byte = text.first,
                    fold(literal, ignoringCase) == fold(byte, ignoringCase)
                else { return false }
                pattern.removeFirst()
                text.removeFirst()
            }
        }
        if text.isEmpty { while pattern.first == UInt8(ascii: "*") { pattern.removeFirst() } }
        return pattern.isEmpty && text.isEmpty
    }

    /// Takes a set off the pattern and says whether it has the byte.
    private static func set(_ pattern: inout ArraySlice<UInt8>, _ byte: UInt8, _ ignoringCase: Bool) -> Bool {
        pattern.removeFirst()
        let isNegated = pattern.first == UInt8(ascii: "^")
        if isNegated { pattern.removeFirst() }
        var isMember = false
        while true {
            if pattern.first == UInt8(ascii: "\\"), pattern.count >= 2 {
                pattern.removeFirst()
                if pattern.first == byte { isMember = true }
            } else if pattern.first == UInt8(ascii: "]") {
                pattern.removeFirst()
                break
            } else if pattern.isEmpty {
                break
            } else if pattern.count >= 3, pattern[pattern.startIndex + 1] == UInt8(ascii: "-") {
                var (low, high) = (pattern[pattern.startIndex], pattern[pattern.startIndex + 2])
                if low > high { swap(&low, &high) }
                if (fold(low, ignoringCase)...max(fold(low, ignoringCase), fold(high, ignoringCase))).contains(byte) {
                    isMember = true
                }
                pattern.removeFirst(2)
            } else if let literal = pattern.first, fold(literal, ignoringCase) == byte {
                isMember = true
            }
            pattern = pattern.dropFirst()
        }
        return isMember != isNegated
    }
}
