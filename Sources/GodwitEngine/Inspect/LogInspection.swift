/// A log segment, described: its header, its frames and their records.
public struct LogInspection: Sendable, Encodable {
    /// The segment's header.
    public struct Header: Sendable, Hashable, Encodable {
        /// The segment's number.
        public let segment: UInt64
        /// The store that it belongs to.
        public let storeID: String
        /// The position after which it begins.
        public let start: String
        /// The chain value there.
        public let chain: String
        /// Where the log before it ends: segment and byte; `0:0` for nowhere.
        public let previous: String
        /// Up to where the log was durable when it was begun.
        public let synced: String
    }

    /// One section of a record.
    public struct Section: Sendable, Hashable, Encodable {
        /// The keyspace's id.
        public let keyspace: UInt32
        /// How many operations there are.
        public let operations: Int
        /// How many bytes it has; 0 where it was left out.
        public let bytes: Int
    }

    /// One record.
    public struct Record: Sendable, Hashable, Encodable {
        /// Where its frame stands.
        public let frame: UInt64
        /// `batch`, `epochBegin`, …
        public let type: String
        /// The position: epoch and last sequence number.
        public let position: String
        /// The first sequence number.
        public let firstSequence: UInt64
        /// How many operations there are.
        public let operations: Int
        /// How many bytes the record has here.
        public let bytes: Int
        /// The clock's stamp: milliseconds since 1970.
        public let milliseconds: UInt64
        /// The region in which it was first written.
        public let origin: UInt16
        /// The chain value.
        public let chain: String
        /// The sections of a batch; empty for a control record.
        public let sections: [Section]
    }

    /// The file.
    public let file: String
    /// Its size in bytes.
    public internal(set) var size: UInt64 = 0
    /// Its header; nil when that is damaged, or the segment is laid out and not yet in use.
    public internal(set) var header: Header?
    /// Whether checksums could be checked: that takes the store's hash seed, from a manifest or table beside the file.
    public internal(set) var isChecked = false
    /// How many frames there are.
    public internal(set) var frames = 0
    /// Where the last frame ends.
    public internal(set) var end: UInt64 = 0
    /// The records in order, as many as were asked for.
    public internal(set) var records: [Record] = []
    /// How many records there are in all.
    public internal(set) var recordCount = 0
    /// What is wrong.
    public internal(set) var problems: [Inspector.Problem] = []
}

extension Inspector {
    /// Describes a log segment, `000012.log`.
    ///
    /// - Parameters:
    ///   - path: The file.
    ///   - limit: The most records that are listed; all are counted.
    ///   - environment: Where files are.
    /// - Throws: `.invalidArgument` for a file of another name, `.notFound`, `.io`.
    public static func log(
        _ path: String, limit: Int = 1000, environment: EngineEnvironment = .system
    ) throws(EngineError) -> LogInspection {
        guard let segment = LogFormat.segment(named: name(of: path)) else {
            throw EngineError(.invalidArgument, "a log segment is named like 000012.log", file: path)
        }
        let bytes = try read(path, environment.fileSystem)
        let surroundings = Surroundings(of: path, environment.fileSystem)
        let cut = surroundings.salvage.flatMap { LogCuts($0.logCuts).cut(of: segment) }
        return bytes.withView { view in
            var walk = LogWalk(view, path, segment, surroundings.seed, limit)
            walk.run(until: cut?.endOffset)
            return walk.result
        }
    }
}

/// One walk over a segment's bytes.
private struct LogWalk {
    private let bytes: ByteView
    private let segment: UInt64
    private let seed: UInt64?
    private let limit: Int
    private(set) var result: LogInspection

    init(_ bytes: ByteView, _ path: String, _ segment: UInt64, _ seed: UInt64?, _ limit: Int) {
        self.bytes = bytes
        self.segment = segment
        self.seed = seed
        self.limit = limit
        result = LogInspection(file: path)
        result.size = UInt64(bytes.count)
        result.isChecked = seed != nil
    }

