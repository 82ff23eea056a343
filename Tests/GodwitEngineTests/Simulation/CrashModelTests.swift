import Glibc
import GodwitSimulation
import Testing

@testable import GodwitEngine

/// Writes bytes through the helpers that the engine uses.
private func write(_ file: any File, _ bytes: [UInt8], at offset: UInt64) throws {
    try bytes.withView { (view) throws(EngineError) in try file.writeFully(view, at: offset) }
}

/// The error a call throws.
private func failure(_ body: () throws -> Void) -> EngineError? {
    do {
        try body()
        return nil
    } catch { return error as? EngineError }
}

@Suite("The simulated disk under crashes and faults")
struct CrashModelTests {
    /// A disk with `/store` and an open, durable, empty file `/store/file` in it.
    private func diskWithFile(seed: UInt64) throws -> (SimulatedFileSystem, any File) {
        let disk = SimulatedFileSystem(seed: seed)
        try disk.createDirectory("/store")
        let file = try disk.open("/store/file", .create)
        try disk.syncDirectory("/store")
        return (disk, file)
    }

    @Test("synced bytes survive every crash", arguments: CrashOutcome.allCases)
    func syncedBytesSurvive(outcome: CrashOutcome) throws {
        for seed in 0..<50 as Range<UInt64> {
            let (disk, file) = try diskWithFile(seed: seed)
            let bytes = SeededRandom(seed: seed).bytes(3_000)
            try write(file, bytes, at: 0)
            try file.sync()
            try write(file, Array(repeating: 7, count: 2_000), at: 3_000)
            disk.crash(outcome)
            let left = try #require(disk.contents("/store/file"))
            let isWhole = Array(left.prefix(3_000)) == bytes
            #expect(isWhole, "seed \(seed)")
            #expect(left.count <= 5_000)
            #expect(left.dropFirst(3_000).allSatisfy { $0 == 7 || $0 == 0 })
        }
    }

    @Test("unsynced bytes are gone, kept, or anything between, as the outcome says")
    func outcomesOfUnsyncedBytes() throws {
        var sizes: Set<Int> = []
        for seed in 0..<100 as Range<UInt64> {
            let (disk, file) = try diskWithFile(seed: seed)
            for index in 0..<4 as Range<UInt64> {
                try write(file, Array(repeating: UInt8(index + 1), count: 700), at: index * 700)
            }
            let lost = disk.clone()
            lost.crash(.loseUnsynced)
            #expect(lost.contents("/store/file") == [])
            let kept = disk.clone()
            kept.crash(.keepEverything)
            #expect(kept.contents("/store/file") == disk.contents("/store/file"))
            disk.crash(.inOrder)
            let left = try #require(disk.contents("/store/file"))
            let isPrefix = try #require(kept.contents("/store/file")).starts(with: left)
            #expect(isPrefix, "seed \(seed)")
            sizes.insert(left.count)
        }
        #expect(sizes.count > 30, "appends are torn at any byte: \(sizes.sorted())")
    }

    @Test("a scattered crash persists later sectors without earlier ones, and tears within a sector")
    func scatteredCrash() throws {
        var outOfOrder = false
        var torn = false
        for seed in 0..<200 as Range<UInt64> {
            let (disk, file) = try diskWithFile(seed: seed)
            try write(file, Array(repeating: 1, count: 2_048), at: 0)
            try file.sync()
            try write(file, Array(repeating: 2, count: 2_048), at: 0)
            disk.crash(.scattered)
            let left = try #require(disk.contents("/store/file"))
            #expect(left.count == 2_048)
            #expect(left.allSatisfy { $0 == 1 || $0 == 2 })
            if left[0] == 1, left[2_047] == 2 { outOfOrder = true }
            for sector in 0..<4 where Set(left[(sector * 512)..<(sector * 512 + 512)]).count == 2 { torn = true }
        }
        #expect(outOfOrder && torn)
    }

