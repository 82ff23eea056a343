/// Checks every byte of a store that counts: `CURRENT` and manifest, node id, every table, the log. What is damaged is
/// reported with file and offset, and the check goes on. Used on a store that runs (`Engine.verify`) and on a directory
/// that may not open.
struct Verifier {
    private let directory: String
    private let environment: EngineEnvironment
    private var report = VerificationReport()
    private var progress: ProgressCounter
    private var fileSystem: any FileSystem { environment.fileSystem }

    init(_ directory: String, _ environment: EngineEnvironment, _ listener: ((WorkProgress) -> Void)?) {
        self.directory = directory
        self.environment = environment
        progress = ProgressCounter(total: 0, listener)
    }

    // MARK: A store that runs

    /// Checks the store of an engine. Tables are read as they were when each keyspace's turn came, the log up to where
    /// it was when its turn came.
    mutating func run(_ store: Store, _ side: WriteSide?) throws(EngineError) -> VerificationReport {
        expect(store.manifest.state)
        try store.manifest.quietly { (isUnsettled) throws(EngineError) in
            // What a failed commit left is open, and no damage.
            if !isUnsettled { _ = checkManifest() }
        }
        checkNode()
        for tree in store.allTrees {
            // The view keeps its tables on the disk.
            let view = tree.view
            for level in view.levels {
                for table in level.tables { check(table.reader, table.meta, tree.name) }
            }
        }
        if let side { checkLog(store, side) } else { checkLog(store.manifest.state) }
        return report
    }

    private mutating func checkLog(_ store: Store, _ side: WriteSide) {
        let hold = "verify \(environment.clock.monotonicNanoseconds())"
        side.retention.hold(hold, after: 0)
        defer { side.retention.release(hold) }
        // A floor that moved just before the hold was seen: then the log is read from the new one.
        for _ in 0..<4 {
            let floor = store.manifest.state.logFloor
            var attempt = report
            checkLog(store, side, from: floor, &attempt)
            if attempt.isWhole || store.manifest.state.logFloor == floor {
                report = attempt
                return
            }
        }
    }

    private mutating func checkLog(
        _ store: Store, _ side: WriteSide, from floor: UInt64, _ report: inout VerificationReport
    ) {
        let directory = side.logDirectory
        let limit = side.tail.location
        progress.begin("checking the log")
        do throws(EngineError) {
            let reader = try SegmentReader(floor, in: directory)
            guard let header = try reader.header() else {
                throw EngineError(
                    .corruption, "the segment's header does not verify", file: directory.path(of: floor), offset: 0)
            }
            let cursor = LogCursor(
                reader, header: header, in: directory, cuts: LogCuts(store.manifest.state.logCuts))
            while try cursor.next(limit: limit) != nil { report.records += 1 }
            report.files += cursor.segmentsRead.count
            report.bytes += cursor.location.offset
            guard cursor.location >= limit else {
                throw EngineError(
                    .corruption, "no valid frame here, but the log goes on to \(limit)",
                    file: directory.path(of: cursor.location.segment), offset: cursor.location.offset)
            }
        } catch {
            report.add(error, fallback: directory.path(of: floor))
            report.note(
                error.file ?? directory.path(of: floor),
                readable: "what the log holds is in memory and will be flushed: flush, then verify again")
        }
    }

    // MARK: A directory

    /// Checks a directory in which no store runs. Holds the store's lock.
    mutating func run() throws(EngineError) -> VerificationReport {
        guard try fileSystem.exists(directory), try ManifestReader.exists(fileSystem, directory) else {
            throw EngineError(.notFound, "there is no store in this directory; check the path", file: directory)
        }
        let lock = try fileSystem.lock(FileName.lock.path(in: directory))
        defer { lock.release() }
        let isCheckpoint = try fileSystem.exists(FileName.checkpoint.path(in: directory))
        let hasNode = try fileSystem.exists(FileName.node.path(in: directory))
        if let state = checkManifest() { check(state) } else { try checkWithoutManifest() }
        checkNode()
        if isCheckpoint, !hasNode { checkCheckpoint() }
        return report
    }

