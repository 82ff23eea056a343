import GodwitSimulation
import Synchronization

@testable import GodwitEngine

/// A log on a simulated disk, with the part of an engine that it needs: file numbers, cuts, the published end.
/// Record contents follow from their sequence numbers, so that what is read back can be checked without a model.
final class LogRig {
    static let epoch = Epoch(number: 1, tag: 0xABCD)
    static let origin = HistoryPoint(position: Position(epoch: epoch, sequence: 0), chain: 42)

    let disk: SimulatedFileSystem
    let directory: LogDirectory
    let options: LogSegmentOptions
    private let numbers = Counter()
    var cuts: [LogCut] = []
    var floor: UInt64?
    var writer: LogWriter!
    var segments: LogSegments!
    var published: PublishedLogEnd!
    /// Ends of frames, by the last sequence number in them.
    var frameEnds: [(LogLocation, SequenceNumber)] = []

    final class Counter: Sendable {
        let next = Atomic<UInt64>(1)
        func take() -> UInt64 { next.add(1, ordering: .relaxed).oldValue }
    }

    init(seed: UInt64 = 1, firstSize: UInt64 = 4096, fullSize: UInt64 = 16384) throws {
        disk = SimulatedFileSystem(seed: seed)
        directory = LogDirectory(fileSystem: disk, path: "/s", identity: LogFormatTests.identity)
        options = LogSegmentOptions(firstSize: firstSize, fullSize: fullSize)
        try disk.createDirectory("/s")
    }

    /// A log with its own disk, as this one stands on it.
    private init(_ other: LogRig) {
        disk = other.disk.clone()
        directory = LogDirectory(fileSystem: disk, path: "/s", identity: LogFormatTests.identity)
        options = other.options
        cuts = other.cuts
        floor = other.floor
        frameEnds = other.frameEnds
        numbers.next.store(other.numbers.next.load(ordering: .relaxed), ordering: .relaxed)
    }

    func clone() -> LogRig { LogRig(self) }

    func path(_ segment: UInt64) -> String { directory.path(of: segment) }

    /// A number as the manifest's counter gives it.
    func fileNumber() -> UInt64 { numbers.take() }

    /// Reads the log and checks every record; returns the last sequence number.
    @discardableResult
    func read() throws(EngineError) -> LogReader? {
        guard let floor else { return nil }
        let reader = try LogReader(directory, cuts: cuts, from: floor, fallback: Self.origin)
        while let record = try reader.next() { try Self.check(record) }
        return reader
    }

    /// The last sequence number that is read back.
    func readThrough() throws(EngineError) -> SequenceNumber { try read()?.point.position.sequence ?? 0 }

    /// What an engine does at open: reads the log, records the cut, begins a segment.
    func open() throws(EngineError) {
        let reader = try read()
        let numbers = numbers
        let live = reader?.segmentsRead ?? []
        let unused = try directory.segments().filter { !live.contains($0) }
        segments = try LogSegments(
            directory, options: options, live: live, unused: unused,
            nextFileNumber: { () throws(EngineError) in numbers.take() })
        writer = try LogWriter(
            segments, in: directory, after: reader?.point ?? Self.origin, previous: reader?.end ?? .none,
            syncing: live)
        if let reader { cuts.append(reader.cut(resumingAt: writer.end.segment)) }
        if floor == nil { floor = writer.end.segment }
        published = PublishedLogEnd(writer.end, writer.point)
    }

    /// What an engine does at a clean close.
    func close() throws(EngineError) {
        let end = try writer.sync()
        cuts.append(
            LogCut(
                segment: end.segment, endOffset: end.offset, through: writer.point.position.sequence,
                resumesAt: fileNumber()))
    }

    /// Appends one frame with `records` records.
    @discardableResult
    func append(_ records: Int = 1, valueLength: Int = 20) throws(EngineError) -> LogLocation {
        let group = ByteWriter()
        LogWriter.begin(group)
        var point = writer.point
        for _ in 0..<records { point = try Self.encode(after: point, valueLength: valueLength, into: group) }
        let end = try writer.append(group: group, last: point)
        frameEnds.append((end, point.position.sequence))
        published.publish(end, point)
        return end
    }

    /// Appends the record that follows `point`.
    static func encode(
        after point: HistoryPoint, valueLength: Int, into buffer: ByteWriter
    ) throws(EngineError) -> HistoryPoint {
        let first = point.position.sequence + 1
        let batch = WriteBatch()
        for index in 0...first % 3 {
            let value = [UInt8](repeating: UInt8(truncatingIfNeeded: first + index), count: valueLength)
            try batch.add(
                PlainOperation(
                    keyspace: KeyspaceID(index % 2), kind: .put, key: "k\(first)".utf8Array, value: value))
        }
        let start = batch.encode(into: buffer)
        let chain = RecordEncoder.finish(
            buffer, at: start, epoch: epoch, firstSequence: first, stamp: first << 16, origin: 1,
            previousChain: point.chain)
        return HistoryPoint(
            position: Position(epoch: epoch, sequence: first + UInt64(batch.count) - 1), chain: chain)
    }

    /// Checks that a record is what `encode` made.
    static func check(_ record: RecordView) throws(EngineError) {
        let first = record.firstSequence
        for operation in try record.operations() {
            guard operation.key == "k\(first)".utf8Array, let byte = operation.value.first,
                operation.value.allSatisfy({ $0 == byte }),
                (0...first % 3).contains(where: { UInt8(truncatingIfNeeded: first + $0) == byte })
            else { throw EngineError(.invalidArgument, "test: record \(first) has another content") }
        }
    }

    /// Runs the background job until it has nothing to do.
    func prepare() throws(EngineError) {
        while try segments.step() == .more {}
    }

    /// The code with which reading the log fails; nil when it is read.
    func readFailure() -> EngineError.Code? {
        failureCode { () throws(EngineError) in _ = try read() }
    }
}
