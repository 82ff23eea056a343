/// The text of an error reply: our words, and bytes of a client's as they came, which may be no text at all.
struct ErrorText: ExpressibleByStringInterpolation, Equatable, Sendable {
    private(set) var bytes: [UInt8]

    init(bytes: [UInt8]) { self.bytes = bytes }

    init(_ text: String) { bytes = Array(text.utf8) }

    init(stringLiteral text: String) { self.init(text) }

    init(stringInterpolation: StringInterpolation) { bytes = stringInterpolation.bytes }

    /// Collects the parts of a text.
    struct StringInterpolation: StringInterpolationProtocol {
        fileprivate var bytes: [UInt8] = []

        init(literalCapacity: Int, interpolationCount: Int) { bytes.reserveCapacity(literalCapacity + 64) }

        mutating func appendLiteral(_ literal: String) { bytes += literal.utf8 }

        mutating func appendInterpolation(_ text: String) { bytes += text.utf8 }

        mutating func appendInterpolation(_ text: ErrorText) { bytes += text.bytes }

        mutating func appendInterpolation(_ number: some BinaryInteger) { bytes += String(number).utf8 }
    }

    static func + (left: ErrorText, right: ErrorText) -> ErrorText { ErrorText(bytes: left.bytes + right.bytes) }

    /// The first word, by which errors are counted.
    var code: String { String(decoding: bytes.prefix { $0 != 32 }, as: UTF8.self) }

    /// Without the code that all errors have which have none of their own.
    var withoutGenericCode: ErrorText {
        bytes.starts(with: "ERR ".utf8) ? ErrorText(bytes: Array(bytes.dropFirst(4))) : self
    }
}
