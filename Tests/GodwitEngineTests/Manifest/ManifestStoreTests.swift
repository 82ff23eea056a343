import GodwitSimulation
import Testing

@testable import GodwitEngine

/// `EIO`
let ioError: Int32 = 5

@Suite struct ManifestStoreTests {
    let disk = SimulatedFileSystem(seed: 1)
    let directory = "/store"

    private func create(rotationFloor: UInt64 = 1 << 20) throws -> ManifestStore {
        try ManifestStore.create(disk, directory, state: Sample.emptyState, rotationFloor: rotationFloor)
    }

    private func manifests() throws -> [String] {
        try disk.list(directory).filter { $0.hasPrefix("MANIFEST") || $0.hasSuffix(".tmp") }
    }

    @Test("what was committed is there after reopening")
    func commitAndRecover() throws {
        let store = try create()
        let state = try store.commit(Sample.everything)
        #expect(store.state == state)
        disk.crash(.loseUnsynced)
        let again = try ManifestStore.recover(disk, directory)
        #expect(Sample.facts(again.state) == Sample.facts(state))
        #expect(again.state.storeID == Sample.storeID && again.state.hashSeed == Sample.hashSeed)
        #expect(!again.recoveredTornTail)
    }

    @Test("an edit can be made for the state that it meets")
    func editForState() throws {
        let store = try create()
        for id in 1...3 as ClosedRange<UInt32> {
            try store.commit { state in
                VersionEdit([.createKeyspace(Sample.keyspace(UInt32(state.keyspaces.count) + 1, "k\(id)"))])
            }
        }
        #expect(store.state.keyspaces.map(\.meta.id) == [1, 2, 3])
        #expect(throws: EngineError.self) {
            try store.commit { (_) throws(EngineError) in throw EngineError(.notFound, "no such keyspace") }
        }
        #expect(!store.isUnsettled)
    }

    @Test("file numbers never repeat: not after a crash, and not those of files that no edit named")
    func fileNumbers() throws {
        let store = try create()
        let first = store.allocateFileNumber()
        #expect(store.allocateFileNumber() == first + 1)
        _ = try disk.open("/store/000777.log", .create)
        try disk.syncDirectory(directory)
        disk.crash()
        let again = try ManifestStore.recover(disk, directory)
        #expect(again.allocateFileNumber() == 778)
        try again.commit(VersionEdit())
        try disk.remove("/store/000777.log")
        try disk.syncDirectory(directory)
        disk.crash()
        #expect(try ManifestStore.recover(disk, directory).allocateFileNumber() > 778)
    }

    @Test("a manifest that has grown gives way to a new one, and the old one is deleted")
    func rotation() throws {
        let store = try create(rotationFloor: 2000)
        let before = try manifests()
        for number in 0..<200 as Range<UInt64> {
            try store.commit(VersionEdit([.region(UInt16(number)), .end(Sample.point(1, number))]))
            #expect(try manifests().count == 1)
        }
        #expect(try manifests() != before)
        #expect(try disk.open("/store/\(try manifests()[0])", .read).size() < 3000)
        disk.crash(.loseUnsynced)
        #expect(try ManifestStore.recover(disk, directory).state.end == Sample.point(1, 199))
    }

    @Test("a clean close is known as one, and no longer after the next edit")
    func cleanClose() throws {
        let store = try create()
        try store.markClean(VersionEdit([.end(Sample.point(1, 9))]))
        let again = try ManifestStore.recover(disk, directory)
        #expect(again.recoveredClean && again.state.end == Sample.point(1, 9))
        let files = try manifests()
        try again.commit(VersionEdit([.region(3)]))
        #expect(try manifests() == files)
        let third = try ManifestStore.recover(disk, directory)
        #expect(!third.recoveredClean && third.state.region == 3)
        try third.markClean()
        #expect(try ManifestStore.recover(disk, directory).recoveredClean)
    }

    @Test("edits past what CURRENT vouches for are written anew before anything depends on them")
    func uncleanRecoveryRewrites() throws {
        let store = try create()
        try store.commit(VersionEdit([.region(3)]))
        let files = try manifests()
        let again = try ManifestStore.recover(disk, directory)
        #expect(again.isUnsettled)
        try again.commit(VersionEdit([.lastStamp(7)]))
        #expect(!again.isUnsettled)
        #expect(try manifests() != files && manifests().count == 1)
        #expect(try ManifestStore.recover(disk, directory).state.region == 3)
    }

    @Test("reading only writes nothing and refuses to commit")
    func readOnly() throws {
        let store = try create()
        try store.commit(VersionEdit([.region(3)]))
        let digest = disk.imageDigest
        let syncs = disk.callCount(of: .syncDirectory)
        let reader = try ManifestStore.recover(disk, directory, readOnly: true)
        #expect(reader.state.region == 3)
        let error = #expect(throws: EngineError.self) { try reader.commit(VersionEdit()) }
        #expect(error?.code == .unavailable)
        #expect(throws: EngineError.self) { try reader.markClean() }
        #expect(throws: EngineError.self) { try reader.settle() }
        #expect(disk.imageDigest == digest && disk.callCount(of: .syncDirectory) == syncs)
    }

    @Test("no store is made over another, nor beside what is left of one")
    func createRefuses() throws {
        #expect(throws: EngineError.self) { try ManifestStore.recover(disk, directory) }
        try disk.createDirectory(directory)
        let missing = #expect(throws: EngineError.self) { try ManifestStore.recover(disk, directory) }
        #expect(missing?.code == .notFound)
        _ = try create()
        let taken = #expect(throws: EngineError.self) { try create() }
        #expect(taken?.code == .invalidArgument)
        try disk.remove("/store/CURRENT")
        _ = try create()  // Only a manifest was left: a creation that did not finish.
        #expect(try manifests().count == 1)
        try disk.remove("/store/CURRENT")
        _ = try disk.open("/store/000005.sst", .create)
        for error in [
            #expect(throws: EngineError.self) { try create() },
            #expect(throws: EngineError.self) { try ManifestStore.recover(disk, directory) },
        ] { #expect(error?.code == .corruption) }
    }

    @Test("a checkpoint's manifest is made beside the tables that it names")
    func createForCheckpoint() throws {
        var state = Sample.emptyState
        try state.apply(
            VersionEdit([
                .createKeyspace(Sample.keyspace(1, "one")), .addTable(keyspace: 1, level: 6, Sample.table(5, "a", "b")),
            ]))
        try disk.createDirectory(directory)
        _ = try disk.open("/store/000005.sst", .create)
        let store = try ManifestStore.create(disk, directory, state: state)
        #expect(store.allocateFileNumber() > 5)
        #expect(Sample.facts(try ManifestStore.recover(disk, directory).state) == Sample.facts(state))
    }

    @Test("a failed sync gives up the file: the next commit makes another, and the failed edit is gone")
    func failedSync() throws {
        let store = try create()
        try store.commit(VersionEdit([.region(1)]))
        let failed = try manifests()
        disk.inject(Fault(.error(ioError), on: .sync))
        #expect(throws: EngineError.self) { try store.commit(VersionEdit([.region(2)])) }
        #expect(store.isUnsettled && store.state.region == 1)
        try store.commit(VersionEdit([.lastStamp(5)]))
        #expect(!store.isUnsettled)
        #expect(try manifests() != failed && manifests().count == 1)
        disk.crash()
        let again = try ManifestStore.recover(disk, directory)
        #expect(again.state.region == 1 && again.state.lastStamp == 5)
    }

    @Test("settle makes sure that a failed edit does not come back")
    func settle() throws {
        let store = try create()
        disk.inject(Fault(.error(ioError), on: .sync))
        #expect(throws: EngineError.self) { try store.commit(VersionEdit([.region(2)])) }
        try store.settle()
        #expect(!store.isUnsettled)
        let files = try manifests()
        try store.settle()
        #expect(try manifests() == files)
        disk.crash(.keepEverything)
        #expect(try ManifestStore.recover(disk, directory).state.region == 0)
    }

    @Test("a full disk refuses edits, leaves no litter, and takes them again when there is space")
    func diskFullOnManifest() throws {
        let store = try create(rotationFloor: 600)
        try store.commit(VersionEdit([.region(1)]))
        for room in 0..<700 as Range<UInt64> {
            disk.capacity = disk.usedSpace + room
            do throws(EngineError) {
                try store.commit(VersionEdit([.region(UInt16(room) + 2)]))
            } catch {
                #expect(error.code == .diskFull)
                for _ in 0..<3 {
                    #expect(throws: EngineError.self) {
                        disk.capacity = 0
                        try store.commit(VersionEdit())
                    }
                }
                #expect(try manifests().count == 1)
                disk.capacity = nil
                try store.commit(VersionEdit([.lastStamp(room)]))
                #expect(try manifests().count == 1)
            }
            let expected = Sample.facts(store.state)
            let copy = disk.clone(seed: room)
            copy.capacity = nil
            copy.crash()
            #expect(Sample.facts(try ManifestStore.recover(copy, directory).state) == expected)
        }
    }

    @Test("short writes and interruptions are written through")
    func shortWriteAndEINTR() throws {
        let store = try create()
        disk.inject(Fault(.short(7), on: .write, times: 20))
        disk.inject(Fault(.error(4), on: .write, atCall: 3, times: 5))
        try store.commit(VersionEdit([.region(9)]))
        disk.clearFaults()
        disk.crash(.loseUnsynced)
        #expect(try ManifestStore.recover(disk, directory).state.region == 9)
    }

    @Test("commits from several threads are taken one at a time")
    func concurrentCommits() async throws {
        let store = try create(rotationFloor: 4000)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for worker in 1...4 as ClosedRange<UInt32> {
                group.addTask {
                    for count in 0..<50 as Range<UInt32> {
                        let id = worker * 1000 + count
                        try store.commit(VersionEdit([.createKeyspace(Sample.keyspace(id, "k\(id)"))]))
                        _ = store.state.keyspaces.count
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try ManifestStore.recover(disk, directory).state.keyspaces.count == 200)
    }
}
