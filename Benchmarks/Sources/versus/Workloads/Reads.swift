extension Bench {
    /// The cached reads of a loaded, compacted pair.
    func cachedReads(_ pair: Pair, _ rows: Dataset, suffix: String = "") {
        let rowsBefore = report.rows.count
        defer { if report.rows.count > rowsBefore { noteMemory(pair) } }
        let uniform = Order.uniform(scale.reads, of: rows.count, seed: 21)
        if wants("get-uniform") {
            compareReads("get-uniform" + suffix, pair, orders: [uniform], getOperation)
            let other = Order.uniform(scale.reads, of: rows.count, seed: 22)
            compareReads("get-uniform" + suffix, pair, orders: [uniform, other], getOperation)
        }
        guard suffix.isEmpty else { return }
        if wants("get-zipfian") {
            let zipfian = Order.zipfian(scale.reads, of: rows.count, seed: 23)
            compareReads("get-zipfian", pair, orders: [zipfian], getOperation)
        }
        if wants("get-sequential") {
            let sequential = Order.sequential(scale.reads, of: rows.count)
            compareReads("get-sequential", pair, orders: [sequential], getOperation)
        }
        if wants("get-absent") {
            compareReads("get-absent", pair, orders: [uniform], absentOperation)
        }
        if wants("multiget-cached") { multiGet("multiget-cached", pair, rows, batches: scale.reads / 100) }
        if wants("scan-full") { scanFull(pair, rows) }
    }

    private func noteMemory(_ pair: Pair) {
        let held = [pair.godwit, pair.peer].map { Double($0.memoryBytes).grouped }
        report.note(
            "memtables, cached blocks, filters and indexes after these reads: \(held[0]) B with godwit, "
                + "\(held[1]) B with the peer")
    }

    /// The uniform and the zipfian read against RocksDB with its other cache.
    func hyperClockReads(_ pair: Pair, _ rows: Dataset) {
        let uniform = Order.uniform(scale.reads, of: rows.count, seed: 21)
        let zipfian = Order.zipfian(scale.reads, of: rows.count, seed: 23)
        for (name, order) in [("get-uniform", uniform), ("get-zipfian", zipfian)] where wants(name) {
            compareReads(name, pair, peer: .rocksdbHyperClock, orders: [order], latencies: false, getOperation)
        }
    }

    /// Batches of 100 keys in random order; counted in keys, latencies of whole batches.
    func multiGet(_ name: String, _ pair: Pair, _ rows: Dataset, batches: Int) {
        let size = 100
        let numbers = Order.uniform(batches * size, of: rows.count, seed: 31)
        let order = (0..<UInt32(batches)).map { $0 }
        let operation = multiGetOperation(rows, numbers, batch: size)
        compareReads(name, pair, orders: [order], weight: size, operation)
    }

    /// `scan-full`: all rows in key order, from the cache; counted in rows.
    private func scanFull(_ pair: Pair, _ rows: Dataset) {
        compareReads("scan-full", pair, orders: [[0]], weight: rows.count, latencies: false) { session, _, _ in
            let (sum, seen) = session.scan(from: nil, limit: .max)
            precondition(seen == rows.count, "scan-full: \(seen) rows of \(rows.count)")
            return sum
        }
    }

    /// `get-memtable`: a million fresh keys, nothing flushed yet.
    func memtableReads(_ valueLength: Int) throws {
        let rows = Dataset(count: min(1_000_000, scale.keys), valueLength: valueLength)
        let settings = StoreSettings(memoryBudget: 3 << 30, memtableSize: 512 << 20)
        let order = Order.permutation(of: rows.count, seed: 12)
        let reads = Order.uniform(scale.reads, of: rows.count, seed: 24)
        try withFresh(.godwit, settings) { godwit in
            try withFresh(.rocksdb, settings) { rocks in
                let pair = Pair(godwit: godwit, peer: rocks)
                pair.each { _ = run($0, [order], putOperation(rows, version: 0)) }
                compareReads("get-memtable", pair, orders: [reads], getOperation)
            }
        }
    }

    /// `get-lmdb`: the same cached reads against LMDB, whose whole data is in memory.
    func lmdbReads(_ godwit: any Store, _ rows: Dataset) throws {
        let reads = Order.uniform(scale.reads, of: rows.count, seed: 25)
        try withFresh(.lmdb, StoreSettings(memoryBudget: 0)) { lmdb in
            try lmdb.load(sorted: rows)
            compareReads("get-lmdb", Pair(godwit: godwit, peer: lmdb), peer: .lmdb, orders: [reads], getOperation)
        }
    }

    /// `multiget-cold`: every block from the disk, past the page cache; filters and indexes fit.
    func coldReads(_ directories: PairDirectories, _ rows: Dataset) throws {
        let settings = StoreSettings(
            memoryBudget: (8 << 20) + rows.bytes / 20, memtableSize: 4 << 20, direct: true)
        let pair = try directories.open(settings)
        multiGet("multiget-cold", pair, rows, batches: 200)
        report.note("Debian's RocksDB is built without io_uring: it reads a batch's blocks one after the other")
        try pair.each { try $0.close() }
    }
}

/// A point read of a key that is not there.
func absentOperation(_ session: any Session, _ key: borrowing KeyBuffer, _ row: Int) -> Int64 {
    key.set(absent: row)
    return session.get(key.pointer)
}

/// A multi-get of the rows that stand in `numbers` from `batch` times the operation's number on. For one thread.
func multiGetOperation(_ rows: Dataset, _ numbers: [UInt32], batch: Int) -> Operation {
    let keys = KeyBatch(batch)
    return { session, _, number in
        for index in 0..<batch { keys.set(index, row: Int(numbers[number * batch + index])) }
        return session.multiGet(keys.pointer, count: batch)
    }
}

/// Room for the keys of a batch.
private final class KeyBatch: @unchecked Sendable {
    let pointer: UnsafeMutableRawPointer

    init(_ count: Int) {
        pointer = .allocate(byteCount: count * Dataset.keyLength, alignment: 16)
    }

    deinit { pointer.deallocate() }

    func set(_ index: Int, row: Int) { KeyBuffer.write(row * 2, to: pointer + index * Dataset.keyLength) }
}
