extension Bench {
    /// `put-buffered`: every row once in random order into a fresh store. Returns the last round's stores, loaded.
    func putBuffered(_ rows: Dataset, suffix: String = "") throws -> PairDirectories {
        let order = Order.permutation(of: rows.count, seed: 11)
        let settings = StoreSettings(memoryBudget: roomyBudget(rows))
        var kept: [EngineKind: String] = [:]
        let load = { [self] (kind: EngineKind) throws -> Double in
            if let old = kept[kind] { remove(old) }
            let path = freshDirectory(kind)
            kept[kind] = path
            let store = try kind.open(path, settings)
            let outcome = run(store, [order], putOperation(rows, version: 0))
            store.settle()
            try store.close()
            return outcome.perSecond
        }
        let rounds = try Rounds.measure(
            wants("put-buffered") ? scale.rounds : 1, godwit: { try load(.godwit) }, peer: { try load(.rocksdb) })
        let directories = PairDirectories(godwit: kept[.godwit]!, peer: kept[.rocksdb]!)
        guard wants("put-buffered") else { return directories }
        var row = Row("put-buffered" + suffix, rounds)
        let timed = { [self] (kind: EngineKind) in
            try withFresh(kind, settings) { store in
                runTimed(store, [Array(order.prefix(scale.reads))], putOperation(rows, version: 0))
            }
        }
        row.latencies = (try timed(.godwit), try timed(.rocksdb))
        report.add(row)
        return directories
    }

    /// `put-synced-16`: sixteen threads, each put on the disk before the next.
    func putSynced(_ rows: Dataset) throws {
        let settings = StoreSettings(memoryBudget: roomyBudget(rows))
        let each = scale.syncedPuts / 16
        let orders = (0..<16).map { Order.uniform(each, of: rows.count, seed: 100 + UInt64($0)) }
        let operation = putOperation(rows, version: 1, synced: true)
        let speed = { [self] (kind: EngineKind) in
            try withFresh(kind, settings) { run($0, orders, operation).perSecond }
        }
        let rounds = try Rounds.measure(
            scale.rounds, godwit: { try speed(.godwit) }, peer: { try speed(.rocksdb) })
        var row = Row("put-synced-16", threads: 16, rounds)
        let timed = { [self] (kind: EngineKind) in try withFresh(kind, settings) { runTimed($0, orders, operation) } }
        row.latencies = (try timed(.godwit), try timed(.rocksdb))
        report.add(row)
    }
}
