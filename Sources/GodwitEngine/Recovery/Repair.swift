/// Makes a damaged store open again, with all that can still be read. The store's lock is held throughout.
///
/// 1. *Manifest*. Read it; where it does not verify, write it anew: as it was, when only `CURRENT` is damaged; else from
///    the edits that verify and from what tables say of themselves (`RepairMerge`).
/// 2. *Tables*. Check each; of a damaged one, what verifies becomes a new table in its place.
/// 3. *Log*. Where it is damaged, what stands before the damage becomes tables, and the log begins anew after it.
/// 4. *Node id*. A damaged one is set aside; the next open makes another.
///
/// Damaged files are never deleted: each has a second name, or a copy, in `damaged/` before the store forgets it. Every
/// step is one commit of the manifest, so that a repair that was interrupted can be begun again.
struct Repair {
    private let directory: String
    private let environment: EngineEnvironment
    private var progress: ProgressCounter
    private var report = RepairReport()
    private var fileSystem: any FileSystem { environment.fileSystem }
    private var aside: String { directory + "/damaged" }

    init(_ directory: String, _ environment: EngineEnvironment, _ listener: ((WorkProgress) -> Void)?) {
        self.directory = directory
        self.environment = environment
        progress = ProgressCounter(total: 0, listener)
    }

    mutating func run() throws(EngineError) -> RepairReport {
        guard try fileSystem.exists(directory), try ManifestReader.exists(fileSystem, directory) else {
            throw EngineError(.notFound, "there is no store in this directory; check the path", file: directory)
        }
        let lock = try fileSystem.lock(FileName.lock.path(in: directory))
        defer { lock.release() }
        progress.begin("reading the manifest")
        let (manifest, isRebuilt) = try manifest()
        if !isRebuilt { try repairTables(manifest) }
        try repairLog(manifest, always: isRebuilt)
        try repairNode()
        if report.hasRepaired, try fileSystem.exists(FileName.checkpoint.path(in: directory)) {
            // The files are no longer those that it lists.
            try setAside(.checkpoint)
        }
        return report
    }

    // MARK: Setting aside

    /// Gives a file a second name among the damaged ones; a log segment is copied, since its file is used again.
    private mutating func keep(_ name: FileName) throws(EngineError) {
        let path = name.path(in: directory)
        guard try fileSystem.exists(path) else { return }
        try fileSystem.createDirectory(aside)
        var target = "\(aside)/\(name)"
        var attempt = 0
        while try fileSystem.exists(target) {
            attempt += 1
            target = "\(aside)/\(name).\(attempt)"
        }
        if case .segment = name {
            try FileCopy.copy(fileSystem, path, to: target)
        } else {
            try FileCopy.linkOrCopy(fileSystem, path, to: target)
        }
        try fileSystem.syncDirectory(aside)
        report.setAside.append(target)
    }

    private mutating func setAside(_ name: FileName) throws(EngineError) {
        try keep(name)
        try drop(name)
    }

    private func drop(_ name: FileName) throws(EngineError) {
        let path = name.path(in: directory)
        if try fileSystem.exists(path) { try fileSystem.remove(path) }
        try fileSystem.syncDirectory(directory)
    }

    // MARK: 1. The manifest

    private mutating func manifest() throws(EngineError) -> (ManifestStore, isRebuilt: Bool) {
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
                .corruption, "neither a manifest nor a table can be read, so that nothing can be told from anything: "
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

        let end = newest == salvage.end.position.sequence
            ? salvage.end
            : HistoryPoint(position: Position(epoch: salvage.end.position.epoch, sequence: newest), chain: 0)
        changes += [.nextFileNumber(numbers), .end(end), .epochHistory(Self.ascending(salvage.epochHistory))]
        if let layout {
            changes.append(.logFloor(segment: layout.floor))
            for cut in layout.cuts { changes.append(.addLogCut(cut)) }
        }
        changes.append(.lastKeyspace(max(salvage.lastKeyspace, keyspaces.last?.id ?? 0)))
        let storeID = layout.map { StoreID(bytes: $0.identity.storeID) } ?? salvage.storeID
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

    // MARK: 2. Tables

    private func lostRange(_ meta: TableMeta, _ keyspace: String) -> LostRange {
        LostRange(
            keyspace: keyspace, from: meta.smallestKey, through: meta.largestKey,
            file: FileName.table(meta.number).path(in: directory))
    }

    private mutating func repairTables(_ manifest: ManifestStore) throws(EngineError) {
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

    // MARK: 3. The log

    private mutating func repairLog(_ manifest: ManifestStore, always: Bool) throws(EngineError) {
        let state = manifest.state
        guard state.logFloor != 0 else { return }
        let identity = LogIdentity(storeID: state.storeID.bytes, seed: state.hashSeed)
        let log = LogDirectory(fileSystem: fileSystem, path: directory, identity: identity)
        var found = VerificationReport()
        let behind = LogCheck(log, state).run(&found, &progress)
        guard behind != nil || always else { return }

        progress.begin("turning the log into tables")
        var options = EngineOptions()
        options.mode = .openExisting
        let store = Store(
            directory: directory, options: options, environment: environment, events: EventHub(), manifest: manifest)
        let parts = OpenSequence.parts(store)
        let replayed = try LogReplay(parts).runToDamage()
        let point = replayed.point
        if let damage = replayed.damage {
            let first = damage.file.flatMap { LogFormat.segment(named: String($0.split(separator: "/").last ?? "")) }
            for segment in try log.segments() where segment >= first ?? state.logFloor { try keep(.segment(segment)) }
            report.actions.append(
                "cut the log after sequence number \(replayed.reached): \(damage.message) "
                    + "(\(damage.file ?? directory) at byte \(damage.offset ?? 0)); what was before is in tables now")
            let last = max(behind ?? 0, state.end.position.sequence)
            let kept = max(replayed.reached, state.keyspaces.map(\.meta.flushedThrough).min() ?? 0)
            if last > kept { report.lostRecords = kept + 1...last }
        } else {
            report.actions.append("turned the log up to sequence number \(point.position.sequence) into tables")
        }
        let segments = try LogSegments(log, nextFileNumber: { () throws(EngineError) in manifest.allocateFileNumber() })
        let writer = try LogWriter(segments, in: log, after: point)
        var edit = VersionEdit([
            .end(point), .lastStamp(store.clock.stamp()), .rewindPoints([]), .logFloor(segment: writer.end.segment),
        ])
        for keyspace in manifest.state.keyspaces {
            edit.append(.flushedThrough(keyspace: keyspace.meta.id, point.position.sequence))
        }
        try manifest.commit(edit)
    }

    // MARK: 4. The node id

    private mutating func repairNode() throws(EngineError) {
        guard try fileSystem.exists(FileName.node.path(in: directory)) else { return }
        do throws(EngineError) {
            _ = try NodeIdentity.read(in: directory, fileSystem)
        } catch {
            guard error.code == .corruption else { throw error }
            try setAside(.node)
            report.actions.append("set the damaged node id aside: the next open makes this a new node")
        }
    }
}
