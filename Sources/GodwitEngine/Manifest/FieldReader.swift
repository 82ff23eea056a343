/// Reads an encoded edit, throwing where the bytes are not what they must be. What it throws names the manifest file
/// and the offset of the edit.
struct FieldReader {
    private var reader: ByteReader
    private let file: String
    private let start: UInt64

    /// Reads `bytes`, which stand in `file` from `start`.
    init(_ bytes: ByteView, file: String, start: UInt64) {
        reader = ByteReader(bytes)
        self.file = file
        self.start = start
    }

    /// Whether all bytes have been read.
    var isAtEnd: Bool { reader.remaining == 0 }
    /// How many bytes are left: a bound for every count that is read.
    var remaining: Int { reader.remaining }

    /// An error about the bytes just read.
    func failure(_ message: String, _ code: EngineError.Code = .corruption) -> EngineError {
        EngineError(code, message, file: file, offset: start + UInt64(reader.offset))
    }

    mutating func varint(_ what: StaticString) throws(EngineError) -> UInt64 {
        guard let value = reader.readVarint() else { throw failure("\(what): cut short") }
        return value
    }

    mutating func varint(_ what: StaticString, below limit: UInt64) throws(EngineError) -> UInt64 {
        let value = try varint(what)
        guard value < limit else { throw failure("\(what): \(value) is out of bounds") }
        return value
    }

    mutating func fixed<T: FixedWidthInteger & BitwiseCopyable>(
        _ type: T.Type, _ what: StaticString
    ) throws(EngineError) -> T {
        guard let value = reader.read(T.self) else { throw failure("\(what): cut short") }
        return value
    }

    /// A varint that must fit a narrower integer.
    mutating func number<T: FixedWidthInteger>(_ type: T.Type, _ what: StaticString) throws(EngineError) -> T {
        let value = try varint(what)
        guard let narrow = T(exactly: value) else { throw failure("\(what): \(value) is out of bounds") }
        return narrow
    }

    /// Length-prefixed bytes of at most `limit` bytes.
    mutating func bytes(limit: Int, _ what: StaticString) throws(EngineError) -> [UInt8] {
        guard let view = reader.readPrefixed() else { throw failure("\(what): cut short") }
        guard view.count <= limit else { throw failure("\(what): \(view.count) bytes are more than \(limit)") }
        return view.array
    }

    /// A count of things that take at least `each` bytes.
    mutating func count(each: Int, _ what: StaticString) throws(EngineError) -> Int {
        let value = try varint(what)
        guard value <= UInt64(reader.remaining / each) else { throw failure("\(what): \(value) do not fit") }
        return Int(value)
    }

    /// The next tag and its content, or nil at the end.
    mutating func field() throws(EngineError) -> (tag: UInt8, content: FieldReader)? {
        guard reader.remaining > 0 else { return nil }
        let tag = try fixed(UInt8.self, "tag")
        guard let content = reader.readPrefixed() else { throw failure("the field of tag \(tag) is cut short") }
        let offset = start + UInt64(reader.offset - content.count)
        return (tag, FieldReader(content, file: file, start: offset))
    }

    /// What becomes of a field whose tag is not known: skipped when the tag says it may be, else refused.
    func unknown(_ tag: UInt8, _ what: StaticString) throws(EngineError) {
        guard ManifestFormat.isOptional(tag) else {
            throw failure("\(what) has the tag \(tag), of a newer Godwit: use that one", .unsupportedFormat)
        }
    }

    /// Throws unless every byte was read.
    func end(_ what: StaticString) throws(EngineError) {
        guard isAtEnd else { throw failure("\(what): \(reader.remaining) bytes too many") }
    }
}

extension ByteWriter {
    /// Appends a tagged field: the tag, a varint length, and what `content` appends.
    func appendField(_ tag: UInt8, scratch: ByteWriter, _ content: (ByteWriter) -> Void) {
        scratch.reset()
        content(scratch)
        append(tag)
        appendPrefixed(scratch.view)
    }
}
