// The first step: a manifest to work on.

extension Repair {
    /// The manifest, as it is or made anew; in the second case all tables are new too.
    mutating func manifest() throws(EngineError) -> (ManifestStore, isRebuilt: Bool) {
        do throws(EngineError) {
            return (try ManifestStore.recover(fileSystem, directory), false)
        } catch {
            guard error.code == .corruption else { throw error }
        }
        let names = try fileSystem.list(directory).compactMap { FileName($0) }
        var seed = try ManifestSalvage(fileSystem, directory).hashSeed
        for name in names where seed == nil {
            guard case .table = name else { continue }
            seed = (try? TableIdentity(name.path(in: directory), fileSystem))?.properties.hashSeed
        }
        let salvage = try ManifestSalvage(fileSystem, directory, seed: seed)
        if let unsupported = salvage.damages.first(where: { $0.code == .unsupportedFormat }) { throw unsupported }
        guard let seed else {
            throw EngineError(
                .corruption,
                "neither a manifest nor a table can be read, so that nothing can be told from anything: "
                    + "restore a checkpoint", file: directory)
        }
        for name in names {
            switch name {
            case .current, .manifest: try keep(name)
            default: break
            }
        }
        if let state = salvage.exact {
            try drop(.current)
            report.actions.append("wrote CURRENT and the manifest anew; the manifest was whole")
            return (try ManifestStore.create(fileSystem, directory, state: state, isRepair: true), false)
        }
        return (try rebuild(salvage, seed, names), true)
    }

    /// Makes a manifest from what is known, and all tables anew.
    private mutating func rebuild(
        _ salvage: ManifestSalvage, _ seed: UInt64, _ names: [FileName]
    ) throws(EngineError) -> ManifestStore {
        var groups: [KeyspaceID: [TableMeta]] = [:]
        for name in names {
            guard case .table(let number) = name, !salvage.removed.contains(number) else { continue }
            if let known = salvage.tables[number] {
                groups[known.keyspace, default: []].append(known.meta)
            } else if let identity = try? TableIdentity(name.path(in: directory), fileSystem) {
                groups[identity.properties.keyspace, default: []].append(TableMeta(number, identity))
            } else {
                report.actions.append("nothing says which table \(name) is, so that nothing of it can be read")
                report.lost.append(
                    LostRange(keyspace: "unknown", from: nil, through: nil, file: name.path(in: directory)))
            }
        }
        for (number, table) in salvage.tables where !names.contains(.table(number)) {
            // It may have been replaced by one that is here, by an edit that cannot be read.
            report.actions.append("table \(number), which an old edit names, is not there")
            if table.level == 0 || groups[table.keyspace] == nil {
                report.lost.append(lostRange(table.meta, salvage.keyspaces[table.keyspace]?.name ?? "unknown"))
            }
        }
        let keyspaces = keyspaces(salvage, groups.keys.sorted())
        var numbers = (names.compactMap(\.number).max() ?? 0) + 1
        numbers = max(numbers, salvage.nextFileNumber)
        let layout = try LogLayout(fileSystem, directory, seed: seed)
        var changes: [VersionEdit.Change] = [
            .region(salvage.region), .lastStamp(salvage.lastStamp),
            .lastKeyspace(salvage.lastKeyspace),
        ]
        var added = VersionEdit()
        var newest = salvage.end.position.sequence
        for meta in keyspaces {
            changes.append(.createKeyspace(meta))
            let tables = groups[meta.id] ?? []
            guard !tables.isEmpty else { continue }
            var merge = RepairMerge(directory, environment, seed, meta, firstNumber: numbers)
            for table in tables { progress.expect(table.size) }
            progress.begin("merging the tables of keyspace \(meta.name)")
            let made = try merge.run(tables)
            for table in tables { progress.pass(table.size) }
            numbers = merge.nextNumber
            report.lost += merge.lost
            newest = max(newest, merge.newest)
            added.add(made, keyspace: meta.id, level: 1)
            report.actions.append("merged \(tables.count) tables of keyspace `\(meta.name)` into \(made.count)")
        }
        try fileSystem.syncDirectory(directory)
        for name in names { if case .table = name { try setAside(name) } }
        try drop(.current)

        let end =
            newest == salvage.end.position.sequence
            ? salvage.end
            : HistoryPoint(position: Position(epoch: salvage.end.position.epoch, sequence: newest), chain: 0)
        changes += [.nextFileNumber(numbers), .end(end), .epochHistory(Self.ascending(salvage.epochHistory))]
        if let layout {
            changes.append(.logFloor(segment: layout.floor))
            for cut in layout.cuts { changes.append(.addLogCut(cut)) }
        }
        let storeID =
            layout.map { StoreID(bytes: $0.identity.storeID) } ?? salvage.storeID
            ?? StoreID(high: environment.random.next(), low: environment.random.next())
        var state = ManifestState(storeID: storeID, hashSeed: seed)
        try state.apply(VersionEdit(changes + added.changes))
        report.actions.append(
            "wrote the manifest anew, from \(salvage.edits) edits that verify and from what tables say of themselves")
        return try ManifestStore.create(fileSystem, directory, state: state, isRepair: true)
    }

    private static func ascending(_ starts: [EpochStart]) -> [EpochStart] {
        var kept: [EpochStart] = []
        for start in starts where kept.last.map({ $0.start.position < start.start.position }) ?? true {
            kept.append(start)
        }
        return kept
    }

    /// The keyspaces that are known, and one with a made-up name for each that only its tables know. The log is replayed
    /// over all tables, since nobody knows what they hold of it.
    private mutating func keyspaces(_ salvage: ManifestSalvage, _ used: [KeyspaceID]) -> [KeyspaceMeta] {
        var metas = salvage.keyspaces
        for id in used + [0] where metas[id] == nil {
            var name = id == 0 ? "default" : "keyspace-\(id)"
            while metas.values.contains(where: { $0.name == name }) { name += "-recovered" }
            metas[id] = KeyspaceMeta(
                id: id, name: name, createdSequence: 0, settings: KeyspaceSettings(), flushedThrough: 0)
            if id != 0 {
                report.renamedKeyspaces.append(name)
                report.actions.append("the name and settings of keyspace \(id) are lost: it is `\(name)` now")
            }
        }
        return metas.values.sorted { $0.id < $1.id }.map { meta in
            var meta = meta
            meta.flushedThrough = 0
            return meta
        }
    }
}
