/// Reads comma-separated rows as RFC 4180 describes them.
///
/// A field in double quotes may hold commas, line ends and, doubled, quotes. Lines end with LF or CRLF, the last one
/// may end with the file. Blank lines and a byte order mark at the start are passed over. Everything else that the RFC
/// does not allow is an error that names the line, as are bytes that are not UTF-8: a guess could load wrong data.
package struct CSVReader {
    private let input: ByteInput
    private var line = 1
    private var field: [UInt8] = []
    private var isAtStart = true

    /// The line on which the row last returned begins, from 1.
    package private(set) var rowLine = 1

    private static let quote = UInt8(ascii: "\"")
    private static let comma = UInt8(ascii: ",")
    private static let lineFeed = UInt8(ascii: "\n")
    private static let carriageReturn = UInt8(ascii: "\r")

    /// What came after a field.
    private enum Ending { case comma, line, file }

    /// A reader of rows; the first is the header where the file has one.
    package init(_ input: ByteInput) { self.input = input }

    /// The fields of the next row; nil after the last.
    package mutating func next() throws(CommandFailure) -> [String]? {
        if isAtStart { try skipByteOrderMark() }
        while true {
            guard let first = try input.peek() else { return nil }
            rowLine = line
            if first == Self.lineFeed {
                _ = try input.next()
                line += 1
            } else if first == Self.carriageReturn {
                _ = try input.next()
                try expectLineFeed()
            } else {
                return try row()
            }
        }
    }

    private mutating func row() throws(CommandFailure) -> [String] {
        var fields: [String] = []
        while true {
            field.removeAll(keepingCapacity: true)
            let ending = try input.peek() == Self.quote ? quotedField() : plainField()
            guard let text = String(validating: field, as: UTF8.self) else {
                throw failure("field \(fields.count + 1) is not UTF-8; convert the file first")
            }
            fields.append(text)
            if ending != .comma { return fields }
        }
    }

    private mutating func plainField() throws(CommandFailure) -> Ending {
        while let byte = try input.next() {
            switch byte {
            case Self.comma: return .comma
            case Self.lineFeed:
                line += 1
                return .line
            case Self.carriageReturn:
                try expectLineFeed()
                return .line
            case Self.quote:
                throw failure(
                    "a double quote within a field that does not begin with one; quote the field, double the quote")
            default: field.append(byte)
            }
        }
        return .file
    }

    private mutating func quotedField() throws(CommandFailure) -> Ending {
        let opened = line
        _ = try input.next()
        while let byte = try input.next() {
            guard byte == Self.quote else {
                if byte == Self.lineFeed { line += 1 }
                field.append(byte)
                continue
            }
            switch try input.next() {
            case Self.quote: field.append(Self.quote)
            case Self.comma: return .comma
            case Self.lineFeed:
                line += 1
                return .line
            case Self.carriageReturn:
                try expectLineFeed()
                return .line
            case nil: return .file
            default: throw failure("text after a field's closing quote; double a quote that belongs to the field")
            }
        }
        throw CommandFailure("line \(opened): a quoted field is never closed; the file may be cut short")
    }

    /// A carriage return has been read: a line feed must follow.
    private mutating func expectLineFeed() throws(CommandFailure) {
        guard try input.next() == Self.lineFeed else {
            throw failure("a carriage return without a line feed; quote the field, or convert the line ends")
        }
        line += 1
    }

    private mutating func skipByteOrderMark() throws(CommandFailure) {
        isAtStart = false
        guard try input.peek() == 0xEF else { return }
        let mark = [try input.next(), try input.next(), try input.next()]
        guard mark == [0xEF, 0xBB, 0xBF] else { throw failure("the file is not UTF-8; convert it first") }
    }

    private func failure(_ text: String) -> CommandFailure { CommandFailure("line \(rowLine): \(text)") }
}
