import GodwitSimulation
import Testing

@testable import GodwitEngine

/// How the log ends, and what is damage.
@Suite("Log recovery")
struct LogRecoveryTests {
    /// A log of several segments, all of it synced but the last three frames.
    private func filled(frames: Int = 60) throws -> LogRig {
        let rig = try LogRig()
        try rig.open()
        for frame in 0..<frames {
            try rig.append(1 + frame % 3, valueLength: 40)
            if frame % 4 == 3 { try rig.prepare() }
            if frame < frames - 3 { try rig.writer.sync() }
        }
        #expect(rig.segments.live.count >= 3)
        return rig
    }

    /// The last sequence number of the last frame that ends by `location`.
    private func through(_ rig: LogRig, _ location: LogLocation) -> SequenceNumber {
        rig.frameEnds.last { $0.0 <= location }?.1 ?? 0
    }

    @Test("what was appended is read back, through clean closes and opens")
    func readBack() throws {
        let rig = try LogRig()
        var total: SequenceNumber = 0
        for round in 0..<6 {
            try rig.open()
            for _ in 0..<round * 7 {
                try rig.append(2)
                total = rig.writer.point.position.sequence
            }
            try rig.close()
            rig.disk.crash(.loseUnsynced)
            let reader = try rig.read()
            #expect(reader?.point.position.sequence == total && reader?.endsAtCut == true)
        }
        #expect(total > 100)
    }

    @Test("a torn last frame is ignored, wherever it is torn")
    func tornTailEveryByte() throws {
        let rig = try LogRig()
        try rig.open()
        for _ in 0..<5 { try rig.append(2) }
        try rig.writer.sync()
        let synced = rig.writer.end
        let last = try rig.append(3)
        let path = rig.path(synced.segment)
        let bytes = try #require(rig.disk.contents(path))
        for cut in Int(synced.offset)..<Int(last.offset) {
            for (fill, whole) in [(UInt8(0), true), (0xA5, true), (0, false)] {
                var torn = Array(bytes[..<cut])
                if whole { torn += [UInt8](repeating: fill, count: bytes.count - cut) }
                try rig.disk.setContents(path, torn)
                // Padding that was zero and is zero is not torn.
                let isWhole = fill == 0 && whole && bytes[cut...].allSatisfy { $0 == 0 }
                #expect(try rig.readThrough() == through(rig, isWhole ? last : synced), "cut at \(cut)")
            }
        }
    }

    @Test("of a group torn in the middle no record is read")
    func tornMiddleOfBatch() throws {
        let rig = try LogRig()
        try rig.open()
        try rig.append(1)
        let before = rig.writer.end
        let end = try rig.append(10, valueLength: 100)
        for offset in stride(from: before.offset, to: end.offset, by: 97) {
            let copy = rig.clone()
            try copy.disk.flipBits(copy.path(before.segment), at: offset, mask: 0x40)
            #expect(try copy.readThrough() == through(rig, before))
        }
    }

    @Test("a flipped bit below the last recorded synced mark is an error that names the place")
    func bitFlipInSyncedPart() throws {
        let rig = try LogRig()
        try rig.open()
        for _ in 0..<6 {
            try rig.append(2)
            try rig.writer.sync()
        }
        let synced = rig.writer.synced
        try rig.append(1)
        for offset in 0..<synced.offset {
            // The file ends and begins with bytes of which a few are padding of frames; all are checked.
            try rig.disk.flipBits(rig.path(synced.segment), at: offset, mask: 0x10)
            let code = rig.readFailure()
            #expect(code == .corruption, "byte \(offset)")
            try rig.disk.flipBits(rig.path(synced.segment), at: offset, mask: 0x10)
        }
        #expect(rig.readFailure() == nil)
        try rig.disk.flipBits(rig.path(synced.segment), at: 200, mask: 1)
        do {
            try rig.read()
            Issue.record("no error")
        } catch {
            #expect(error.file == rig.path(synced.segment) && error.offset != nil)
        }
    }

