import GodwitSimulation
import Glibc
import Testing

@testable import GodwitEngine

/// Appending, syncing and segments, and what goes wrong there.
@Suite("Log writer")
struct LogWriterTests {
    @Test("after a sync that failed the writer refuses, though the next sync would succeed")
    func fsyncFailsThenSucceeds() throws {
        let rig = try LogRig()
        try rig.open()
        try rig.append(1)
        try rig.writer.sync()
        let acknowledged = rig.writer.point.position.sequence
        try rig.append(1)
        rig.disk.inject(Fault(.error(EIO), on: .sync, path: ".log"))
        #expect(failureCode { () throws(EngineError) in try rig.writer.sync() } == .poisoned)
        #expect(failureCode { () throws(EngineError) in try rig.writer.sync() } == .poisoned)
        #expect(failureCode { () throws(EngineError) in try rig.append(1) } == .poisoned)
        #expect(rig.writer.isPoisoned)
        rig.disk.crash(.loseUnsynced)
        try rig.open()
        #expect(rig.writer.point.position.sequence == acknowledged)
        try rig.append(1)
        try rig.writer.sync()
    }

    @Test("short and interrupted reads and writes go unnoticed")
    func shortWriteAndEINTR() throws {
        let rig = try LogRig()
        for effect in [FaultEffect.short(1), .short(7), .error(EINTR)] {
            rig.disk.inject(Fault(effect, on: .write, .read, times: 300))
            try rig.open()
            for _ in 0..<10 { try rig.append(2) }
            try rig.close()
            #expect(try rig.readThrough() == rig.writer.point.position.sequence)
            rig.disk.clearFaults()
        }
    }

    @Test("a failed append leaves the log as it was, and the next one takes its place")
    func eioOnAppend() throws {
        for effect in [FaultEffect.error(EIO), .torn(EIO), .torn(ENOSPC)] {
            for valueLength in [20, 3000] {
                let rig = try LogRig(firstSize: 4096, fullSize: 4096)
                try rig.open()
                try rig.append(1)
                let point = rig.writer.point, end = rig.writer.end
                rig.disk.inject(Fault(effect, on: .write, path: ".log"))
                #expect(failureCode { () throws(EngineError) in try rig.append(2) } != nil)
                #expect(rig.writer.point == point && rig.writer.end == end)
                let copy = rig.clone()
                #expect(try copy.readThrough() == point.position.sequence)
                // The second length does not fit, so the log goes on in another segment.
                try rig.append(1, valueLength: valueLength)
                try rig.writer.sync()
                #expect(try rig.readThrough() == rig.writer.point.position.sequence)
            }
        }
    }

    @Test("a disk that fails while segments change loses nothing, and the append is tried again")
    func failureAtEveryCallOfARotation() throws {
        for call in 1...40 {
            let rig = try LogRig(firstSize: 4096, fullSize: 4096)
            try rig.open()
            rig.disk.inject(Fault(.error(call % 2 == 0 ? EIO : ENOSPC), atCall: call))
            for _ in 0..<12 {
                if failureCode({ () throws(EngineError) in try rig.append(1, valueLength: 500) }) != nil {
                    try rig.append(1, valueLength: 500)
                }
            }
            rig.disk.clearFaults()
            try rig.writer.sync()
            rig.disk.crash(.loseUnsynced)
            #expect(try rig.readThrough() == rig.writer.point.position.sequence, "call \(call)")
        }
    }

    @Test("a full disk is a clear error, and appends go on when space is back")
    func diskFull() throws {
        let rig = try LogRig(firstSize: 4096, fullSize: 4096)
        try rig.open()
        rig.disk.capacity = rig.disk.usedSpace + 1000
        #expect(failureCode { () throws(EngineError) in try rig.prepare() } == .diskFull)
        var code: EngineError.Code?
        while code == nil {
            code = failureCode { () throws(EngineError) in try rig.append(1, valueLength: 200) }
        }
        #expect(code == .diskFull)
        #expect(failureCode { () throws(EngineError) in try rig.append(1, valueLength: 2000) } == .diskFull)
        #expect(try rig.directory.segments().count == 1)
        rig.disk.capacity = nil
        try rig.append(1, valueLength: 200)
        try rig.prepare()
        try rig.writer.sync()
        #expect(try rig.readThrough() == rig.writer.point.position.sequence)
    }

