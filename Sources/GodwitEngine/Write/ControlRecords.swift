// The payloads of control records, one type each. Every `decode` takes the whole payload and throws `.corruption` when
// the bytes are not exactly one. Byte tables: `docs/formats/log.md`.

/// The first record of an epoch: who begins it, and what it follows.
package struct EpochBegin: Equatable, Sendable {
    /// The 16 bytes that name the node.
    package var nodeID: [UInt8]
    /// The last position of the history that the epoch continues, and the chain value there.
    package var parent: HistoryPoint

    package func encode(into buffer: ByteWriter) {
        precondition(nodeID.count == 16)
        buffer.append(nodeID)
        buffer.append(parent.position.epoch.number)
        buffer.append(parent.position.epoch.tag)
        buffer.append(parent.position.sequence)
        buffer.append(parent.chain)
    }

    package static func decode(_ payload: ByteView) throws(EngineError) -> EpochBegin {
        var reader = ByteReader(payload)
        guard let node = reader.readBytes(16), let number = reader.read(UInt32.self),
            let tag = reader.read(UInt32.self), let sequence = reader.read(UInt64.self),
            let chain = reader.read(UInt64.self), reader.remaining == 0
        else { throw malformedControl("epoch begin") }
        let position = Position(epoch: Epoch(number: number, tag: tag), sequence: sequence)
        return EpochBegin(nodeID: node.array, parent: HistoryPoint(position: position, chain: chain))
    }
}

/// A keyspace is made.
package struct KeyspaceCreate: Equatable, Sendable {
    package var id: KeyspaceID
    package var name: String
    /// The settings as `KeyspaceSettings` encodes them.
    package var settings: [UInt8]

    package func encode(into buffer: ByteWriter) {
        buffer.append(id)
        buffer.appendPrefixed(Array(name.utf8))
        buffer.appendPrefixed(settings)
    }

    package static func decode(_ payload: ByteView) throws(EngineError) -> KeyspaceCreate {
        var reader = ByteReader(payload)
        guard let id = reader.read(KeyspaceID.self), let name = reader.readPrefixed(),
            let text = String(validating: name.array, as: UTF8.self), let settings = reader.readPrefixed(),
            reader.remaining == 0
        else { throw malformedControl("keyspace create") }
        return KeyspaceCreate(id: id, name: text, settings: settings.array)
    }
}

/// A keyspace and everything in it is dropped.
package struct KeyspaceDrop: Equatable, Sendable {
    package var id: KeyspaceID

    package func encode(into buffer: ByteWriter) { buffer.append(id) }

    package static func decode(_ payload: ByteView) throws(EngineError) -> KeyspaceDrop {
        guard payload.count == 4 else { throw malformedControl("keyspace drop") }
        return KeyspaceDrop(id: payload.load(0))
    }
}

/// A keyspace gets other settings.
package struct KeyspaceAlter: Equatable, Sendable {
    package var id: KeyspaceID
    /// The settings as `KeyspaceSettings` encodes them.
    package var settings: [UInt8]

    package func encode(into buffer: ByteWriter) {
        buffer.append(id)
        buffer.appendPrefixed(settings)
    }

    package static func decode(_ payload: ByteView) throws(EngineError) -> KeyspaceAlter {
        var reader = ByteReader(payload)
        guard let id = reader.read(KeyspaceID.self), let settings = reader.readPrefixed(), reader.remaining == 0
        else { throw malformedControl("keyspace alter") }
        return KeyspaceAlter(id: id, settings: settings.array)
    }
}

/// A piece of the table of a bulk ingest. Lent: valid as long as the record it was decoded from.
package struct IngestChunk {
    /// The most table bytes in one chunk, so that other writes get in between.
    package static let maximumLength = 1 << 20

    /// Which table of an ingest the chunk belongs to.
    package var ingest: UInt64

    /// The keyspace that an ingest id is for: whoever may not have it need not be sent the chunk.
    package static func keyspace(of ingest: UInt64) -> KeyspaceID { KeyspaceID(ingest >> 32) }

    /// An id for a table that is ingested into a keyspace.
    static func makeID(in keyspace: KeyspaceID, _ random: any RandomSource) -> UInt64 {
        UInt64(keyspace) << 32 | random.next() & 0xFFFF_FFFF
    }

    /// Chunks of an ingest are numbered from 0.
    package var number: UInt32
    package var bytes: ByteView

    package func encode(into buffer: ByteWriter) {
        precondition(bytes.count <= Self.maximumLength)
        buffer.append(ingest)
        buffer.append(number)
        buffer.append(bytes)
    }

    package static func decode(_ payload: ByteView) throws(EngineError) -> IngestChunk {
        guard payload.count >= 12, payload.count <= 12 + maximumLength else { throw malformedControl("ingest chunk") }
        return IngestChunk(ingest: payload.load(0), number: payload.load(8), bytes: payload.dropFirst(12))
    }
}

/// The chunks of a bulk ingest become visible, at the position of this record; or, without details, those of one of its
/// tables never will.
package struct IngestCommit: Equatable, Sendable {
    package var ingest: UInt64
    /// What the ingest needs to place its tables; opaque to the log.
    package var details: [UInt8]

    /// Whether the record says that the ingest was given up.
    package var isAbandonment: Bool { details.isEmpty }

    package func encode(into buffer: ByteWriter) {
        buffer.append(ingest)
        buffer.append(details)
    }

    package static func decode(_ payload: ByteView) throws(EngineError) -> IngestCommit {
        guard payload.count >= 8 else { throw malformedControl("ingest commit") }
        return IngestCommit(ingest: payload.load(0), details: payload.dropFirst(8).array)
    }
}

/// A place in the log that changes no data: nodes compare digests there.
package struct Marker: Equatable, Sendable {
    /// What the marker is for; opaque to the log.
    package var label: [UInt8]

    package func encode(into buffer: ByteWriter) { buffer.append(label) }

    package static func decode(_ payload: ByteView) -> Marker { Marker(label: payload.array) }
}

/// Stands for a run of records none of which a partial follower wants, so that its log keeps the one sequence and the
/// one chain. Its own sequence numbers are those of the run.
package struct Skip: Equatable, Sendable {
    /// The last sequence number of the run.
    package var through: SequenceNumber
    /// The chain value before the run.
    package var chainBefore: UInt64
    /// The chain value after the run; stands in the record's chain field too.
    package var chainAfter: UInt64

    /// Where `chainBefore` stands in the payload.
    package static let chainBeforeOffset = 8

    package func encode(into buffer: ByteWriter) {
        buffer.append(through)
        buffer.append(chainBefore)
        buffer.append(chainAfter)
    }

    package static func decode(_ payload: ByteView) throws(EngineError) -> Skip {
        guard payload.count == 24 else { throw malformedControl("skip") }
        return Skip(through: payload.load(0), chainBefore: payload.load(8), chainAfter: payload.load(16))
    }
}

private func malformedControl(_ what: String) -> EngineError {
    EngineError(.corruption, "record: the payload of a control record (\(what)) is malformed")
}
