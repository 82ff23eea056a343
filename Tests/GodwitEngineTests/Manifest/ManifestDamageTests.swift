import GodwitSimulation
import Testing

@testable import GodwitEngine

@Suite struct ManifestDamageTests {
    private let directory = "/store"

    /// A store with some edits, and the manifest's name.
    private func store(clean: Bool) throws -> (disk: SimulatedFileSystem, manifest: String, store: ManifestStore) {
        let disk = SimulatedFileSystem(seed: 1)
        let store = try ManifestStore.create(disk, directory, state: Sample.emptyState)
        try store.commit(Sample.everything)
        try store.commit(VersionEdit([.region(12), .end(Sample.point(4, 100))]))
        if clean { try store.markClean() }
        let name = try disk.list(directory).first { $0.hasPrefix("MANIFEST") }!
        return (disk, "\(directory)/\(name)", store)
    }

    private func recover(_ disk: SimulatedFileSystem) throws(EngineError) -> ManifestStore {
        try ManifestStore.recover(disk, directory)
    }

    @Test("an edit torn at any byte is not there, and the store is as before it")
    func manifestTornEditEveryByte() throws {
        let (disk, manifest, store) = try store(clean: false)
        let before = disk.contents(manifest)!
        let expected = Sample.facts(store.state)
        try store.commit(VersionEdit([.createKeyspace(Sample.keyspace(40, "late")), .lastStamp(.max)]))
        let after = disk.contents(manifest)!
        for length in before.count..<after.count {
            for zeros in [false, true] {
                let tail = zeros ? Array(repeating: UInt8(0), count: after.count - length) : []
                try disk.setContents(manifest, Array(after[..<length]) + tail)
                let found = try recover(disk)
                #expect(Sample.facts(found.state) == expected, "cut at \(length)")
                #expect(found.recoveredTornTail == (length > before.count || zeros))
            }
        }
        // The first commit after a torn tail must not stand behind it.
        let torn = try recover(disk)
        try torn.commit(VersionEdit([.region(99)]))
        #expect(try recover(disk).state.region == 99)
        #expect(try !recover(disk).recoveredTornTail)
    }

    @Test("after a clean close a flip of any bit of manifest or CURRENT is an error that names the file")
    func manifestBitFlip() throws {
        let (disk, manifest, _) = try store(clean: true)
        for path in [manifest, "\(directory)/CURRENT"] {
            for offset in disk.contents(path)!.indices {
                for bit in 0..<8 {
                    try disk.flipBits(path, at: UInt64(offset), mask: 1 << bit)
                    let error = #expect(throws: EngineError.self, "\(path) at \(offset)") { try recover(disk) }
                    #expect(error?.code == .corruption)
                    #expect(error?.file?.hasPrefix(directory) == true)
                    try disk.flipBits(path, at: UInt64(offset), mask: 1 << bit)
                }
            }
        }
        #expect(try recover(disk).recoveredClean)
    }

    @Test("after a kill a flip in any edit but the last is an error; in the last it is an error or the state before")
    func bitFlipBeforeTheLastEdit() throws {
        let (disk, manifest, store) = try store(clean: false)
        let synced = disk.contents(manifest)!.count
        let before = Sample.facts(store.state)
        try store.commit(VersionEdit([.region(13)]))
        let after = disk.contents(manifest)!.count
        for offset in 0..<after {
            try disk.flipBits(manifest, at: UInt64(offset), mask: 0x10)
            do throws(EngineError) {
                let found = try recover(disk)
                #expect(offset >= synced && Sample.facts(found.state) == before, "flip at \(offset)")
            } catch {
                #expect(error.code == .corruption)
            }
            try disk.flipBits(manifest, at: UInt64(offset), mask: 0x10)
        }
    }