    /// Walks; `cut` is where the log of the segment ends by the manifest, where that is known.
    mutating func run(until cut: UInt64?) {
        readHeader()
        var offset = LogFormat.segmentHeaderLength
        result.end = UInt64(min(offset, bytes.count))
        while let frame = nextFrame(from: offset) {
            let start = Int(frame.location.offset)
            if start != offset {
                note(offset, "no valid frame here; the next begins at byte \(start)")
            }
            result.frames += 1
            list(frame, at: start)
            offset = Int(frame.end.offset)
            result.end = UInt64(offset)
        }
        if let cut, result.end < cut {
            note(offset, "no valid frame here, and the manifest says that the log goes on to \(cut)")
        }
    }

    private mutating func readHeader() {
        guard bytes.count >= LogFormat.segmentHeaderLength else {
            return note(0, "the file is too short for a segment")
        }
        let identity = LogIdentity(storeID: bytes.slice(8, 16).array, seed: seed ?? 0)
        guard bytes.load(0) == LogFormat.segmentMagic else {
            let isBlank = (0..<LogFormat.segmentHeaderLength).allSatisfy { bytes[$0] == 0 }
            if !isBlank { note(0, "the header is none") }
            return
        }
        do throws(EngineError) {
            guard seed != nil else { return }
            guard let header = try SegmentHeader.decode(bytes, segment: segment, identity: identity) else {
                return note(0, "the header does not verify as that of segment \(segment)")
            }
            result.header = LogInspection.Header(
                segment: header.segment, storeID: StoreID(bytes: identity.storeID).description,
                start: header.start.position.description, chain: Inspector.hex(header.start.chain),
                previous: header.previous.description, synced: header.synced.description)
        } catch {
            note(0, error.message)
        }
    }

    /// The next frame that verifies; without a seed, the next that could be one.
    private func nextFrame(from start: Int) -> FrameHeader? {
        var offset = start
        while offset + LogFormat.frameHeaderLength <= bytes.count {
            if bytes.load(offset, as: UInt32.self) == LogFormat.frameMagic {
                let location = LogLocation(segment: segment, offset: UInt64(offset))
                let head = bytes.slice(offset, LogFormat.frameHeaderLength)
                if let frame = FrameHeader.peek(head, at: location, room: UInt64(bytes.count - offset)) {
                    guard let seed else { return frame }
                    let whole = bytes.slice(offset, LogFormat.frameLength(payload: frame.payloadLength))
                    if whole.load(40, as: UInt64.self) == FrameHeader.checksum(whole, seed: seed) { return frame }
                }
            }
            offset += 8
        }
        return nil
    }

    private mutating func list(_ frame: FrameHeader, at start: Int) {
        var run = RecordRun(bytes.slice(start + LogFormat.frameHeaderLength, frame.payloadLength))
        do throws(EngineError) {
            while let record = try run.next() {
                result.recordCount += 1
                try record.verifyPayloads()
                if result.records.count < limit { result.records.append(describe(record, start)) }
            }
        } catch {
            note(start, error.message)
        }
    }

    private func describe(_ record: RecordView, _ frame: Int) -> LogInspection.Record {
        let sections =
            record.type == .batch
            ? record.sections.map { section in
                LogInspection.Section(
                    keyspace: section.keyspace, operations: section.operationCount,
                    bytes: section.payload?.count ?? 0)
            } : []
        return LogInspection.Record(
            frame: UInt64(frame), type: "\(record.type)", position: record.position.description,
            firstSequence: record.firstSequence, operations: record.operationCount, bytes: record.bytes.count,
            milliseconds: record.stamp >> 16, origin: record.origin, chain: Inspector.hex(record.chain),
            sections: sections)
    }

    private mutating func note(_ offset: Int, _ message: String) {
        guard result.problems.count < 1000 else { return }
        result.problems.append(Inspector.Problem(offset: UInt64(offset), message: message))
    }
}
