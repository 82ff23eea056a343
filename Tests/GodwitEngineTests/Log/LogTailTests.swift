import GodwitSimulation
import Testing

@testable import GodwitEngine

/// Following the log as it grows.
@Suite("Log tail")
struct LogTailTests {
    private func tail(_ rig: LogRig, after point: HistoryPoint) throws(EngineError) -> LogTail {
        try LogTail(rig.directory, cuts: rig.cuts, end: rig.published, after: point)
    }

    /// Checks that the batches a tail hands out are records that continue its point; returns how many there were.
    private func drain(_ tail: LogTail, maxBytes: Int = 1000) throws -> Int {
        var total = 0
        while let batch = try tail.next(maxBytes: maxBytes) {
            #expect(batch.count == 1 || batch.records.count <= maxBytes)
            var run = RecordRun(batch.records)
            var point = batch.first
            var count = 0
            while let record = try run.next() {
                try LogRig.check(record)
                #expect(record.continues(point.chain))
                point = record.point
                count += 1
            }
            #expect(count == batch.count && point == batch.last && tail.point == point)
            total += count
        }
        return total
    }

    @Test("a tail hands out every record once, across segments, as they are published")
    func followsTheLog() throws {
        let rig = try LogRig()
        try rig.open()
        let first = try tail(rig, after: LogRig.origin)
        #expect(try first.next(maxBytes: 10) == nil)
        var appended = 0, read = 0
        for round in 0..<60 {
            for _ in 0..<round % 4 {
                try rig.append(3, valueLength: 60)
                appended += 3
            }
            read += try drain(first, maxBytes: 1 + 300 * (round % 5))
            #expect(read == appended)
        }
        #expect(first.point == rig.writer.point && rig.segments.live.count > 3)
    }

    @Test("what is appended and not published is not handed out")
    func boundedByThePublishedEnd() throws {
        let rig = try LogRig()
        try rig.open()
        try rig.append(2)
        let end = rig.published.location, point = rig.published.point
        let follower = try tail(rig, after: LogRig.origin)
        for _ in 0..<30 {
            try rig.append(2, valueLength: 200)
            rig.published.publish(end, point)
        }
        #expect(try drain(follower) == 2)
        rig.published.publish(rig.writer.end, rig.writer.point)
        #expect(try drain(follower) == 60)
    }

    @Test("a tail resumes after any record, and nowhere else")
    func resumes() throws {
        let rig = try LogRig()
        var points = [LogRig.origin]
        for _ in 0..<3 {
            try rig.open()
            for _ in 0..<12 {
                try rig.append(1, valueLength: 300)
                points.append(rig.writer.point)
            }
            try rig.close()
        }
        for (index, point) in points.enumerated() {
            #expect(try drain(tail(rig, after: point)) == points.count - 1 - index)
            var other = point
            other = HistoryPoint(position: point.position, chain: point.chain ^ 1)
            #expect(failureCode { () throws(EngineError) in _ = try tail(rig, after: other) } == .history)
            other = HistoryPoint(
                position: Position(epoch: Epoch(number: 1, tag: 1), sequence: point.position.sequence),
                chain: point.chain)
            #expect(failureCode { () throws(EngineError) in _ = try tail(rig, after: other) } == .history)
            let inside = Position(epoch: LogRig.epoch, sequence: point.position.sequence + 1)
            if !points.contains(where: { $0.position == inside }) {
                let between = HistoryPoint(position: inside, chain: point.chain)
                #expect(failureCode { () throws(EngineError) in _ = try tail(rig, after: between) } == .history)
            }
        }
    }

    @Test("a point whose log is gone is refused, at the start and under way")
    func noLongerKept() throws {
        let rig = try LogRig(firstSize: 4096, fullSize: 4096)
        try rig.open()
        try rig.append(1)
        let old = rig.writer.point
        let slow = try tail(rig, after: LogRig.origin)
        for _ in 0..<60 { try rig.append(1, valueLength: 300) }
        rig.segments.release(below: rig.writer.end.segment)
        try rig.prepare()
        #expect(failureCode { () throws(EngineError) in _ = try tail(rig, after: old) } == .history)
        let code = failureCode { () throws(EngineError) in
            while try slow.next(maxBytes: 100) != nil {}
        }
        #expect(code == .history)
        #expect(try drain(tail(rig, after: rig.writer.point)) == 0)
    }

    @Test("a follower that is ahead of the log is refused")
    func aheadOfTheLog() throws {
        let rig = try LogRig()
        try rig.open()
        try rig.append(1)
        let ahead = HistoryPoint(
            position: Position(epoch: LogRig.epoch, sequence: rig.writer.point.position.sequence + 1), chain: 1)
        #expect(failureCode { () throws(EngineError) in _ = try tail(rig, after: ahead) } == .history)
    }

    @Test("damage below the published end is an error, not an end")
    func damageIsAnError() throws {
        let rig = try LogRig()
        try rig.open()
        for _ in 0..<5 { try rig.append(1) }
        try rig.disk.flipBits(rig.path(rig.floor!), at: rig.frameEnds[2].0.offset + 60)
        let follower = try tail(rig, after: LogRig.origin)
        let code = failureCode { () throws(EngineError) in
            while try follower.next(maxBytes: 1) != nil {}
        }
        #expect(code == .corruption)
    }

    @Test("a partial follower's log keeps the one sequence and the one chain")
    func partialFollower() throws {
        let primary = try LogRig()
        try primary.open()
        for _ in 0..<40 { try primary.append(1) }
        let follower = try LogRig()
        try follower.open()
        let source = try tail(primary, after: LogRig.origin)
        let group = ByteWriter()
        while let batch = try source.next(maxBytes: 700) {
            LogWriter.begin(group)
            var run = RecordRun(batch.records)
            var before = batch.first
            var skipFrom: HistoryPoint?
            while let record = try run.next() {
                // Keyspace 1 only; every third record has nothing of it.
                let isWanted = record.sections.contains { $0.keyspace == 1 }
                if isWanted {
                    if let from = skipFrom {
                        RecordEncoder.appendSkip(
                            from: from.position.sequence + 1, after: from.chain, to: before, stamp: 0, origin: 0,
                            into: group)
                        skipFrom = nil
                    }
                    #expect(RecordEncoder.appendPartial(of: record, to: group, keeping: { $0 == 1 }))
                } else if skipFrom == nil {
                    skipFrom = before
                }
                before = record.point
            }
            if let from = skipFrom {
                RecordEncoder.appendSkip(
                    from: from.position.sequence + 1, after: from.chain, to: before, stamp: 0, origin: 0, into: group)
            }
            _ = try follower.writer.append(group: group, last: batch.last)
        }
        let reader = try LogReader(
            follower.directory, cuts: [], from: follower.floor!, fallback: LogRig.origin)
        var partial = 0, skips = 0
        while let record = try reader.next() {
            if record.type == .skip { skips += 1 } else if record.isPartial { partial += 1 }
        }
        #expect(reader.point == primary.writer.point && partial > 10 && skips > 5)
    }
}
