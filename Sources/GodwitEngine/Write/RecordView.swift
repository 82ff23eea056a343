/// A record, lent from the bytes it stands in. Its structure has been checked; the chain and the payload hashes are
/// checked by `continues(_:)` and `verifyPayloads()`.
package struct RecordView {
    /// The record's bytes, exactly.
    package let bytes: ByteView
    package let type: RecordType
    /// How many sections the complete record has.
    package let sectionCount: Int
    /// How many operations the complete record has; 1 for a control record.
    package let operationCount: Int
    /// Whether sections were left out.
    package let isPartial: Bool
    /// The sequence number of the last operation.
    package let lastSequence: SequenceNumber

    /// Looks at the record that `input` begins with; more may follow it. Throws `.corruption` when the bytes are no
    /// record, and `.unsupportedFormat` when they are one of a newer version.
    package init(validating input: ByteView) throws(EngineError) {
        guard input.count >= BatchFormat.headerLength else { throw Self.malformed("the header is cut off") }
        let stored = input.load(BatchFormat.storedLengthOffset, as: UInt32.self)
        let isPartial = stored & BatchFormat.partialBit != 0
        let storedLength = Int(stored & ~BatchFormat.partialBit)
        let length = Int(input.load(BatchFormat.lengthOffset, as: UInt32.self))
        guard storedLength <= input.count, storedLength <= BatchFormat.maximumRecordLength,
            length <= BatchFormat.maximumRecordLength
        else { throw Self.malformed("it is longer than what holds it") }
        let format = input[BatchFormat.formatOffset]
        guard format != 0 else { throw Self.malformed("format 0") }
        guard format == BatchFormat.format, input.load(BatchFormat.flagsOffset, as: UInt32.self) == 0,
            let type = RecordType(rawValue: input[BatchFormat.typeOffset])
        else {
            throw EngineError(
                .unsupportedFormat,
                "record of type \(input[BatchFormat.typeOffset]) and format \(format): written by a newer Godwit")
        }
        let sections = Int(input.load(BatchFormat.sectionCountOffset, as: UInt32.self))
        guard sections >= 1, sections <= BatchFormat.maximumSections,
            storedLength >= BatchFormat.prefixLength(sections: sections)
        else { throw Self.malformed("the section table does not fit") }

        bytes = input.slice(0, storedLength)
        self.type = type
        self.isPartial = isPartial
        sectionCount = sections
        operationCount = Int(input.load(BatchFormat.operationCountOffset, as: UInt32.self))
        let first = input.load(BatchFormat.firstSequenceOffset, as: UInt64.self)
        let (last, overflow) = first.addingReportingOverflow(UInt64(max(operationCount, 1) - 1))
        guard !overflow, operationCount >= 1 else { throw Self.malformed("operation count or sequence number") }
        var lastSequence = last
        try Self.checkSections(
            bytes, type: type, count: sections, operations: operationCount, length: length, isPartial: isPartial)
        if type == .skip {
            let skip = try Skip.decode(bytes.dropFirst(BatchFormat.prefixLength(sections: 1)))
            guard skip.through >= first, skip.chainAfter == bytes.load(BatchFormat.chainOffset(sections: 1)) else {
                throw Self.malformed("a skip that contradicts itself")
            }
            lastSequence = skip.through
        }
        self.lastSequence = lastSequence
    }

    /// Checks that the rows of the section table describe `bytes` exactly.
    private static func checkSections(
        _ bytes: ByteView, type: RecordType, count: Int, operations: Int, length: Int, isPartial: Bool
    ) throws(EngineError) {
        let prefix = BatchFormat.prefixLength(sections: count)
        if type != .batch {
            guard count == 1, operations == 1, !isPartial else { throw malformed("a control record with sections") }
        }
        let bitmap = isPartial ? BatchFormat.bitmapLength(sections: count) : 0
        guard bytes.count >= prefix + bitmap else { throw malformed("the bitmap is cut off") }
        var payload = 0
        var here = 0
        var present = 0
        var operationSum = 0
        var previous: KeyspaceID?
        for index in 0..<count {
            let row = BatchFormat.headerLength + BatchFormat.sectionRowLength * index
            let keyspace = bytes.load(row, as: KeyspaceID.self)
            if let previous, keyspace <= previous { throw malformed("its keyspaces do not ascend") }
            guard (keyspace == BatchFormat.controlKeyspace) == (type != .batch) else {
                throw malformed("a control section in a batch, or the other way round")
            }
            previous = keyspace
            let sectionLength = Int(bytes.load(row + 4, as: UInt32.self))
            let sectionOperations = Int(bytes.load(row + 8, as: UInt32.self))
            guard sectionOperations >= 1 else { throw malformed("a section without operations") }
            payload += sectionLength
            operationSum += sectionOperations
            if !isPartial || bytes[prefix + index / 8] & (1 << UInt8(index % 8)) != 0 {
                here += sectionLength
                present += 1
            }
        }
        guard payload <= BatchFormat.maximumPayloadLength, length == prefix + payload,
            bytes.count == prefix + bitmap + here, operationSum == operations
        else { throw malformed("its lengths or operation counts do not add up") }
        if isPartial {
            let spare = UInt8(truncatingIfNeeded: 0xFF << (count % 8))
            guard present < count, count % 8 == 0 || bytes[prefix + bitmap - 1] & spare == 0 else {
                throw malformed("a bitmap that says more than there is")
            }
        }
    }

    private static func malformed(_ what: String) -> EngineError { EngineError(.corruption, "record: \(what)") }

    /// How many bytes the record has with all its sections.
    package var completeLength: Int { Int(bytes.load(BatchFormat.lengthOffset, as: UInt32.self)) }
    /// The region in which the record was first written.
    package var origin: UInt16 { bytes.load(BatchFormat.originOffset) }
    /// The epoch in which the record was written; for a skip that of the last record it stands for.
    package var epoch: Epoch {
        Epoch(number: bytes.load(BatchFormat.epochNumberOffset), tag: bytes.load(BatchFormat.epochTagOffset))
    }
    /// The sequence number of the first operation.
    package var firstSequence: SequenceNumber { bytes.load(BatchFormat.firstSequenceOffset) }
    /// The hybrid-logical-clock stamp: milliseconds since 1970 << 16 | counter.
    package var stamp: UInt64 { bytes.load(BatchFormat.stampOffset) }
    /// The chain value that stands in the record.
    package var chain: UInt64 { bytes.load(BatchFormat.chainOffset(sections: sectionCount)) }
    /// What identifies the record: its epoch and its last sequence number.
    package var position: Position { Position(epoch: epoch, sequence: lastSequence) }
    /// Where a history stands that ends with this record.
    package var point: HistoryPoint { HistoryPoint(position: position, chain: chain) }

    /// The chain value that this record has when it follows `previous`. For a skip, which stands for records that
    /// are not here, this is the value it states, provided that it was made for this place.
    package func chain(after previous: UInt64) -> UInt64 {
        if type == .skip {
            let before = bytes.load(BatchFormat.prefixLength(sections: 1) + Skip.chainBeforeOffset, as: UInt64.self)
            return before == previous ? chain : ~chain
        }
        return bytes.slice(4, BatchFormat.chainOffset(sections: sectionCount) - 4).hash(seed: previous)
    }

    /// Whether the record follows the one whose chain value is `previous`.
    package func continues(_ previous: UInt64) -> Bool { chain(after: previous) == chain }

    /// The sections in table order.
    package var sections: RecordSections { RecordSections(self) }

    /// The payload of a control record.
    package var controlPayload: ByteView {
        precondition(type != .batch, "record: a batch has no control payload")
        return bytes.dropFirst(BatchFormat.prefixLength(sections: 1))
    }

    /// Throws `.corruption` when a section that is here does not have the hash that its table row states.
    package func verifyPayloads() throws(EngineError) {
        for section in sections {
            guard let payload = section.payload else { continue }
            guard BatchFormat.payloadHash(payload, keyspace: section.keyspace) == section.payloadHash else {
                throw EngineError(
                    .corruption, "record \(position): the section of keyspace \(section.keyspace) is damaged")
            }
        }
    }
}

