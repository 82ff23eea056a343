// The second step: tables.

extension Repair {
    /// All keys of a table.
    func lostRange(_ meta: TableMeta, _ keyspace: String) -> LostRange {
        LostRange(
            keyspace: keyspace, from: meta.smallestKey, through: meta.largestKey,
            file: FileName.table(meta.number).path(in: directory))
    }

    /// Checks each table, and puts what can be read of a damaged one in its place.
    mutating func repairTables(_ manifest: ManifestStore) throws(EngineError) {
        let state = manifest.state
        for keyspace in state.keyspaces { progress.expect(keyspace.version.bytes) }
        var edit = VersionEdit()
        var replaced: [FileName] = []
        for keyspace in state.keyspaces {
            for level in keyspace.version.levels {
                for table in level.tables {
                    progress.begin("checking \(FileName.table(table.number))")
                    defer { progress.pass(table.size) }
                    let reader = RepairMerge.reader(table, directory, fileSystem, state.hashSeed)
                    guard !TableCheck(reader, table).run().isEmpty else { continue }
                    let rebuilt = try rebuild(table, reader, keyspace.meta, state.hashSeed, manifest)
                    edit.remove([table], keyspace: keyspace.meta.id, level: level.level)
                    if let rebuilt { edit.add([rebuilt], keyspace: keyspace.meta.id, level: level.level) }
                    replaced.append(.table(table.number))
                }
            }
        }
        guard !edit.isEmpty else { return }
        try fileSystem.syncDirectory(directory)
        try manifest.commit(edit)
        for name in replaced { try drop(name) }
    }

    /// Writes what can be read of a table as a new one; nil when that is nothing.
    private mutating func rebuild(
        _ table: TableMeta, _ reader: TableReader, _ keyspace: KeyspaceMeta, _ seed: UInt64, _ manifest: ManifestStore
    ) throws(EngineError) -> TableMeta? {
        let name = FileName.table(table.number)
        guard try fileSystem.exists(reader.path) else {
            report.actions.append("\(name) of keyspace `\(keyspace.name)` is missing")
            report.lost.append(lostRange(table, keyspace.name))
            return nil
        }
        do throws(EngineError) {
            _ = try reader.readFooter()
        } catch {
            if error.code == .unsupportedFormat { throw error }
        }
        try keep(name)
        let salvage = TableSalvage(reader)
        var output = RepairOutput(directory, environment, seed, keyspace, number: manifest.allocateFileNumber())
        try salvage.seekToFirst()
        while let entry = salvage.current {
            try output.add(entry)
            try salvage.next()
        }
        for tombstone in salvage.rangeTombstones ?? [] { try output.add(tombstone) }
        var rebuilt = try output.finish()
        // The place among the tables of its level stays.
        rebuilt?.minSequence = table.minSequence
        rebuilt?.maxSequence = table.maxSequence
        rebuilt?.visibleThrough = table.visibleThrough
        rebuilt?.globalSequence = table.globalSequence
        rebuilt?.createdAt = table.createdAt
        for gap in salvage.lost {
            report.lost.append(
                LostRange(
                    keyspace: keyspace.name, from: gap.from ?? table.smallestKey,
                    through: gap.through ?? table.largestKey, file: reader.path))
        }
        var text = "\(name) of keyspace `\(keyspace.name)`: kept \(salvage.entries) of \(table.entries) entries"
        if let rebuilt { text += " as \(FileName.table(rebuilt.number))" }
        if table.rangeTombstones > 0, salvage.rangeTombstones == nil {
            text += "; its range deletes are lost, and what they hid may show again"
            report.lost.append(lostRange(table, keyspace.name))
        }
        report.actions.append(text)
        return rebuilt
    }
}