    @Test("after a clean close a flipped bit anywhere in the log is an error")
    func bitFlipAfterCleanClose() throws {
        let rig = try filled()
        try rig.close()
        for segment in rig.segments.live {
            let end = rig.frameEnds.last { $0.0.segment == segment }?.0.offset ?? 128
            for offset in stride(from: 0, to: end, by: 7) {
                try rig.disk.flipBits(rig.path(segment), at: offset)
                #expect(rig.readFailure() == .corruption, "segment \(segment) byte \(offset)")
                try rig.disk.flipBits(rig.path(segment), at: offset)
            }
        }
        #expect(rig.readFailure() == nil)
    }

    @Test("a flipped bit past the last sync ends the log there")
    func bitFlipInUnsyncedTail() throws {
        let rig = try LogRig()
        try rig.open()
        try rig.append(2)
        try rig.writer.sync()
        let synced = rig.writer.end
        for _ in 0..<4 { try rig.append(2) }
        let ends = rig.frameEnds.map(\.0)
        for offset in synced.offset..<rig.writer.end.offset {
            try rig.disk.flipBits(rig.path(synced.segment), at: offset)
            let last = ends.last { $0.offset <= offset }!
            #expect(try rig.readThrough() == through(rig, last))
            try rig.disk.flipBits(rig.path(synced.segment), at: offset)
        }
    }

    @Test("a sector of zeros below a synced mark is an error")
    func zeroPageInSyncedPart() throws {
        let rig = try filled()
        let synced = rig.writer.synced
        for segment in rig.segments.live where segment <= synced.segment {
            let bytes = try #require(rig.disk.contents(rig.path(segment)))
            let used = rig.frameEnds.last { $0.0.segment == segment && $0.0 <= synced }?.0.offset ?? 128
            for page in stride(from: 0, to: Int(used), by: 512) {
                var damaged = bytes
                for index in page..<min(page + 512, damaged.count) { damaged[index] = 0 }
                try rig.disk.setContents(rig.path(segment), damaged)
                #expect(rig.readFailure() == .corruption, "segment \(segment) page \(page)")
            }
            try rig.disk.setContents(rig.path(segment), bytes)
        }
    }