/// One row of a record's section table, with its section where that is here.
package struct RecordSection {
    package let keyspace: KeyspaceID
    package let operationCount: Int
    /// The sequence number of the section's first operation.
    package let firstSequence: SequenceNumber
    package let payloadHash: UInt64
    /// The section's bytes; nil when the record is partial and they were left out.
    package let payload: ByteView?
}

/// The sections of one record.
package struct RecordSections: Sequence, IteratorProtocol {
    private let record: RecordView
    private var index = 0
    private var offset: Int
    private var sequence: SequenceNumber

    package init(_ record: RecordView) {
        self.record = record
        offset = BatchFormat.prefixLength(sections: record.sectionCount)
        if record.isPartial { offset += BatchFormat.bitmapLength(sections: record.sectionCount) }
        sequence = record.firstSequence
    }

    @inline(__always)
    package mutating func next() -> RecordSection? {
        guard index < record.sectionCount else { return nil }
        let bytes = record.bytes
        let row = BatchFormat.headerLength + BatchFormat.sectionRowLength * index
        let length = Int(bytes.load(row + 4, as: UInt32.self))
        let operations = Int(bytes.load(row + 8, as: UInt32.self))
        var payload: ByteView?
        let bit = BatchFormat.prefixLength(sections: record.sectionCount) + index / 8
        if !record.isPartial || bytes[bit] & (1 << UInt8(index % 8)) != 0 {
            payload = bytes.slice(offset, length)
            offset += length
        }
        defer {
            index += 1
            sequence &+= UInt64(operations)
        }
        return RecordSection(
            keyspace: bytes.load(row), operationCount: operations, firstSequence: sequence,
            payloadHash: bytes.load(row + 12), payload: payload)
    }
}