    @Test("a frame larger than a segment gets a segment of its own")
    func oversizedFrame() throws {
        let rig = try LogRig()
        try rig.open()
        try rig.append(1)
        try rig.prepare()
        try rig.append(1, valueLength: 100_000)
        try rig.append(1)
        try rig.prepare()
        for _ in 0..<20 { try rig.append(1, valueLength: 300) }
        try rig.writer.sync()
        rig.disk.crash(.loseUnsynced)
        #expect(try rig.readThrough() == rig.writer.point.position.sequence)
        let live = rig.segments.live
        #expect(live == live.sorted())
        let sizes = try live.map { try rig.disk.open(rig.path($0), .read).size() }
        #expect(sizes.filter { $0 > 16384 }.count == 1)
    }

    @Test("segments grow from the first size to the full one, are used again, and no more than needed are kept")
    func segmentsGrowAndAreReused() throws {
        let rig = try LogRig(firstSize: 1024, fullSize: 16384)
        try rig.open()
        var sizes: [UInt64] = []
        for _ in 0..<300 {
            let before = rig.writer.end.segment
            try rig.append(1, valueLength: 200)
            if rig.writer.end.segment != before {
                sizes.append(try rig.disk.open(rig.path(rig.writer.end.segment), .read).size())
                try rig.writer.sync()
                rig.floor = rig.writer.end.segment
                rig.segments.release(below: rig.floor!)
            }
            try rig.prepare()
        }
        #expect(sizes.prefix(3) == [4096, 16384, 16384] && sizes.allSatisfy { $0 <= 16384 })
        #expect(try rig.directory.segments().count <= 2 + rig.options.spares)
        #expect(rig.segments.liveBytes == 16384)
        #expect(try rig.readThrough() == rig.writer.point.position.sequence)
    }

    @Test("a sync covers what was appended before it, in segments left behind too, and no append waits for it")
    func syncOrder() throws {
        let rig = try LogRig()
        try rig.open()
        for _ in 0..<30 { try rig.append(1, valueLength: 300) }
        let end = rig.writer.end
        #expect(rig.writer.synced < end)
        #expect(try rig.writer.sync() == end)
        let syncs = rig.disk.callCount(of: .sync)
        #expect(try rig.writer.sync() == end)
        #expect(rig.disk.callCount(of: .sync) == syncs)
        let acknowledged = rig.writer.point.position.sequence
        // An append in the middle of a sync.
        try rig.append(1)
        let during = rig.writer.end
        nonisolated(unsafe) let shared = rig
        rig.disk.observe { kind, _ in
            guard kind == .sync else { return }
            unsafe shared.disk.observe(nil)
            _ = try? unsafe shared.append(1)
        }
        #expect(try rig.writer.sync() == during)
        #expect(rig.writer.end > during && rig.writer.synced == during)
        rig.disk.crash(.loseUnsynced)
        #expect(try rig.readThrough() >= acknowledged)
    }

    @Test("a segment whose directory entry was not synced cannot be in use")
    func directorySyncOmitted() throws {
        for seed in 0..<20 as Range<UInt64> {
            let rig = try LogRig(seed: seed)
            try rig.open()
            for _ in 0..<40 { try rig.append(1, valueLength: 300) }
            try rig.writer.sync()
            rig.disk.crash(.loseUnsynced)
            #expect(try rig.readThrough() == rig.writer.point.position.sequence)
        }
    }

    @Test("one seed, twice, leaves the same bytes")
    func sameSeedSameDiskBytes() throws {
        func run() throws -> UInt64 {
            let rig = try LogRig(seed: 5)
            for _ in 0..<3 {
                try rig.open()
                for _ in 0..<40 { try rig.append(2, valueLength: 100) }
                try rig.writer.sync()
                try rig.append(2)
                rig.disk.crash(.random)
            }
            return rig.disk.imageDigest
        }
        #expect(try run() == run())
    }
}
