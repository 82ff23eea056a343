import GodwitEngine

/// Keys of which something may be lost, for JSON; keys that are no UTF-8 in base 64. A bound that is unknown is left
/// out.
struct LostRangeText: Encodable {
    let keyspace: String
    let from: String?
    let fromBase64: String?
    let through: String?
    let throughBase64: String?
    let file: String

    init(_ range: LostRange) {
        keyspace = range.keyspace
        (from, fromBase64) = Self.text(range.from)
        (through, throughBase64) = Self.text(range.through)
        file = range.file
    }

    private static func text(_ key: [UInt8]?) -> (String?, String?) {
        guard let key else { return (nil, nil) }
        if let text = String(validating: key, as: UTF8.self) { return (text, nil) }
        return (nil, EntryText.base64(key))
    }
}