    @Test("zeros are no header, no frame and no record")
    func allZerosNeverParse() throws {
        let zeros = [UInt8](repeating: 0, count: 4096)
        try zeros.withView { (view) throws(EngineError) in
            #expect(
                try SegmentHeader.decode(view, segment: 0, identity: LogIdentity(storeID: Array(zeros[..<16]), seed: 0))
                    == nil)
            #expect(FrameHeader.peek(view, at: .none, room: 4096) == nil)
            #expect(failureCode { () throws(EngineError) in _ = try RecordView(validating: view) } == .corruption)
            var reader = OperationReader(view, operations: 1, firstSequence: 1)
            #expect(failureCode { () throws(EngineError) in _ = try reader.next() } == .corruption)
        }
        let rig = try LogRig()
        try rig.open()
        try rig.disk.setContents(rig.path(rig.floor!), zeros)
        #expect(try rig.readThrough() == 0)
    }

    @Test("the old records of a file that is used again are never read")
    func staleRecordsInReusedFile() throws {
        let rig = try LogRig(firstSize: 4096, fullSize: 4096)
        try rig.open()
        for round in 0..<40 {
            try rig.append(1, valueLength: 300)
            try rig.writer.sync()
            rig.floor = rig.writer.end.segment
            rig.segments.release(below: rig.floor!)
            try rig.prepare()
            let copy = rig.clone()
            copy.disk.crash(.loseUnsynced)
            #expect(try copy.readThrough() == rig.writer.point.position.sequence, "round \(round)")
        }
        // The file in use now was written full by an earlier segment.
        let bytes = try #require(rig.disk.contents(rig.path(rig.writer.end.segment)))
        #expect(bytes[Int(rig.writer.end.offset)...].contains { $0 != 0 } || rig.writer.end.offset > 3000)
        #expect(try rig.directory.segments().count <= 5)
    }

    @Test("whatever order the disk wrote in, all that was synced is read and the rest is a clean end")
    func blocksPersistedOutOfOrder() throws {
        let seed = UInt64.random(in: 0..<1 << 32)
        print("blocksPersistedOutOfOrder seed \(seed)")
        for round in 0..<120 as Range<UInt64> {
            let random = SeededRandom(seed: seed + round)
            let rig = try LogRig(seed: seed + round)
            var acknowledged: SequenceNumber = 0
            for _ in 0..<4 {
                try rig.open()
                #expect(rig.writer.point.position.sequence >= acknowledged, "seed \(seed + round)")
                acknowledged = rig.writer.point.position.sequence
                for _ in 0..<random.below(30) {
                    try rig.append(1 + random.below(3), valueLength: 1 + random.below(400))
                    if random.chance(1, in: 4) {
                        try rig.writer.sync()
                        acknowledged = rig.writer.point.position.sequence
                    }
                    if random.chance(1, in: 3) { _ = try rig.segments.step() }
                }
                rig.disk.crash(.random)
            }
        }
    }

    @Test("a length field cannot make a reader allocate more than the file has, nor stop early what was synced")
    func hugeLengthField() throws {
        let rig = try LogRig()
        try rig.open()
        let first = try rig.append(1)
        let path = rig.path(first.segment)
        let bytes = try #require(rig.disk.contents(path))
        for length in [UInt32.max, 1 << 31, 1 << 30, 1 << 20, 5000] {
            var damaged = bytes
            for index in 0..<4 { damaged[128 + 4 + index] = UInt8(truncatingIfNeeded: length >> UInt32(8 * index)) }
            try rig.disk.setContents(path, damaged)
            #expect(try rig.readThrough() == 0)
        }
        // The same in a record: it is judged by what holds it.
        let group = ByteWriter()
        _ = try LogRig.encode(after: LogRig.origin, valueLength: 3, into: group)
        for (offset, value) in [(0, UInt32.max), (0, 0x7FFF_FFFF), (4, .max), (40, .max), (52, .max), (56, .max)] {
            var record = group.array
            for index in 0..<4 { record[offset + index] = UInt8(truncatingIfNeeded: value >> UInt32(8 * index)) }
            #expect(failureCode { () throws(EngineError) in try RecordTests.read(record) } == .corruption)
        }
    }

    @Test("a repeated, missing or reordered record is an error, though its frame is whole")
    func duplicateOrReorderedRecord() throws {
        for order in [[0, 0, 1, 2], [0, 2, 1], [1, 2], [0, 2], [0, 1, 1], [2]] {
            let rig = try LogRig()
            try rig.open()
            var records: [[UInt8]] = []
            var point = LogRig.origin
            for _ in 0..<3 {
                let buffer = ByteWriter()
                point = try LogRig.encode(after: point, valueLength: 5, into: buffer)
                records.append(buffer.array)
            }
            try order.flatMap { records[$0] }.withView { (view) throws(EngineError) in
                _ = try rig.writer.append(view, last: point.position, lastChain: point.chain)
            }
            #expect(rig.readFailure() == .corruption, "\(order)")
        }
    }

    @Test("the same sequence number with another chain value is another history")
    func otherHistory() throws {
        let rig = try LogRig()
        try rig.open()
        let buffer = ByteWriter()
        let other = HistoryPoint(position: LogRig.origin.position, chain: 43)
        let point = try LogRig.encode(after: other, valueLength: 5, into: buffer)
        _ = try rig.writer.append(buffer.view, last: point.position, lastChain: point.chain)
        #expect(rig.readFailure() == .corruption)
    }

    @Test("an epoch changes only where a record begins it, and only upwards")
    func epochsBegin() throws {
        for (number, parent, isRight) in [
            (2 as UInt32, LogRig.origin, true), (0, LogRig.origin, false),
            (2, HistoryPoint(position: LogRig.origin.position, chain: 0), false),
        ] {
            let rig = try LogRig()
            try rig.open()
            let buffer = ByteWriter()
            let start = RecordEncoder.control(.epochBegin, into: buffer) {
                EpochBegin(nodeID: [UInt8](repeating: 3, count: 16), parent: parent).encode(into: $0)
            }
            let epoch = Epoch(number: number, tag: 9)
            let chain = RecordEncoder.finish(
                buffer, at: start, epoch: epoch, firstSequence: 1, stamp: 0, origin: 0, previousChain: 42)
            _ = try rig.writer.append(
                buffer.view, last: Position(epoch: epoch, sequence: 1), lastChain: chain)
            if isRight {
                let reader = try LogReader(rig.directory, cuts: [], from: rig.floor!, fallback: LogRig.origin)
                #expect(try reader.next()?.type == .epochBegin)
                #expect(try reader.next() == nil && reader.point.position.epoch == epoch)
            } else {
                #expect(rig.readFailure() == .corruption)
            }
        }
    }

    @Test("an empty, cut or laid-out last file is no part of the log")
    func emptyLastFile() throws {
        let rig = try filled()
        let through = rig.writer.point.position.sequence
        for content in [[], [0], [UInt8](repeating: 0, count: 127), [UInt8](repeating: 0, count: 9000)] {
            let copy = rig.clone()
            try copy.disk.setContents(copy.path(999), content)
            #expect(try copy.readThrough() == through)
        }
        // A segment that was begun and got nothing.
        rig.disk.crash(.keepEverything)
        for _ in 0..<3 {
            try rig.open()
            rig.disk.crash(.loseUnsynced)
            #expect(try rig.readThrough() == through)
        }
    }

    @Test("a log whose first segment lost everything in a crash begins where the manifest says")
    func firstSegmentTorn() throws {
        let rig = try filled()
        let point = rig.writer.point
        rig.floor = rig.writer.end.segment
        try rig.writer.sync()
        // Rotate, then lose what the new segment got.
        while rig.writer.end.segment == rig.floor { try rig.append(1, valueLength: 400) }
        let segment = rig.writer.end.segment
        rig.disk.crash(.loseUnsynced)
        let reader = try LogReader(rig.directory, cuts: [], from: segment, fallback: point)
        #expect(try reader.next() == nil && reader.point == point)
        #expect(reader.end == LogLocation(segment: segment, offset: 128))
    }

    @Test("a segment that is missing in the middle is an error, synced marks or not")
    func logMissingInTheMiddle() throws {
        let rig = try filled()
        let live = rig.segments.live
        for segment in live.dropLast() {
            let copy = rig.clone()
            try copy.disk.remove(copy.path(segment))
            #expect(copy.readFailure() == .corruption, "segment \(segment)")
        }
        let unsynced = try LogRig()
        try unsynced.open()
        for _ in 0..<60 { try unsynced.append(1, valueLength: 300) }
        for segment in unsynced.segments.live.dropLast() {
            let copy = unsynced.clone()
            try copy.disk.remove(copy.path(segment))
            #expect(copy.readFailure() == .corruption, "segment \(segment)")
        }
        try rig.close()
        try rig.disk.remove(rig.path(live.last!))
        #expect(rig.readFailure() == .corruption)
    }

    @Test("a cut ends the log within a frame, and what was behind it stays out for good")
    func cutWithinAFrame() throws {
        let rig = try LogRig()
        try rig.open()
        try rig.append(2)
        let firstOfFrame = rig.writer.point
        let probe = ByteWriter()
        let kept = try LogRig.encode(after: firstOfFrame, valueLength: 20, into: probe)
        let end = try rig.append(4)
        for _ in 0..<30 { try rig.append(1, valueLength: 300) }
        try rig.writer.sync()
        // Rewound: the log counts up to the first record of the second frame.
        let resumed = rig.fileNumber()
        rig.cuts.append(
            LogCut(
                segment: end.segment, endOffset: end.offset, through: kept.position.sequence, resumesAt: resumed))
        let reader = try #require(try rig.read())
        #expect(reader.point == kept && reader.end == end && reader.endsAtCut)
        for round in 1...5 as ClosedRange<UInt64> {
            try rig.open()
            try rig.append(1)
            try rig.writer.sync()
            rig.disk.crash(.random)
            let expected = rig.writer.point
            #expect(try rig.read()?.point == expected, "round \(round)")
        }
    }

    @Test("recovery that is itself cut short fifty times loses nothing")
    func crashDuringRecovery() throws {
        let rig = try filled()
        let acknowledged = through(rig, rig.writer.synced)
        rig.disk.crash(.random)
        let found = try rig.readThrough()
        #expect(found >= acknowledged)
        for attempt in 1...50 {
            rig.disk.powerOff(afterCalls: 1 + attempt % 23)
            let cuts = rig.cuts
            _ = failureCode { () throws(EngineError) in try rig.open() }
            // A cut that never reached the manifest.
            if attempt % 2 == 0 { rig.cuts = cuts }
            rig.disk.crash(.random)
            #expect(try rig.readThrough() >= acknowledged, "attempt \(attempt)")
        }
        try rig.open()
        try rig.append(1)
        try rig.close()
        #expect(try rig.readThrough() == rig.writer.point.position.sequence)
    }

    @Test("the log is read twice with the same result")
    func replayTwice() throws {
        let rig = try filled()
        rig.disk.crash(.scattered)
        let first = try #require(try rig.read()), second = try #require(try rig.read())
        #expect(first.point == second.point && first.end == second.end)
    }

    @Test("a segment of another store is refused")
    func otherStore() throws {
        let rig = try filled()
        for identity in [
            LogIdentity(storeID: LogFormatTests.identity.storeID, seed: 99),
            LogIdentity(storeID: [UInt8](repeating: 0, count: 16), seed: LogFormatTests.identity.seed),
        ] {
            let other = LogDirectory(fileSystem: rig.disk, path: "/s", identity: identity)
            #expect(try other.header(of: rig.floor!) == nil)
        }
    }

    @Test("any damage to the files gives an error or a clean, correct beginning of the log")
    func mutationFuzz() throws {
        let seed = UInt64.random(in: 0..<1 << 32)
        print("log mutationFuzz seed \(seed)")
        let random = SeededRandom(seed: seed)
        let rig = try filled()
        let all = rig.writer.point.position.sequence
        let live = rig.segments.live
        var errors = 0
        for _ in 0..<1500 {
            let segment = random.pick(live)
            let path = rig.path(segment)
            let original = try #require(rig.disk.contents(path))
            var bytes = original
            for _ in 0...random.below(3) {
                let at = random.below(bytes.count)
                switch random.below(4) {
                case 0: bytes[at] = UInt8(random.below(256))
                case 1: for index in at..<min(at + 512, bytes.count) { bytes[index] = 0 }
                case 2:
                    let from = random.below(bytes.count)
                    let length = min(random.below(600), bytes.count - max(from, at))
                    for index in 0..<length { bytes[at + index] = original[from + index] }
                default: bytes.removeLast(random.below(bytes.count / 2))
                }
                if bytes.isEmpty { bytes = [0] }
            }
            try rig.disk.setContents(path, bytes)
            do throws(EngineError) {
                #expect(try rig.readThrough() <= all)
            } catch {
                #expect([.corruption, .unsupportedFormat].contains(error.code), "\(error)")
                errors += 1
            }
            try rig.disk.setContents(path, original)
        }
        #expect(errors > 100)
    }
}
