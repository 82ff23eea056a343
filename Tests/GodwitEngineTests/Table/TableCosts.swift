import Glibc
import GodwitSimulation
import Testing

@testable import GodwitEngine

/// Nanoseconds since some moment.
private func now() -> UInt64 {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}

private func report(_ name: String, _ start: UInt64, per count: Int) {
    print("  \(name): \((Double(now() - start) / Double(count) * 10).rounded() / 10) ns")
}

/// Prints what reading and writing a table of a million records costs. Not a check: run it in a release build with
/// `GODWIT_COSTS=1 swift test -c release -Xswiftc -enable-testing --filter tableCosts`.
@Test("what a table of a million records costs", .enabled(if: unsafe getenv("GODWIT_COSTS") != nil))
func tableCosts() throws {
    let records = 1_000_000
    let directory = TemporaryDirectory()
    let files = PosixFileSystem()
    let id = TableID(high: 1, low: 2)
    let seed: UInt64 = 77
    for compression in [Compression.none, .lz4] {
        print("\(records) records of 16 B and 100 B, \(compression)")
        let keys = ByteWriter(capacity: records * 16)
        var words = (0..<records).map { TableFormat.mix(UInt64($0)) }
        words.sort()
        for word in words {
            keys.append(word.bigEndian)
            keys.append(TableFormat.mix(word))
        }
        let path = directory.path + "/table.sst"
        var start = now()
        let writer = TableWriter(
            file: try files.open(path, .create), uniqueID: id, options: TableOptions(compression: compression),
            hashSeed: seed)
        let value = (0..<100).map { UInt8($0 < 50 ? $0 : 7) }
        try value.withView { (value) throws(EngineError) in
            for index in 0..<records {
                let key = keys.view.slice(index * 16, 16)
                try writer.add(Entry(key: key, sequence: 5, kind: .put, deadline: 0, value: value))
            }
        }
        let summary = try writer.finish()
        report("write a record", start, per: records)
        print("  \(summary)")

        let cache = BlockCache(capacity: 256 << 20)
        let reader = TableReader(
            open: path, fileSystem: files, number: 1, uniqueID: id, size: summary.size, cache: cache, hashSeed: seed)
        for (name, order) in [("in random order", 1_999_993), ("in key order", 1)] {
            for pass in ["first", "second", "third"] {
                start = now()
                var sum: UInt64 = 0
                try findAll(reader, keys.view, records, stride: order, &sum)
                report("find \(name), \(pass) time", start, per: records)
            }
        }
        var absent = 0
        start = now()
        try findAbsent(reader, keys.view, records, &absent)
        report("find what is absent", start, per: records)
        #expect(absent == records)
        for pass in ["cached, first", "cached, second"] {
            start = now()
            #expect(try scan(reader, fillCache: true) == records)
            report("scan, \(pass)", start, per: records)
        }
        let other = TableReader(
            open: path, fileSystem: files, number: 1, uniqueID: id, size: summary.size,
            cache: BlockCache(capacity: 0), hashSeed: seed)
        start = now()
        #expect(try scan(other, fillCache: false) == records)
        report("scan past the cache", start, per: records)
        print("  \(cache.statistics)")
        try files.remove(path)
    }
}

@inline(never)
private func findAll(
    _ reader: TableReader, _ keys: ByteView, _ records: Int, stride: Int, _ sum: inout UInt64
) throws(EngineError) {
    var index = 0
    for _ in 0..<records {
        index = (index &+ stride) % records
        let key = keys.slice(index * 16, 16)
        let got = try EpochDomain.read { () throws(EngineError) -> UInt64 in
            var lent = LentBlock()
            let lookup = try reader.find(
                key, hash: key.hash(seed: reader.hashSeed), at: .max, residentOnly: false, lent: &lent)
            guard case .found(let entry) = lookup else { return 0 }
            return UInt64(entry.value[99])
        }
        precondition(got == 7)
        sum &+= got
    }
}

@inline(never)
private func findAbsent(
    _ reader: TableReader, _ keys: ByteView, _ records: Int, _ absent: inout Int
) throws(EngineError) {
    var index = 0
    for _ in 0..<records {
        index = (index &+ 1_999_993) % (records - 1)
        // The last half of one key and the first of another: between the table's keys, and not one of them.
        let key = keys.slice(index * 16 + 8, 16)
        absent += try EpochDomain.read { () throws(EngineError) -> Int in
            var lent = LentBlock()
            let lookup = try reader.find(
                key, hash: key.hash(seed: reader.hashSeed), at: .max, residentOnly: false, lent: &lent)
            if case .absent = lookup { return 1 }
            return 0
        }
    }
}

@inline(never)
private func scan(_ reader: TableReader, fillCache: Bool) throws(EngineError) -> Int {
    let iterator = reader.iterator(fillCache: fillCache)
    try iterator.seekToFirst()
    var count = 0
    while let entry = iterator.current {
        count += entry.value.count == 100 ? 1 : 0
        try iterator.next()
    }
    return count
}
