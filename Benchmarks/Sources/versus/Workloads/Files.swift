extension Bench {
    /// `space`: bytes of table files once everything is merged; below the row, what all files take on the disk.
    func space(_ pair: Pair, _ directories: PairDirectories) {
        let rounds = Rounds.measure(
            1, godwit: { Double(pair.godwit.tableBytes) }, peer: { Double(pair.peer.tableBytes) })
        report.add(Row("space", unit: "B", rounds))
        let all = [directories.godwit, directories.peer].map { Double(ProcessCosts.diskBytes($0)).grouped }
        report.note(
            "all files, log segments kept to be written again included: \(all[0]) B with godwit, "
                + "\(all[1]) B with the peer")
    }

    /// `load-sorted`: sorted rows by each engine's own way in, on the disk when it returns.
    func loadSorted(_ rows: Dataset) throws {
        let settings = StoreSettings(memoryBudget: roomyBudget(rows))
        let speed = { [self] (kind: EngineKind) in
            try withFresh(kind, settings) { store in
                let begin = now()
                try store.load(sorted: rows)
                return Double(rows.count) * 1e9 / Double(now() - begin)
            }
        }
        let rounds = try Rounds.measure(
            scale.rounds, godwit: { try speed(.godwit) }, peer: { try speed(.rocksdb) })
        report.add(Row("load-sorted", rounds))
    }

    /// `open-clean`: from the call until the first key is read, after a clean stop.
    func openClean(_ valueLength: Int) throws {
        let rows = Dataset(count: scale.openBytes / (Dataset.keyLength + valueLength), valueLength: valueLength)
        let settings = StoreSettings(memoryBudget: roomyBudget(rows))
        let directories = PairDirectories(godwit: freshDirectory(.godwit), peer: freshDirectory(.rocksdb))
        defer { [directories.godwit, directories.peer].forEach(remove) }
        let pair = try directories.open(settings)
        try pair.each {
            try $0.load(sorted: rows)
            try $0.close()
        }
        let milliseconds = { (kind: EngineKind, path: String) in
            let begin = now()
            let store = try kind.open(path, settings)
            let key = KeyBuffer()
            key.set(existing: rows.count / 2)
            precondition(store.session().get(key.pointer) > 0)
            let time = now() - begin
            try store.close()
            return Double(time) / 1e6
        }
        let rounds = try Rounds.measure(
            scale.rounds + 2, godwit: { try milliseconds(.godwit, directories.godwit) },
            peer: { try milliseconds(.rocksdb, directories.peer) })
        report.add(Row("open-clean", unit: "ms", rounds))
    }
}