    @Test("a manifest shorter than CURRENT says, empty, of another number or missing is an error")
    func truncatedOrExchanged() throws {
        let (disk, manifest, _) = try store(clean: true)
        let whole = disk.contents(manifest)!
        for length in stride(from: 0, to: whole.count, by: 3) {
            try disk.setContents(manifest, Array(whole[..<length]))
            let error = #expect(throws: EngineError.self) { try recover(disk) }
            #expect(error?.code == .corruption && error?.file == manifest)
        }
        // A whole manifest of another store under this name.
        let other = SimulatedFileSystem(seed: 2)
        let stranger = ManifestState(storeID: Sample.storeID, hashSeed: 99)
        _ = try ManifestStore.create(other, directory, state: stranger)
        try disk.setContents(manifest, other.contents(manifest)! + whole)
        #expect(throws: EngineError.self) { try recover(disk) }
        // This store's own, under another number.
        let current = disk.contents("\(directory)/CURRENT")!
        try disk.setContents("\(directory)/MANIFEST-000099", whole)
        let writer = ByteWriter()
        try current.withView { (view) throws(EngineError) in
            let old = try ManifestFormat.decodeCurrent(view, file: "CURRENT")
            ManifestFormat.encode(
                ManifestFormat.Current(manifest: 99, length: old.length, checksum: old.checksum), into: writer)
        }
        try disk.setContents("\(directory)/CURRENT", writer.array)
        #expect(throws: EngineError.self) { try recover(disk) }
        try disk.remove("\(directory)/MANIFEST-000099")
        let missing = #expect(throws: EngineError.self) { try recover(disk) }
        #expect(missing?.code == .corruption && missing?.file == "\(directory)/MANIFEST-000099")
    }

    @Test("edits left out, doubled or exchanged are an error")
    func reorderedEdits() throws {
        let (disk, manifest, store) = try store(clean: false)
        try store.commit(VersionEdit([.region(50)]))
        let whole = disk.contents(manifest)!
        try store.commit(VersionEdit([.region(51)]))
        let longer = disk.contents(manifest)!
        let last = Array(longer[whole.count...])
        #expect(last.count == longer.count - whole.count)
        // A doubled edit stands at another offset and does not verify there: a torn tail, and not applied twice.
        try disk.setContents(manifest, longer + last)
        #expect(try recover(disk).state.region == 51)
        // A lost edit leaves a hole with a whole edit behind it.
        for hole in [0, 0xFF] as [UInt8] {
            let size = last.count
            let start = whole.count - size
            try disk.setContents(
                manifest, Array(longer[..<start]) + Array(repeating: hole, count: size) + last)
            #expect(throws: EngineError.self) { try recover(disk) }
        }
    }

    @Test("an unknown format or format level is refused as such")
    func newerFormats() throws {
        let (disk, manifest, _) = try store(clean: true)
        for (path, length) in [(manifest, 56), ("\(directory)/CURRENT", 48)] {
            let original = disk.contents(path)!
            let writer = ByteWriter()
            writer.append(original)
            writer.patch(UInt32(2), at: 8)
            writer.patch(writer.view.slice(0, length - 8).hash(seed: 0), at: length - 8)
            try disk.setContents(path, writer.array)
            let error = #expect(throws: EngineError.self) { try recover(disk) }
            #expect(error?.code == .unsupportedFormat)
            try disk.setContents(path, original)
        }
        var state = Sample.emptyState
        let error = #expect(throws: EngineError.self) { try state.apply(VersionEdit([.formatLevel(2)])) }
        #expect(error?.code == .unsupportedFormat)
    }

    @Test("a mutated manifest gives the state before the damage or an error, never a trap")
    func mutationFuzz() throws {
        let (disk, manifest, store) = try store(clean: false)
        let random = SeededRandom(seed: testSeed("manifest mutation"))
        let original = disk.contents(manifest)!
        let current = disk.contents("\(directory)/CURRENT")!
        let expected = Sample.facts(store.state)
        for _ in 0..<3000 {
            var bytes = original
            for _ in 0...random.below(3) {
                let place = random.below(bytes.count)
                switch random.below(4) {
                case 0: bytes[place] = UInt8(random.below(256))
                case 1: bytes.removeSubrange(place..<min(bytes.count, place + random.within(1...40)))
                case 2: bytes.insert(contentsOf: random.bytes(random.within(1...40)), at: place)
                default: bytes.append(contentsOf: bytes[place...].prefix(random.within(1...200)))
                }
                if bytes.isEmpty { bytes = [0] }
            }
            try disk.setContents(manifest, bytes)
            try disk.setContents(
                "\(directory)/CURRENT", random.chance(1, in: 10) ? random.bytes(random.below(60)) : current)
            do throws(EngineError) {
                let found = try recover(disk)
                if bytes.starts(with: original) { #expect(Sample.facts(found.state) == expected) }
            } catch {
                #expect(error.code == .corruption || error.code == .unsupportedFormat)
            }
        }
    }
}