    private mutating func check(_ state: ManifestState) {
        expect(state)
        for keyspace in state.keyspaces {
            for table in keyspace.version.allTables { check(table, keyspace.meta.name, state.hashSeed) }
        }
        checkLog(state)
    }

    private mutating func expect(_ state: ManifestState) {
        for keyspace in state.keyspaces { progress.expect(keyspace.version.bytes) }
    }

    private mutating func checkManifest() -> ManifestState? {
        progress.begin("checking the manifest")
        do throws(EngineError) {
            let found = try ManifestReader.recover(fileSystem, directory)
            report.files += 2
            report.bytes += found.length + UInt64(ManifestFormat.currentLength)
            return found.state
        } catch {
            report.add(error, fallback: FileName.current.path(in: directory))
            return nil
        }
    }

    private mutating func checkNode() {
        let path = FileName.node.path(in: directory)
        do throws(EngineError) {
            guard try fileSystem.exists(path) else { return }
            _ = try NodeIdentity.read(in: directory, fileSystem)
            report.files += 1
            report.bytes += try fileSystem.open(path, .read).size()
        } catch {
            report.add(error, fallback: path)
            report.note(path, readable: "all data; without the file the next open makes this a new node")
        }
    }

    private mutating func checkLog(_ state: ManifestState) {
        let identity = LogIdentity(storeID: state.storeID.bytes, seed: state.hashSeed)
        let log = LogDirectory(fileSystem: fileSystem, path: directory, identity: identity)
        LogCheck(log, state).run(&report, &progress)
    }

    private mutating func checkCheckpoint() {
        do throws(EngineError) {
            let checkpoint = try Checkpoint.read(at: directory, environment: environment)
            var found: [EngineError] = []
            progress.expect(checkpoint.bytes)
            try checkpoint.check(in: directory, fileSystem, &progress) { found.append($0) }
            for error in found { report.add(error, fallback: directory) }
        } catch {
            report.add(error, fallback: FileName.checkpoint.path(in: directory))
        }
    }

    // MARK: A directory whose manifest is damaged

    /// Checks what is there by what the files say of themselves.
    private mutating func checkWithoutManifest() throws(EngineError) {
        let first = try ManifestSalvage(fileSystem, directory)
        var seed = first.hashSeed
        let paths = try tablePaths()
        var identities: [UInt64: TableIdentity] = [:]
        for (number, path) in paths {
            identities[number] = try? TableIdentity(path, fileSystem)
            if seed == nil { seed = identities[number]?.properties.hashSeed }
        }
        let salvage = try ManifestSalvage(fileSystem, directory, seed: seed)
        for error in salvage.damages { report.add(error, fallback: directory) }
        let manifest = report.damaged.last?.file ?? directory
        report.note(
            manifest,
            readable: salvage.exact != nil
                ? "all that the manifest says: repair writes it anew"
                : "\(salvage.edits) edits, naming \(salvage.keyspaces.count) keyspaces and \(salvage.tables.count) "
                    + "tables; \(identities.count) of \(paths.count) tables say what they are themselves")
        if let state = salvage.exact { return check(state) }
        for (number, path) in paths where !salvage.removed.contains(number) {
            if let known = salvage.tables[number] {
                let name = salvage.keyspaces[known.keyspace]?.name ?? "keyspace \(known.keyspace)"
                check(known.meta, name, seed ?? 0)
            } else if let identity = identities[number] {
                let name = salvage.keyspaces[identity.properties.keyspace]?.name
                check(
                    TableMeta(number, identity), name ?? "keyspace \(identity.properties.keyspace)",
                    identity.properties.hashSeed)
            } else {
                report.add(
                    path, nil, "nothing says which table this is, so that no block of it can be told from another")
                report.note(path, readable: "nothing")
            }
        }
        guard let seed, let layout = try LogLayout(fileSystem, directory, seed: seed) else { return }
        let log = LogDirectory(fileSystem: fileSystem, path: directory, identity: layout.identity)
        LogCheck(log, layout).run(&report, &progress)
    }

    private func tablePaths() throws(EngineError) -> [(number: UInt64, path: String)] {
        try fileSystem.list(directory).compactMap { name in
            guard case .table(let number)? = FileName(name) else { return nil }
            return (number, directory + "/" + name)
        }
    }

