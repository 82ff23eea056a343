import Glibc
import Synchronization
import Testing

@testable import GodwitEngine

/// A memtable driven with arrays.
struct MemtableDriver {
    let memtable: Memtable
    let seed: UInt64 = 0x5EED
    init(capacity: Int = 16 << 20) { memtable = Memtable(capacity: capacity, hashSeed: seed) }

    func insert(_ entry: OwnedEntry) {
        entry.key.withView { key in
            entry.value.withView { value in
                memtable.insert(
                    key: key, hash: key.hash(seed: seed), sequence: entry.sequence, kind: entry.kind,
                    deadline: entry.deadline, value: value)
            }
        }
    }

    func find(_ key: [UInt8], at snapshot: SequenceNumber) -> OwnedEntry? {
        key.withView { key in
            memtable.find(key, hash: key.hash(seed: seed), at: snapshot).map { OwnedEntry($0) }
        }
    }
}

@Suite struct MemtableTests {
    /// Keys that collide in every way: short ones, prefixes of each other, zero bytes, long shared beginnings.
    static func key(_ random: inout TestRandom, spread: Int) -> [UInt8] {
        switch random.below(4) {
        case 0: (0..<random.below(4)).map { _ in UInt8(random.below(2)) }
        case 1: Array("a prefix longer than two words/".utf8) + [0, UInt8(random.below(spread) & 0xFF)]
        case 2: Array(repeating: 0, count: random.below(30))
        default: Array("user:\(random.below(spread))".utf8)
        }
    }

    @Test("an empty memtable has nothing and takes no memory") func empty() throws {
        let driver = MemtableDriver()
        #expect(driver.memtable.isEmpty && driver.memtable.bytesUsed == 0 && driver.memtable.entryCount == 0)
        #expect(driver.find([], at: .max) == nil)
        #expect(try collect(driver.memtable.iterator()).isEmpty)
        #expect(!driver.memtable.hasRangeTombstones && driver.memtable.rangeTombstones.isEmpty)
        driver.memtable.prefetch(hash: 7)
        driver.memtable.prefetchEntry(hash: 7)
    }

    @Test("lookups, snapshots, counters and iterators agree with a plain list") func model() throws {
        var random = TestRandom(seed: testSeed())
        for round in 0..<24 {
            let driver = MemtableDriver()
            var entries: [OwnedEntry] = []
            let spread = [3, 40, 2000][round % 3]
            var sequence: SequenceNumber = 0
            for _ in 0..<random.below(3000) {
                sequence += UInt64(1 + random.below(3))
                let isDelete = random.below(5) == 0
                let entry = OwnedEntry(
                    key: Self.key(&random, spread: spread), sequence: sequence, kind: isDelete ? .delete : .put,
                    deadline: random.below(4) == 0 ? 1 + random.next() % 1000 : 0,
                    value: isDelete ? [] : Array(repeating: UInt8(random.below(256)), count: random.below(40)))
                driver.insert(entry)
                driver.memtable.prefetchEntry(hash: random.next())
                entries.append(entry)
                if random.below(400) == 0 {
                    try checkWalk(driver.memtable.iterator(), entries.sorted(), steps: 20, &random) {
                        Self.key(&$0, spread: spread)
                    }
                }
            }
            let sorted = entries.sorted()
            #expect(try collect(driver.memtable.iterator()) == sorted)
            #expect(try collectBackward(driver.memtable.iterator()) == sorted.reversed())
            try checkWalk(driver.memtable.iterator(), sorted, steps: 300, &random) { Self.key(&$0, spread: spread) }
            let byKey = Dictionary(grouping: entries, by: \.key)
            for _ in 0..<2000 {
                let key = Self.key(&random, spread: spread)
                let snapshot = random.below(3) == 0 ? .max : random.next() % (sequence + 2)
                #expect(driver.find(key, at: snapshot) == byKey[key]?.last { $0.sequence <= snapshot })
            }
            let memtable = driver.memtable
            #expect(memtable.entryCount == entries.count)
            #expect(memtable.tombstoneCount == entries.count { $0.kind == .delete })
            #expect(memtable.expiringCount == entries.count { $0.deadline != 0 })
            #expect(memtable.firstSequence == entries.first?.sequence ?? 0)
            #expect(memtable.lastSequence == entries.last?.sequence ?? 0)
            let deadlines = entries.map(\.deadline).filter { $0 != 0 }
            #expect(memtable.minDeadline == deadlines.min() ?? 0 && memtable.maxDeadline == deadlines.max() ?? 0)
            #expect(memtable.isEmpty == entries.isEmpty)
        }
    }

