/// A reply as a test compares it.
enum RedisValue: Equatable, CustomStringConvertible {
    case simple(String)
    case error(String)
    case integer(Int)
    case bulk(String)
    case null
    case array([RedisValue])
    case map([RedisValue])

    var description: String {
        switch self {
        case .simple(let text): "+\(text)"
        case .error(let text): "-\(text)"
        case .integer(let value): ":\(value)"
        case .bulk(let text): "\"\(text.prefix(200))\""
        case .null: "null"
        case .array(let values): "[\(values.map(\.description).joined(separator: ", "))]"
        case .map(let values): "%[\(values.map(\.description).joined(separator: ", "))]"
        }
    }

    var text: String? {
        switch self {
        case .simple(let text), .bulk(let text), .error(let text): text
        case .integer(let value): "\(value)"
        default: nil
        }
    }

    var values: [RedisValue] {
        switch self {
        case .array(let values), .map(let values): values
        default: []
        }
    }

    var isError: Bool { if case .error = self { true } else { false } }

    /// Reads one reply off the front of bytes; nil while it is not whole.
    static func take(_ bytes: inout ArraySlice<UInt8>) -> RedisValue? {
        var rest = bytes
        guard let value = parse(&rest) else { return nil }
        bytes = rest
        return value
    }

    private static func parse(_ bytes: inout ArraySlice<UInt8>) -> RedisValue? {
        guard let end = bytes.firstIndex(of: 13), end + 1 < bytes.endIndex, let kind = bytes.first else { return nil }
        let line = String(decoding: bytes[(bytes.startIndex + 1)..<end], as: UTF8.self)
        bytes = bytes[(end + 2)...]
        switch kind {
        case UInt8(ascii: "+"): return .simple(line)
        case UInt8(ascii: "-"): return .error(line)
        case UInt8(ascii: ":"): return .integer(Int(line) ?? .min)
        case UInt8(ascii: "_"): return .null
        case UInt8(ascii: "$"), UInt8(ascii: "="):
            guard let count = Int(line), count >= 0 else { return .null }
            guard bytes.count >= count + 2 else { return nil }
            defer { bytes = bytes.dropFirst(count + 2) }
            return .bulk(String(decoding: bytes.prefix(count), as: UTF8.self))
        case UInt8(ascii: "*"), UInt8(ascii: "~"), UInt8(ascii: "%"):
            guard let count = Int(line), count >= 0 else { return .null }
            var values: [RedisValue] = []
            for _ in 0..<(kind == UInt8(ascii: "%") ? count * 2 : count) {
                guard let value = parse(&bytes) else { return nil }
                values.append(value)
            }
            return kind == UInt8(ascii: "%") ? .map(values) : .array(values)
        default: return .error("not a reply: \(line)")
        }
    }
}
