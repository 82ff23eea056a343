/// The bytes of a record: one write batch, or one control record. The same bytes stand in memory while a commit waits,
/// in the log, and on the wire to a follower; nothing in them depends on a file, an offset or a node.
/// Little-endian; `docs/formats/log.md` has a worked example.
///
///     offset     size  field
///     0          4     stored length: how many bytes of the record are here; bit 31 is set when it is partial
///     4          4     length: how many bytes the complete record has
///     8          1     type (`RecordType`)
///     9          1     format, 1
///     10         2     origin region
///     12         4     operation count
///     16         4     epoch number
///     20         4     epoch tag
///     24         8     first sequence number
///     32         8     stamp of the hybrid logical clock: milliseconds << 16 | counter
///     40         4     section count n
///     44         4     flags, 0
///     48         20n   section table: keyspace id (4), length (4), operation count (4), payload hash (8)
///     48 + 20n   8     chain value
///     56 + 20n         only in a partial record: a bit for each section, least significant first, set when it is here
///     then             the sections that are here, in table order
///
/// A record is valid when the lengths add up, the keyspace ids ascend, the operation counts add up, and
/// `chain = XXH3-64(bytes 4 ..< 48 + 20n, seed: chain value of the record before)`. The stored length is outside the
/// chain, and the payloads are in it by their hashes alone: so a record from which sections were left out still
/// verifies, and a long batch is hashed by the thread that wrote it and not by the one that commits the group.
package enum BatchFormat {
    /// The version of the record format that is written.
    package static let format: UInt8 = 1
    /// The bytes before the section table.
    package static let headerLength = 48
    /// The bytes of one row of the section table.
    package static let sectionRowLength = 20
    /// The bit of the stored length that marks a record without all its sections.
    package static let partialBit: UInt32 = 1 << 31
    /// The keyspace id of the one section of a control record.
    package static let controlKeyspace: KeyspaceID = .max

    /// Limits that every batch keeps and every decoder checks before it allocates.
    package static let maximumKeyLength = 16 << 10
    package static let maximumValueLength = 16 << 20
    /// The most bytes that the sections of one record have together.
    package static let maximumPayloadLength = 64 << 20
    package static let maximumSections = 1024
    /// The most bytes that any record has.
    package static let maximumRecordLength =
        maximumPayloadLength + prefixLength(sections: maximumSections)
        + bitmapLength(sections: maximumSections)

    package static let storedLengthOffset = 0
    package static let lengthOffset = 4
    package static let typeOffset = 8
    package static let formatOffset = 9
    package static let originOffset = 10
    package static let operationCountOffset = 12
    package static let epochNumberOffset = 16
    package static let epochTagOffset = 20
    package static let firstSequenceOffset = 24
    package static let stampOffset = 32
    package static let sectionCountOffset = 40
    package static let flagsOffset = 44

    /// Where the chain value stands: behind the section table.
    @inline(__always)
    package static func chainOffset(sections: Int) -> Int { headerLength + sectionRowLength * sections }

    /// The bytes before the bitmap or the first section.
    @inline(__always)
    package static func prefixLength(sections: Int) -> Int { chainOffset(sections: sections) + 8 }

    /// The bytes of the bitmap of a partial record.
    package static func bitmapLength(sections: Int) -> Int { (sections + 7) / 8 }

    /// The hash of a section, seeded with its keyspace so that it does not verify in another.
    @inline(__always)
    package static func payloadHash(_ payload: ByteView, keyspace: KeyspaceID) -> UInt64 {
        payload.count <= 240
            ? payload.hash(seed: UInt64(keyspace)) : payload.longHash(seed: UInt64(keyspace))
    }
}

/// What a record is. The raw values are stored.
package enum RecordType: UInt8, Sendable {
    /// A write batch: one section of operations for each keyspace.
    case batch = 1
    /// The first record of an epoch (`EpochBegin`).
    case epochBegin = 2
    /// A keyspace is made (`KeyspaceCreate`).
    case keyspaceCreate = 3
    /// A keyspace is dropped (`KeyspaceDrop`).
    case keyspaceDrop = 4
    /// A keyspace's settings change (`KeyspaceAlter`).
    case keyspaceAlter = 5
    /// A piece of a bulk ingest (`IngestChunk`).
    case ingestChunk = 6
    /// A bulk ingest becomes visible (`IngestCommit`).
    case ingestCommit = 7
    /// A named place in the log (`Marker`).
    case marker = 8
    /// Stands for records that a partial follower was not sent (`Skip`).
    case skip = 9
}

/// What an operation of a batch does. The raw values are stored in the low seven bits of an operation's first byte:
///
///     1        kind; bit 7 is set when a deadline follows (put only)
///     8        the deadline in wall-clock milliseconds, if announced; never 0
///     varint   key length
///     varint   value length (delete: 0; range delete: length of the end key)
///              key, then value
package enum OperationKind: UInt8, Sendable {
    case put = 1
    case delete = 2
    /// Deletes the keys from `key` (included) to the value's bytes (excluded).
    case rangeDelete = 3

    /// The bit that announces a deadline.
    package static let deadlineBit: UInt8 = 0x80
}