    @Test("the longest keys and values, and empty ones, come back whole") func limits() throws {
        let driver = MemtableDriver()
        let entries = [
            OwnedEntry(key: [], sequence: 1), OwnedEntry(key: [0], sequence: 2, value: [9]),
            OwnedEntry(key: Array(repeating: 7, count: Memtable.maxKeyLength), sequence: 3, deadline: .max),
            OwnedEntry(
                key: [1], sequence: 4, deadline: 5, value: Array(repeating: 3, count: Memtable.maxValueLength)),
            OwnedEntry(key: Array(repeating: 7, count: Memtable.maxKeyLength - 1), sequence: 5, kind: .delete),
        ]
        for entry in entries { driver.insert(entry) }
        for entry in entries { #expect(driver.find(entry.key, at: .max) == entry) }
        #expect(try collect(driver.memtable.iterator()) == entries.sorted())
    }

    @Test("a batch may pass the capacity") func beyondCapacity() {
        let driver = MemtableDriver(capacity: 1 << 16)
        for sequence in 1...20_000 { driver.insert(OwnedEntry(key: [UInt8(sequence & 7)], sequence: UInt64(sequence))) }
        #expect(driver.memtable.bytesUsed > 1 << 16)
        #expect(driver.find([3], at: .max)?.sequence == 19_995)
    }

    @Test("an iterator outlives its memtable and later inserts do not get in its way")
    func iteratorStays() throws {
        var driver: MemtableDriver? = MemtableDriver()
        for sequence in 1...1000 {
            driver!.insert(OwnedEntry(key: [UInt8(sequence & 0xFF)], sequence: UInt64(sequence)))
        }
        let iterator = driver!.memtable.iterator()
        let before = try collect(iterator)
        for sequence in 1001...2000 {
            driver!.insert(OwnedEntry(key: [UInt8(sequence & 0xFF)], sequence: UInt64(sequence)))
        }
        #expect(try collect(driver!.memtable.iterator()).count == 2000)
        driver = nil
        #expect(try collect(iterator) == before)
    }

    @Test("range deletes cover keys from their sequence number on") func rangeDeletes() {
        let driver = MemtableDriver()
        func delete(_ start: String, _ end: String, _ sequence: SequenceNumber) {
            Array(start.utf8).withView { start in
                Array(end.utf8).withView {
                    driver.memtable.insertRangeDelete(start: start, end: $0, sequence: sequence)
                }
            }
        }
        func covering(_ key: String, _ snapshot: SequenceNumber) -> SequenceNumber {
            Array(key.utf8).withView { driver.memtable.rangeDelete(covering: $0, at: snapshot) }
        }
        delete("b", "a", 1)
        #expect(!driver.memtable.hasRangeTombstones && driver.memtable.lastSequence == 1)
        delete("a", "m", 2)
        let early = driver.memtable.rangeTombstones
        delete("c", "z", 4)
        #expect(covering("d", .max) == 4 && covering("d", 3) == 2 && covering("d", 1) == 0 && covering("z", .max) == 0)
        #expect(early.items.count == 1)
        #expect(driver.memtable.rangeTombstones.items.count == 4)
        #expect(driver.memtable.rangeTombstoneCount == 2)
        #expect(driver.memtable.firstSequence == 1 && driver.memtable.lastSequence == 4)
        #expect(driver.memtable.entryCount == 0 && !driver.memtable.isEmpty && driver.memtable.bytesUsed > 0)
    }

    @Test("readers and iterators see every published entry whole while one thread writes") func concurrentReaders() {
        final class Shared: Sendable {
            let driver = Memtable(capacity: 64 << 20, hashSeed: 3)
            let published = Atomic<UInt64>(0)
            let wrong = Atomic<Int>(0)
            let stop = Atomic<Bool>(false)
            func fail() { wrong.add(1, ordering: .relaxed) }
        }
        let shared = Shared()
        let keys: UInt64 = 700
        let writes: UInt64 = 60_000
        /// The key of a sequence number, and a value that tells both.
        @Sendable func bytes(_ number: UInt64) -> [UInt8] { Array("key \(number % keys)".utf8) }
        onThreads(4) { thread in
            let memtable = shared.driver
            if thread == 0 {
                for sequence in 1...writes {
                    bytes(sequence).withView { key in
                        if sequence % 1000 == 0 {
                            bytes(sequence + 1).withView {
                                memtable.insertRangeDelete(
                                    start: key, end: $0, sequence: sequence)
                            }
                        } else {
                            Array("\(sequence)".utf8).withView { value in
                                memtable.insert(
                                    key: key, hash: key.hash(seed: 3), sequence: sequence, kind: .put,
                                    deadline: sequence, value: value)
                            }
                        }
                    }
                    shared.published.store(sequence, ordering: .releasing)
                }
                shared.stop.store(true, ordering: .releasing)
                return
            }
            var random = TestRandom(seed: UInt64(thread))
            var last = false
            while !last {
                last = shared.stop.load(ordering: .acquiring)
                let snapshot = shared.published.load(ordering: .acquiring)
                if thread == 3 {
                    let iterator = memtable.iterator()
                    var seen: UInt64 = 0
                    var before: OwnedEntry?
                    do {
                        try iterator.seekToFirst()
                        while let entry = iterator.current {
                            let owned = OwnedEntry(entry)
                            if let before, !(before < owned) { shared.fail() }
                            if owned.value != Array("\(owned.sequence)".utf8) { shared.fail() }
                            if owned.sequence <= snapshot { seen += 1 }
                            before = owned
                            try iterator.next()
                        }
                    } catch { shared.fail() }
                    if seen != snapshot - snapshot / 1000 { shared.fail() }
                    usleep(2000)
                    continue
                }
                for _ in 0..<200 where snapshot > keys + 1 {
                    // The newest version at or below the snapshot of a key that was written within the last `keys`
                    // writes.
                    let expected = snapshot - random.next() % keys
                    if expected % 1000 == 0 { continue }
                    bytes(expected).withView { key in
                        memtable.prefetchEntry(hash: key.hash(seed: 3))
                        let found = memtable.find(key, hash: key.hash(seed: 3), at: snapshot)
                        if found?.sequence != expected || found?.value.array != Array("\(expected)".utf8) {
                            shared.fail()
                        }
                        if memtable.rangeDelete(covering: key, at: snapshot) > snapshot { shared.fail() }
                        if memtable.rangeTombstones.maxSequence + 1000 <= snapshot { shared.fail() }
                    }
                }
            }
        }
        #expect(shared.wrong.load(ordering: .relaxed) == 0)
        #expect(shared.driver.entryCount == Int(writes - writes / 1000))
    }
}
