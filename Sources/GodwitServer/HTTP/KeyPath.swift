internal import Hummingbird

/// What `/v1/keys/{keyspace}/{key}` names. The key is all that follows, percent-decoded to bytes: a slash in it may stand as
/// it is, and bytes that are no text stand as `%XX`.
struct KeyPath: Equatable {
    let keyspace: String
    let key: [UInt8]

    static let prefix = "/v1/keys/"

    /// Reads a path as the request line has it.
    init(_ path: String) throws(Failure) {
        let rest = path.utf8.dropFirst(Self.prefix.utf8.count)
        guard path.hasPrefix(Self.prefix), let slash = rest.firstIndex(of: UInt8(ascii: "/")) else {
            throw Failure(.notFound, "notFound", "a key's path is /v1/keys/{keyspace}/{key}")
        }
        let name = try Self.decoded(rest[..<slash])
        guard let keyspace = String(validating: name, as: UTF8.self), !keyspace.isEmpty else {
            throw Failure(.badRequest, "invalidArgument", "the keyspace's name should be UTF-8 text")
        }
        self.keyspace = keyspace
        key = try Self.decoded(rest[rest.index(after: slash)...])
    }

    private static func decoded(_ text: Substring.UTF8View) throws(Failure) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count)
        var rest = text
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(digit), let low = rest.popFirst().flatMap(digit) else {
                throw Failure(.badRequest, "invalidArgument", "a % in the path should be followed by two hex digits")
            }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