/// Records one after the other, as a frame holds them and as they are shipped.
package struct RecordRun {
    private let bytes: ByteView
    /// Where the next record begins.
    package private(set) var offset = 0

    package init(_ bytes: ByteView) { self.bytes = bytes }

    /// The next record, or nil at the end. Throws when the bytes there are no record.
    package mutating func next() throws(EngineError) -> RecordView? {
        guard offset < bytes.count else { return nil }
        let record = try RecordView(validating: bytes.dropFirst(offset))
        offset += record.bytes.count
        return record
    }

    /// What a record does to a keyspace, but for its end.
    package enum KeyspaceChange {
        case create(KeyspaceCreate)
        case alter(KeyspaceAlter)
    }

    /// The next record that makes or changes a keyspace, or nil at the end. Of the records before it only type and
    /// length are looked at, which costs little where none does.
    package mutating func nextKeyspaceChange() throws(EngineError) -> KeyspaceChange? {
        while bytes.count - offset >= BatchFormat.headerLength {
            switch bytes[offset + BatchFormat.typeOffset] {
            case RecordType.keyspaceCreate.rawValue:
                return try next().map { (record) throws(EngineError) in
                    .create(try KeyspaceCreate.decode(record.controlPayload))
                }
            case RecordType.keyspaceAlter.rawValue:
                return try next().map { (record) throws(EngineError) in
                    .alter(try KeyspaceAlter.decode(record.controlPayload))
                }
            default:
                let stored = bytes.load(offset + BatchFormat.storedLengthOffset, as: UInt32.self)
                let length = Int(stored & ~BatchFormat.partialBit)
                guard length >= BatchFormat.headerLength, length <= bytes.count - offset else { break }
                offset += length
                continue
            }
            break
        }
        guard offset == bytes.count else { throw EngineError(.corruption, "record: it is longer than what holds it") }
        return nil
    }
}
