/// A keyspace that was dropped. What was written to it stands in the log for as long as a follower wants it: whether that
/// one may have it is decided by the settings that the keyspace had last.
struct DroppedKeyspace: Hashable, Sendable {
    /// How many a store remembers, the latest ones.
    static let kept = 256

    let id: UInt32
    let name: String
    let settings: KeyspaceSettings
}

extension DroppedKeyspace {
    func encode(into writer: ByteWriter) {
        writer.appendVarint(UInt64(id))
        writer.appendPrefixed(Array(name.utf8))
        settings.encode(into: writer)
    }

    init(decoding reader: inout FieldReader) throws(EngineError) {
        id = try reader.number(UInt32.self, "keyspace")
        name = try reader.keyspaceName(id)
        settings = try KeyspaceSettings(decoding: &reader)
    }
}