    // MARK: Tables

    private mutating func check(_ meta: TableMeta, _ keyspace: String, _ seed: UInt64) {
        let reader = TableReader(
            open: FileName.table(meta.number).path(in: directory), fileSystem: fileSystem, number: meta.number,
            uniqueID: meta.id, size: meta.size, cache: BlockCache(capacity: 0), hashSeed: seed,
            visibleThrough: meta.visibleThrough, globalSequence: meta.globalSequence)
        check(reader, meta, keyspace)
    }

    private mutating func check(_ reader: TableReader, _ meta: TableMeta, _ keyspace: String) {
        progress.begin("checking \(FileName.table(meta.number))")
        report.files += 1
        report.tables += 1
        report.entries += meta.entries
        report.bytes += meta.size
        let damages = TableCheck(reader, meta).run()
        progress.pass(meta.size)
        guard !damages.isEmpty else { return }
        for damage in damages { report.add(damage, fallback: reader.path) }
        let (readable, lost) = TableCheck.survey(reader, meta, keyspace)
        report.note(reader.path, readable: readable, lost: lost)
    }
}

/// Checks one table against its bytes and against what the manifest says of it.
struct TableCheck {
    private let reader: TableReader
    private let meta: TableMeta

    init(_ reader: TableReader, _ meta: TableMeta) {
        self.reader = reader
        self.meta = meta
    }

    /// All that is wrong with the table; an error of the disk counts as damage.
    func run() -> [EngineError] {
        var found: [EngineError] = []
        do throws(EngineError) {
            try reader.verify { damage in
                found.append(
                    EngineError(
                        .corruption, "\(damage.part): \(damage.problem)", file: damage.file, offset: damage.offset))
            }
            if found.isEmpty { try compare(&found) }
        } catch {
            let text = error.code == .notFound ? "the table is missing" : error.message
            found.append(EngineError(.corruption, text, file: reader.path, offset: error.offset, errno: error.errno))
        }
        return found
    }

    private func compare(_ found: inout [EngineError]) throws(EngineError) {
        let said = try reader.properties().summary
        guard
            said.entries != meta.entries || said.tombstones != meta.tombstones
                || said.rangeTombstones != meta.rangeTombstones || said.smallestKey != meta.smallestKey
                || said.largestKey != meta.largestKey
        else { return }
        found.append(
            EngineError(.corruption, "the manifest says other things of this table than it does", file: reader.path))
    }

    /// What of a damaged table can be read, and between which keys something is lost.
    static func survey(
        _ reader: TableReader, _ meta: TableMeta, _ keyspace: String
    ) -> (readable: String, lost: [LostRange]) {
        let file = reader.path
        func range(_ from: [UInt8]?, _ through: [UInt8]?) -> LostRange {
            LostRange(
                keyspace: keyspace, from: from ?? meta.smallestKey, through: through ?? meta.largestKey, file: file)
        }
        guard (try? reader.file()) != nil else { return ("nothing", [range(nil, nil)]) }
        let salvage = TableSalvage(reader)
        guard (try? salvage.drain()) != nil else { return ("nothing", [range(nil, nil)]) }
        var text = "\(salvage.entries) of \(meta.entries) entries of keyspace `\(keyspace)`"
        if meta.rangeTombstones > 0 {
            text += salvage.rangeTombstones == nil ? "; no range deletes" : "; all range deletes"
        }
        return (text, salvage.lost.map { range($0.from, $0.through) })
    }
}

extension TableMeta {
    /// What a table says of itself; its creation time and what a rewind or an ingest made of it are not in there.
    init(_ number: UInt64, _ identity: TableIdentity) {
        let summary = identity.properties.summary
        self.init(
            number: number, id: identity.footer.id, size: identity.size, smallestKey: summary.smallestKey,
            largestKey: summary.largestKey, minSequence: summary.minSequence, maxSequence: summary.maxSequence,
            entries: summary.entries, tombstones: summary.tombstones, rangeTombstones: summary.rangeTombstones,
            expiring: summary.expiring, minDeadline: summary.minDeadline, maxDeadline: summary.maxDeadline,
            rawBytes: summary.rawBytes, createdAt: 0)
    }
}
