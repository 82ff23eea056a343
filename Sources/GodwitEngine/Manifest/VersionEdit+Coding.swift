/// The tags of an edit's fields. Bit 7 set: a reader that does not know the tag skips the field.
private enum Tag {
    static let addTable: UInt8 = 1
    static let removeTable: UInt8 = 2
    static let setVisibleThrough: UInt8 = 3
    static let createKeyspace: UInt8 = 4
    static let dropKeyspace: UInt8 = 5
    static let alterKeyspace: UInt8 = 6
    static let flushedThrough: UInt8 = 7
    static let nextFileNumber: UInt8 = 8
    static let end: UInt8 = 9
    static let rewindPoints: UInt8 = 10
    static let beginEpoch: UInt8 = 11
    static let epochHistory: UInt8 = 12
    static let addLogCut: UInt8 = 13
    static let dropLogCut: UInt8 = 14
    static let logFloor: UInt8 = 15
    static let clean: UInt8 = 16
    static let formatLevel: UInt8 = 17
    static let region: UInt8 = 18
    static let lastStamp: UInt8 = 19
    static let lastKeyspace: UInt8 = 20
    static let droppedKeyspace: UInt8 = 0x80 | 21
}

extension VersionEdit {
    /// Appends the edit's payload.
    func encode(into writer: ByteWriter) {
        let scratch = ByteWriter()
        for change in changes {
            writer.appendField(change.tag, scratch: scratch) { change.encodeContent(into: $0) }
        }
    }

    /// Reads a payload that stands in `file` from `offset`.
    init(decoding payload: ByteView, file: String, offset: UInt64) throws(EngineError) {
        var reader = FieldReader(payload, file: file, start: offset)
        while let field = try reader.field() {
            let tag = field.tag
            var content = field.content
            if let change = try Change(tag, &content) {
                try content.end("manifest change")
                changes.append(change)
            } else {
                try content.unknown(tag, "the manifest")
            }
        }
    }
}

extension VersionEdit.Change {
    fileprivate var tag: UInt8 {
        switch self {
        case .addTable: Tag.addTable
        case .removeTable: Tag.removeTable
        case .setVisibleThrough: Tag.setVisibleThrough
        case .createKeyspace: Tag.createKeyspace
        case .dropKeyspace: Tag.dropKeyspace
        case .alterKeyspace: Tag.alterKeyspace
        case .flushedThrough: Tag.flushedThrough
        case .nextFileNumber: Tag.nextFileNumber
        case .end: Tag.end
        case .rewindPoints: Tag.rewindPoints
        case .beginEpoch: Tag.beginEpoch
        case .epochHistory: Tag.epochHistory
        case .addLogCut: Tag.addLogCut
        case .dropLogCut: Tag.dropLogCut
        case .logFloor: Tag.logFloor
        case .clean: Tag.clean
        case .formatLevel: Tag.formatLevel
        case .region: Tag.region
        case .lastStamp: Tag.lastStamp
        case .lastKeyspace: Tag.lastKeyspace
        case .droppedKeyspace: Tag.droppedKeyspace
        }
    }

    fileprivate func encodeContent(into writer: ByteWriter) {
        switch self {
        case .addTable(let keyspace, let level, let table):
            writer.appendVarint(UInt64(keyspace))
            writer.append(UInt8(level))
            table.encode(into: writer)
        case .removeTable(let keyspace, let level, let number):
            writer.appendVarint(UInt64(keyspace))
            writer.append(UInt8(level))
            writer.appendVarint(number)
        case .setVisibleThrough(let keyspace, let level, let number, let sequence):
            writer.appendVarint(UInt64(keyspace))
            writer.append(UInt8(level))
            writer.appendVarint(number)
            writer.appendVarint(sequence)
        case .createKeyspace(let meta): meta.encode(into: writer)
        case .dropKeyspace(let id), .lastKeyspace(let id): writer.appendVarint(UInt64(id))
        case .droppedKeyspace(let dropped): dropped.encode(into: writer)
        case .alterKeyspace(let id, let settings):
            writer.appendVarint(UInt64(id))
            settings.encode(into: writer)
        case .flushedThrough(let keyspace, let sequence):
            writer.appendVarint(UInt64(keyspace))
            writer.appendVarint(sequence)
        case .nextFileNumber(let number): writer.appendVarint(number)
        case .end(let point): point.encode(into: writer)
        case .rewindPoints(let points):
            writer.appendVarint(UInt64(points.count))
            for point in points { point.encode(into: writer) }
        case .beginEpoch(let start): start.encode(into: writer)
        case .epochHistory(let starts):
            writer.appendVarint(UInt64(starts.count))
            for start in starts { start.encode(into: writer) }
        case .addLogCut(let cut):
            writer.appendVarint(cut.segment)
            writer.appendVarint(cut.endOffset)
            writer.appendVarint(cut.through)
            writer.appendVarint(cut.resumesAt)
        case .dropLogCut(let segment), .logFloor(let segment): writer.appendVarint(segment)
        case .clean: break
        case .formatLevel(let level): writer.appendVarint(UInt64(level))
        case .region(let region): writer.appendVarint(UInt64(region))
        case .lastStamp(let stamp): writer.append(stamp)
        }
    }