    @Test("a file cut without a sync may come back whole")
    func unsyncedTruncation() throws {
        let (disk, file) = try diskWithFile(seed: 1)
        let bytes = SeededRandom(seed: 1).bytes(2_000)
        try write(file, bytes, at: 0)
        try file.sync()
        try file.truncate(to: 100)
        try write(file, [9, 9], at: 100)
        #expect(disk.durableContents("/store/file") == bytes)
        disk.crash(.loseUnsynced)
        #expect(disk.contents("/store/file") == bytes)
    }

    @Test("names are durable only after a sync of their directory")
    func directorySyncOmitted() throws {
        var seen: Set<[String]> = []
        for seed in 0..<200 as Range<UInt64> {
            let disk = SimulatedFileSystem(seed: seed)
            try disk.createDirectory("/store")
            for name in ["a", "b"] {
                let file = try disk.open("/store/" + name, .create)
                try write(file, [1], at: 0)
                try file.sync()
            }
            let lost = disk.clone()
            lost.crash(.loseUnsynced)
            #expect(lost.paths == [])
            disk.crash()
            seen.insert(disk.paths)
        }
        #expect(seen == [[], ["/store/a"], ["/store/b"], ["/store/a", "/store/b"]])
    }

    @Test("a rename is one step: after a crash the target is the old file or the new one")
    func renameIsAtomic() throws {
        var targets: Set<[UInt8]> = []
        for seed in 0..<60 as Range<UInt64> {
            let disk = SimulatedFileSystem(seed: seed)
            try disk.createDirectory("/store")
            try disk.setContents("/store/CURRENT", [1])
            let file = try disk.open("/store/temporary", .create)
            try write(file, [2], at: 0)
            try file.sync()
            try disk.rename("/store/temporary", to: "/store/CURRENT")
            #expect(disk.contents("/store/CURRENT") == [2])
            disk.crash()
            targets.insert(try #require(disk.contents("/store/CURRENT")))
        }
        #expect(targets == [[1], [2]])
    }

    @Test("a rename between directories leaves the file in one of them")
    func renameBetweenDirectories() throws {
        for seed in 0..<40 as Range<UInt64> {
            let disk = SimulatedFileSystem(seed: seed)
            try disk.createDirectory("/a")
            try disk.createDirectory("/b")
            try disk.setContents("/a/x", [1])
            try disk.rename("/a/x", to: "/b/y")
            if seed % 2 == 0 { try disk.syncDirectory("/a") }
            disk.crash()
            #expect(disk.paths == ["/b/y"] || (seed % 2 == 1 && disk.paths == ["/a/x"]), "seed \(seed)")
        }
    }

    @Test("names synced in any order end as readers see them")
    func syncedNamesMatchReaders() throws {
        for seed in 0..<60 as Range<UInt64> {
            let random = SeededRandom(seed: seed)
            let disk = SimulatedFileSystem(seed: seed)
            let directories = ["/a", "/b"]
            for directory in directories { try disk.createDirectory(directory) }
            for _ in 0..<60 {
                let path = random.pick(directories) + "/" + random.pick(["x", "y", "z"])
                let other = random.pick(directories) + "/" + random.pick(["x", "y", "z"])
                switch random.below(5) {
                case 0: _ = try? disk.open(path, .create)
                case 1: try? disk.remove(path)
                case 2: try? disk.rename(path, to: other)
                case 3: try? disk.link(path, to: other)
                default: try disk.syncDirectory(random.pick(directories))
                }
            }
            let seen = disk.paths
            for directory in directories { try disk.syncDirectory(directory) }
            disk.crash()
            #expect(disk.paths == seen, "seed \(seed)")
        }
    }

    @Test("a directory is durable when made, also when it was removed before, and other names are not")
    func directoriesAreDurableWhenMade() throws {
        for seed in 0..<40 as Range<UInt64> {
            let disk = SimulatedFileSystem(seed: seed)
            try disk.createDirectory("/store/sub")
            try disk.removeDirectory("/store/sub")
            _ = try disk.open("/store/x", .create)
            try disk.createDirectory("/store/sub")
            if seed == 0 {
                let lost = disk.clone()
                lost.crash(.loseUnsynced)
                #expect(try lost.list("/store") == ["sub"])
            }
            disk.crash()
            #expect(try disk.exists("/store/sub"), "seed \(seed)")
        }
    }

    @Test("a removed file comes back when the removal was not synced")
    func unsyncedRemoval() throws {
        let (disk, file) = try diskWithFile(seed: 3)
        try write(file, [5, 6], at: 0)
        try file.sync()
        try disk.remove("/store/file")
        #expect(disk.paths == [])
        #expect(try file.read(2, at: 0) == [5, 6])
        disk.crash(.loseUnsynced)
        #expect(disk.contents("/store/file") == [5, 6])
    }

    @Test("handles and locks die in a crash")
    func handlesDie() throws {
        let (disk, file) = try diskWithFile(seed: 4)
        let lock = try disk.lock("/store/LOCK")
        #expect(failure { _ = try disk.lock("/store/LOCK") }?.code == .locked)
        disk.crash()
        #expect(failure { _ = try file.size() }?.code == .io)
        #expect(failure { try file.sync() }?.code == .io)
        #expect(disk.openFiles == 0)
        let next = try disk.lock("/store/LOCK")
        lock.release()
        #expect(failure { _ = try disk.lock("/store/LOCK") }?.code == .locked, "an old lock frees nothing")
        next.release()
    }

    @Test("power goes off in the chosen call and stays off until the crash")
    func powerOff() throws {
        let (disk, file) = try diskWithFile(seed: 5)
        disk.powerOff(afterCalls: 2)
        try write(file, [1], at: 0)
        #expect(failure { try write(file, [2], at: 1) }?.code == .io)
        #expect(disk.isPowerOff)
        #expect(failure { _ = try disk.list("/store") }?.code == .io)
        let kept = disk.clone()
        kept.crash(.keepEverything)
        #expect(kept.contents("/store/file") == [1, 2], "the interrupted write may have reached the disk")
        disk.crash(.loseUnsynced)
        #expect(disk.contents("/store/file") == [])
        #expect(try disk.list("/store") == ["file"])
    }

    @Test("power that goes off in a sync or an open harms nothing else")
    func powerOffInSyncAndOpen() throws {
        let (disk, file) = try diskWithFile(seed: 6)
        try write(file, [1], at: 0)
        disk.powerOff(afterCalls: 1)
        #expect(failure { try file.sync() }?.code == .io)
        let copy = disk.clone()
        copy.crash(.loseUnsynced)
        #expect(copy.contents("/store/file") == [])
        disk.crash(.keepEverything)
        disk.powerOff(afterCalls: 1)
        #expect(failure { _ = try disk.open("/store/new", .create) }?.code == .io)
        #expect(disk.openFiles == 0)
        disk.crash(.keepEverything)
        #expect(disk.paths == ["/store/file", "/store/new"])
    }

    @Test("the Nth call of a kind on a path fails as planned")
    func failsTheNthCall() throws {
        let (disk, file) = try diskWithFile(seed: 7)
        disk.inject(Fault(.error(EIO), on: .write, path: "file", atCall: 2, times: 2))
        disk.inject(Fault(.error(ENOSPC), on: .open, path: ".sst"))
        try write(file, [1], at: 0)
        #expect(failure { try write(file, [1], at: 1) }?.errno == EIO)
        #expect(failure { try write(file, [1], at: 1) }?.code == .io)
        try write(file, [1], at: 1)
        #expect(failure { _ = try disk.open("/store/1.sst", .create) }?.code == .diskFull)
        _ = try disk.open("/store/1.sst", .create)
        disk.inject(Fault(.error(EMFILE)))
        #expect(failure { _ = try disk.exists("/store") }?.errno == EMFILE)
        disk.inject(Fault(.error(EIO), on: .rename, path: "CURRENT"))
        #expect(failure { try disk.rename("/store/1.sst", to: "/store/CURRENT") }?.errno == EIO)
    }

    @Test("reads and writes go on through short counts and interruptions")
    func shortCountsAndInterruptions() throws {
        let (disk, file) = try diskWithFile(seed: 8)
        disk.inject(Fault(.short(3), on: .write, .read, times: 100))
        disk.inject(Fault(.error(EINTR), on: .write, .read, atCall: 101, times: 999))
        let bytes = SeededRandom(seed: 8).bytes(400)
        try write(file, bytes, at: 0)
        #expect(try file.read(400, at: 0) == bytes)
        disk.inject(Fault(.error(EINTR), on: .read, times: 2_000))
        #expect(failure { _ = try file.read(1, at: 0) }?.errno == EINTR)
    }

    @Test("a failed sync drops the data: reads show it, later syncs succeed, a crash loses it")
    func fsyncFailsThenSucceeds() throws {
        let (disk, file) = try diskWithFile(seed: 9)
        try write(file, Array(repeating: 1, count: 1_024), at: 0)
        try file.sync()
        try write(file, Array(repeating: 2, count: 1_024), at: 0)
        disk.inject(Fault(.error(EIO), on: .sync))
        #expect(failure { try file.sync() }?.errno == EIO)
        try write(file, Array(repeating: 3, count: 10), at: 600)
        try file.sync()
        #expect(try file.read(1, at: 0) == [2])
        let evicted = disk.clone()
        evicted.evictDroppedPages()
        disk.crash()
        let left = try #require(disk.contents("/store/file"))
        #expect(left[..<512].allSatisfy { $0 == 1 })
        #expect(Set(left[512...]) == [2, 3], "a sector written again is synced whole")
        let isAsAfterCrash = evicted.contents("/store/file") == left
        #expect(isAsAfterCrash)
    }

    @Test("a torn write stores a part and is refused")
    func tornWrite() throws {
        var sizes: Set<UInt64> = []
        for seed in 0..<40 as Range<UInt64> {
            let (disk, file) = try diskWithFile(seed: seed)
            disk.inject(Fault(.torn(EIO), on: .write))
            #expect(failure { try write(file, Array(repeating: 1, count: 20), at: 0) }?.errno == EIO)
            sizes.insert(try file.size())
        }
        #expect(sizes.count > 5)
    }

    @Test("lost and misdirected writes claim success")
    func lostAndMisdirectedWrites() throws {
        let (disk, file) = try diskWithFile(seed: 10)
        try write(file, [1, 1, 1, 1], at: 0)
        disk.inject(Fault(.lost, on: .write))
        try write(file, [2, 2], at: 3)
        #expect(disk.contents("/store/file") == [1, 1, 1, 1, 0])
        disk.inject(Fault(.misdirected(by: -2), on: .write))
        try write(file, [3], at: 3)
        #expect(disk.contents("/store/file") == [1, 3, 1, 1, 0])
    }

    @Test("flipped bits stay flipped through syncs and crashes")
    func flippedBits() throws {
        let (disk, file) = try diskWithFile(seed: 11)
        try write(file, [0, 0, 0], at: 0)
        try file.sync()
        try write(file, [0, 0, 4], at: 0)
        try disk.flipBits("/store/file", at: 1, mask: 0x81)
        #expect(disk.durableContents("/store/file") == [0, 0x81, 0])
        try file.sync()
        disk.crash()
        #expect(disk.contents("/store/file") == [0, 0x81, 4])
        #expect(failure { try disk.flipBits("/store/file", at: 3) } != nil)
    }

    @Test("a full disk refuses growth, takes overwrites, and recovers when space returns")
    func fullDisk() throws {
        let (disk, file) = try diskWithFile(seed: 12)
        let other = try disk.open("/store/other", .create)
        try write(other, Array(repeating: 0, count: 50), at: 0)
        disk.capacity = 150
        #expect(try disk.freeSpace("/store") == 100)
        #expect(failure { try write(file, Array(repeating: 1, count: 120), at: 0) }?.code == .diskFull)
        #expect(try file.size() == 100, "as much as fits is written")
        try write(file, [2, 2], at: 98)
        #expect(failure { try file.truncate(to: 101) }?.code == .diskFull)
        try disk.remove("/store/other")
        #expect(try disk.freeSpace("/store") == 0, "an open file keeps its space")
        withExtendedLifetime(other) {}
    }

    @Test("space returns when a removed file is closed, and when the disk grows")
    func spaceReturns() throws {
        let (disk, file) = try diskWithFile(seed: 13)
        try write(file, Array(repeating: 0, count: 50), at: 0)
        do {
            let other = try disk.open("/store/other", .create)
            try write(other, Array(repeating: 0, count: 50), at: 0)
            try disk.remove("/store/other")
            #expect(disk.usedSpace == 100)
        }
        #expect(disk.usedSpace == 50)
        disk.capacity = 50
        #expect(failure { try write(file, [1], at: 50) }?.code == .diskFull)
        disk.capacity = 51
        try write(file, [1], at: 50)
    }

    @Test("too many open files are refused, and closing one makes room")
    func tooManyOpenFiles() throws {
        let (disk, file) = try diskWithFile(seed: 14)
        disk.openFilesLimit = 2
        do {
            let second = try disk.open("/store/file", .read)
            #expect(failure { _ = try disk.open("/store/file", .read) }?.errno == EMFILE)
            withExtendedLifetime(second) {}
        }
        #expect(disk.openFiles == 1)
        _ = try disk.open("/store/file", .read)
        withExtendedLifetime(file) {}
    }

    @Test("one seed gives one disk, byte for byte")
    func sameSeedSameDiskBytes() throws {
        func run(_ seed: UInt64) throws -> (bytes: [UInt8], digest: UInt64, trace: [String]) {
            let disk = SimulatedFileSystem(seed: seed)
            disk.isTracing = true
            let random = SeededRandom(seed: 99)
            try disk.createDirectory("/store")
            for round in 0..<6 {
                for index in 0..<5 {
                    let path = "/store/\(round)-\(index)"
                    let file = try disk.open(path, .create)
                    for _ in 0..<8 {
                        try write(file, random.bytes(random.within(1...900)), at: UInt64(random.below(4_000)))
                    }
                    if random.chance(1, in: 2) { try file.sync() }
                    if random.chance(1, in: 3) { try disk.syncDirectory("/store") }
                    if random.chance(1, in: 4) { try disk.remove(path) }
                }
                disk.crash()
            }
            return (disk.snapshotBytes(), disk.imageDigest, disk.trace)
        }
        let first = try run(1)
        let again = try run(1)
        let isSame = first.bytes == again.bytes
        #expect(isSame)
        #expect(first.digest == again.digest)
        #expect(first.trace == again.trace)
        #expect(try run(2).digest != first.digest)
    }

    @Test("a clone goes its own way")
    func cloneIsIndependent() throws {
        let (disk, file) = try diskWithFile(seed: 15)
        try write(file, [1], at: 0)
        let copy = disk.clone(seed: 77)
        #expect(copy.imageDigest == disk.imageDigest)
        try write(file, [2], at: 0)
        #expect(copy.contents("/store/file") == [1])
        #expect(copy.openFiles == 0)
        #expect(try copy.open("/store/file", .read).read(1, at: 0) == [1])
    }

    @Test("an observer sees every call before it happens")
    func observer() throws {
        let (disk, file) = try diskWithFile(seed: 16)
        let clock = SimulatedClock(monotonicNanoseconds: 0)
        disk.observe { kind, path in if kind == .write, path.hasSuffix("file") { clock.advance(nanoseconds: 5) } }
        try write(file, [1], at: 0)
        _ = try file.size()
        #expect(clock.monotonicNanoseconds() == 5)
        #expect(disk.callCount(of: .write) == 1)
        #expect(disk.callCount(of: .size) == 1)
    }
}
