import CommandSupport

/// Keys and values as text: UTF-8 as it is, other bytes in JSON as base 64.
enum EntryText {
    /// Adds a member: `name` with the text, or `nameBase64` where the bytes are no UTF-8.
    static func add(_ name: String, _ bytes: [UInt8], to json: inout JSONText) {
        if let text = String(validating: bytes, as: UTF8.self) {
            json.member(name, text)
        } else {
            json.member(name + "Base64", base64(bytes))
        }
    }

    /// Text for people: the text itself, or `base64:` and the bytes.
    static func shown(_ bytes: [UInt8]) -> String {
        String(validating: bytes, as: UTF8.self) ?? "base64:" + base64(bytes)
    }

    /// RFC 4648, with padding.
    static func base64(_ bytes: [UInt8]) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            var word = group.reduce(0) { $0 << 8 | UInt32($1) }
            word <<= UInt32(8 * (3 - group.count))
            for place in 0...3 {
                text.append(
                    place <= group.count ? alphabet[Int(word >> UInt32(18 - 6 * place) & 63)] : UInt8(ascii: "="))
            }
        }
        return String(decoding: text, as: UTF8.self)
    }
}

extension RawSpan {
    /// A copy of the bytes.
    var array: [UInt8] { unsafe withUnsafeBytes { unsafe Array($0) } }
}