    /// Reads the content of a field; nil when its tag is not known.
    fileprivate init?(_ tag: UInt8, _ reader: inout FieldReader) throws(EngineError) {
        switch tag {
        case Tag.addTable:
            let (keyspace, level) = try reader.place()
            self = .addTable(keyspace: keyspace, level: level, try TableMeta(decoding: &reader))
        case Tag.removeTable:
            let (keyspace, level) = try reader.place()
            self = .removeTable(keyspace: keyspace, level: level, number: try reader.varint("table number"))
        case Tag.setVisibleThrough:
            let (keyspace, level) = try reader.place()
            self = .setVisibleThrough(
                keyspace: keyspace, level: level, number: try reader.varint("table number"),
                try reader.varint("visible through"))
        case Tag.createKeyspace: self = .createKeyspace(try KeyspaceMeta(decoding: &reader))
        case Tag.dropKeyspace: self = .dropKeyspace(try reader.number(UInt32.self, "keyspace"))
        case Tag.alterKeyspace:
            self = .alterKeyspace(
                try reader.number(UInt32.self, "keyspace"), try KeyspaceSettings(decoding: &reader))
        case Tag.flushedThrough:
            self = .flushedThrough(
                keyspace: try reader.number(UInt32.self, "keyspace"), try reader.varint("flushed through"))
        case Tag.nextFileNumber:
            self = .nextFileNumber(
                try reader.varint("next file number", below: ManifestFormat.highestFileNumber))
        case Tag.end: self = .end(try HistoryPoint(decoding: &reader))
        case Tag.rewindPoints:
            var points: [HistoryPoint] = []
            for _ in 0..<(try reader.count(each: HistoryPoint.leastEncodedLength, "rewind points")) {
                points.append(try HistoryPoint(decoding: &reader))
            }
            self = .rewindPoints(points)
        case Tag.beginEpoch: self = .beginEpoch(try EpochStart(decoding: &reader))
        case Tag.epochHistory:
            var starts: [EpochStart] = []
            for _ in 0..<(try reader.count(each: 2 * HistoryPoint.leastEncodedLength, "epochs")) {
                starts.append(try EpochStart(decoding: &reader))
            }
            self = .epochHistory(starts)
        case Tag.addLogCut:
            self = .addLogCut(
                LogCut(
                    segment: try reader.varint("cut segment"), endOffset: try reader.varint("cut offset"),
                    through: try reader.varint("cut sequence"), resumesAt: try reader.varint("cut resumption")))
        case Tag.dropLogCut: self = .dropLogCut(segment: try reader.varint("segment"))
        case Tag.logFloor: self = .logFloor(segment: try reader.varint("segment"))
        case Tag.clean: self = .clean
        case Tag.formatLevel: self = .formatLevel(try reader.number(UInt32.self, "format level"))
        case Tag.region: self = .region(try reader.number(UInt16.self, "region"))
        case Tag.lastStamp: self = .lastStamp(try reader.fixed(UInt64.self, "stamp"))
        case Tag.lastKeyspace: self = .lastKeyspace(try reader.number(UInt32.self, "keyspace"))
        case Tag.droppedKeyspace: self = .droppedKeyspace(try DroppedKeyspace(decoding: &reader))
        default: return nil
        }
    }
}

extension FieldReader {
    /// A keyspace and a level.
    fileprivate mutating func place() throws(EngineError) -> (keyspace: UInt32, level: Int) {
        let keyspace = try number(UInt32.self, "keyspace")
        let level = Int(try fixed(UInt8.self, "level"))
        guard level < Version.levelCount else { throw failure("level \(level): there are \(Version.levelCount)") }
        return (keyspace, level)
    }
}

extension HistoryPoint {
    static let leastEncodedLength = 1 + 4 + 1 + 8

    func encode(into writer: ByteWriter) {
        writer.appendVarint(UInt64(position.epoch.number))
        writer.append(position.epoch.tag)
        writer.appendVarint(position.sequence)
        writer.append(chain)
    }

    init(decoding reader: inout FieldReader) throws(EngineError) {
        let epoch = Epoch(
            number: try reader.number(UInt32.self, "epoch"), tag: try reader.fixed(UInt32.self, "epoch tag"))
        self.init(
            position: Position(epoch: epoch, sequence: try reader.varint("sequence")),
            chain: try reader.fixed(UInt64.self, "chain"))
    }
}

extension EpochStart {
    func encode(into writer: ByteWriter) {
        start.encode(into: writer)
        parent.encode(into: writer)
    }

    init(decoding reader: inout FieldReader) throws(EngineError) {
        self.init(start: try HistoryPoint(decoding: &reader), parent: try HistoryPoint(decoding: &reader))
    }
}
