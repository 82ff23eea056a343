/// The tags of a settings field. Bit 7 set: a reader that does not know the tag skips the field.
private enum Tag {
    static let defaultTTL: UInt8 = 1
    static let compression: UInt8 = 2
    static let blockSize: UInt8 = 3
    static let filterBitsPerKey: UInt8 = 4
    static let replicated: UInt8 = 5
    static let regions: UInt8 = 6
}

extension KeyspaceSettings {
    /// Appends a version byte and tagged fields; the same bytes stand in the manifest and in log records.
    func encode(into writer: ByteWriter) {
        let scratch = ByteWriter()
        writer.append(UInt8(1))
        writer.appendField(Tag.defaultTTL, scratch: scratch) { $0.appendVarint(defaultTTL) }
        writer.appendField(Tag.compression, scratch: scratch) { $0.append(compression.rawValue) }
        writer.appendField(Tag.blockSize, scratch: scratch) { $0.appendVarint(UInt64(blockSize)) }
        writer.appendField(Tag.filterBitsPerKey, scratch: scratch) { $0.appendVarint(UInt64(filterBitsPerKey)) }
        writer.appendField(Tag.replicated, scratch: scratch) { $0.append(UInt8(replicated ? 1 : 0)) }
        writer.appendField(Tag.regions, scratch: scratch) { writer in
            for region in regions { writer.append(region) }
        }
    }

    /// Reads settings as a record carries them.
    package init(encoded bytes: [UInt8]) throws(EngineError) {
        self = try bytes.withView { (view) throws(EngineError) in
            try KeyspaceSettings(decoding: view, source: "keyspace record")
        }
    }

    /// Reads settings from bytes of their own, such as a record's; errors name `source` and `offset` in it.
    init(decoding bytes: ByteView, source: String, offset: UInt64 = 0) throws(EngineError) {
        var reader = FieldReader(bytes, file: source, start: offset)
        try self.init(decoding: &reader)
    }

    /// Reads settings to the end of the reader. A field that is missing has its default.
    init(decoding reader: inout FieldReader) throws(EngineError) {
        self.init()
        let version = try reader.fixed(UInt8.self, "settings version")
        guard version == 1 else {
            throw reader.failure("keyspace settings of version \(version), of a newer Godwit", .unsupportedFormat)
        }
        while let field = try reader.field() {
            let tag = field.tag
            var content = field.content
            switch tag {
            case Tag.defaultTTL: defaultTTL = try content.varint("default TTL")
            case Tag.compression:
                let raw = try content.fixed(UInt8.self, "compression")
                guard let known = Compression(rawValue: raw) else {
                    throw content.failure("compression \(raw), of a newer Godwit: use that one", .unsupportedFormat)
                }
                compression = known
            case Tag.blockSize: blockSize = try content.number(UInt32.self, "block size")
            case Tag.filterBitsPerKey: filterBitsPerKey = try content.number(UInt32.self, "filter bits")
            case Tag.replicated:
                let raw = try content.fixed(UInt8.self, "replicated")
                guard raw <= 1 else { throw content.failure("replicated is \(raw), neither 0 nor 1") }
                replicated = raw == 1
            case Tag.regions:
                regions = []
                while !content.isAtEnd { regions.append(try content.fixed(UInt16.self, "region")) }
            default:
                try content.unknown(tag, "a keyspace's settings")
                continue
            }
            try content.end("keyspace setting")
        }
        if let complaint { throw reader.failure("keyspace settings: \(complaint)") }
    }
}

extension KeyspaceMeta {
    func encode(into writer: ByteWriter) {
        writer.appendVarint(UInt64(id))
        writer.appendVarint(createdSequence)
        writer.appendVarint(flushedThrough)
        writer.appendPrefixed(Array(name.utf8))
        settings.encode(into: writer)
    }

    /// Reads a keyspace's fields to the end of the reader.
    init(decoding reader: inout FieldReader) throws(EngineError) {
        let id = try reader.number(UInt32.self, "keyspace")
        let created = try reader.varint("creation sequence")
        let flushed = try reader.varint("flushed through")
        let name = try reader.keyspaceName(id)
        self.init(
            id: id, name: name, createdSequence: created, settings: try KeyspaceSettings(decoding: &reader),
            flushedThrough: flushed)
    }
}

extension FieldReader {
    /// The name of a keyspace.
    mutating func keyspaceName(_ id: UInt32) throws(EngineError) -> String {
        let bytes = try bytes(limit: ManifestFormat.maximumNameLength, "keyspace name")
        guard let name = String(validating: bytes, as: UTF8.self), !name.isEmpty else {
            throw failure("the name of keyspace \(id) is not UTF-8 text")
        }
        return name
    }
}
