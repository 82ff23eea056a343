extension TableMeta {
    /// Appends the table's fields in fixed order; a later format may append tagged fields after them.
    func encode(into writer: ByteWriter) {
        writer.appendVarint(number)
        writer.append(id.high)
        writer.append(id.low)
        for value in [
            size, entries, tombstones, rangeTombstones, expiring, minDeadline, maxDeadline, rawBytes, minSequence,
            maxSequence,
        ] {
            writer.appendVarint(value)
        }
        // One more than the number, so that "all", which nearly every table has, takes one byte.
        writer.appendVarint(visibleThrough &+ 1)
        writer.appendVarint(globalSequence)
        writer.appendVarint(createdAt)
        writer.appendPrefixed(smallestKey)
        writer.appendPrefixed(largestKey)
    }

    /// More than any count or size in a real table, and low enough that sums over all tables stay in 64 bits.
    private static let highestCount: UInt64 = 1 << 44

    /// Reads a table's fields to the end of the reader.
    init(decoding reader: inout FieldReader) throws(EngineError) {
        let number = try reader.varint("table number", below: ManifestFormat.highestFileNumber)
        let id = TableID(
            high: try reader.fixed(UInt64.self, "table id"), low: try reader.fixed(UInt64.self, "table id"))
        let size = try reader.varint("table size", below: TableMeta.highestCount)
        let entries = try reader.varint("entries", below: TableMeta.highestCount)
        let tombstones = try reader.varint("tombstones", below: TableMeta.highestCount)
        let rangeTombstones = try reader.varint("range tombstones", below: TableMeta.highestCount)
        let expiring = try reader.varint("expiring entries", below: TableMeta.highestCount)
        let minDeadline = try reader.varint("earliest deadline")
        let maxDeadline = try reader.varint("latest deadline")
        let rawBytes = try reader.varint("raw bytes", below: TableMeta.highestCount)
        let minSequence = try reader.varint("lowest sequence")
        let maxSequence = try reader.varint("highest sequence")
        let visibleThrough = try reader.varint("visible through") &- 1
        let globalSequence = try reader.varint("global sequence")
        let createdAt = try reader.varint("creation time")
        let smallest = try reader.bytes(limit: ManifestFormat.maximumKeyLength, "smallest key")
        let largest = try reader.bytes(limit: ManifestFormat.maximumKeyLength, "largest key")
        while let (tag, content) = try reader.field() { try content.unknown(tag, "a table's description") }
        self.init(
            number: number, id: id, size: size, smallestKey: smallest, largestKey: largest, minSequence: minSequence,
            maxSequence: maxSequence, entries: entries, tombstones: tombstones, rangeTombstones: rangeTombstones,
            expiring: expiring, minDeadline: minDeadline, maxDeadline: maxDeadline, rawBytes: rawBytes,
            visibleThrough: visibleThrough, globalSequence: globalSequence, createdAt: createdAt)
    }
}
