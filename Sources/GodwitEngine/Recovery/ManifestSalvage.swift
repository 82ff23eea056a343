/// Reads what can still be read of a store's manifests when `ManifestReader` refuses them: every edit that verifies by
/// itself counts, whatever stands between. An edit may be lost, so tables may be known that are gone, and tables may be
/// there that nothing names.
struct ManifestSalvage {
    /// A table as the manifest named it.
    struct Table {
        let keyspace: UInt32
        let level: Int
        var meta: TableMeta
    }

    private(set) var storeID: StoreID?
    private(set) var hashSeed: UInt64?
    private(set) var keyspaces: [UInt32: KeyspaceMeta] = [:]
    private(set) var tables: [UInt64: Table] = [:]
    /// Tables that are named as removed, and not as added again.
    private(set) var removed: Set<UInt64> = []
    private(set) var end = HistoryPoint.start
    private(set) var lastStamp: UInt64 = 0
    /// The highest keyspace id that was ever given.
    private(set) var lastKeyspace: UInt32 = 0
    private(set) var epochHistory: [EpochStart] = []
    private(set) var region: UInt16 = 0
    private(set) var nextFileNumber: UInt64 = 1
    private(set) var logCuts: [LogCut] = []
    private(set) var logFloor: UInt64 = 0
    /// The state exactly as it was, when no edit is missing.
    private(set) var exact: ManifestState?
    /// What is wrong, with file and offset.
    private(set) var damages: [EngineError] = []
    /// The edits that were read.
    private(set) var edits = 0

    /// Reads all manifests of a directory.
    ///
    /// - Parameter seed: A hash seed known from elsewhere, such as a table.
    init(_ fileSystem: any FileSystem, _ directory: String, seed: UInt64? = nil) throws(EngineError) {
        hashSeed = seed
        let names = try fileSystem.list(directory)
        let current = readCurrent(fileSystem, directory)
        let numbers = names.compactMap { name -> UInt64? in
            guard case .manifest(let number)? = FileName(name) else { return nil }
            return number <= current?.manifest ?? .max ? number : nil
        }
        if let named = current?.manifest, !numbers.contains(named) {
            damages.append(
                EngineError(
                    .corruption, "the manifest that CURRENT names is missing",
                    file: FileName.manifest(named).path(in: directory)))
        }
        for number in numbers.sorted() {
            let path = FileName.manifest(number).path(in: directory)
            let bytes: [UInt8]
            do throws(EngineError) {
                let file = try fileSystem.open(path, .read)
                bytes = try file.read(Int(min(file.size(), 4 << 30)), at: 0)
            } catch {
                damages.append(error)
                exact = nil
                continue
            }
            bytes.withView {
                read($0, path, number: number, vouched: number == current?.manifest ? current?.length : nil)
            }
        }
        if let named = current?.manifest, numbers.max() != named { exact = nil }
    }

    private mutating func readCurrent(_ fileSystem: any FileSystem, _ directory: String) -> ManifestFormat.Current? {
        let path = FileName.current.path(in: directory)
        do throws(EngineError) {
            guard try fileSystem.exists(path) else {
                damages.append(EngineError(.corruption, "CURRENT is missing", file: path))
                return nil
            }
            let file = try fileSystem.open(path, .read)
            let bytes = try file.read(Int(min(file.size(), 4096)), at: 0)
            guard bytes.count == ManifestFormat.currentLength else {
                throw EngineError(.corruption, "CURRENT has \(bytes.count) bytes", file: path, offset: 0)
            }
            return try bytes.withView { (view) throws(EngineError) in
                try ManifestFormat.decodeCurrent(view, file: path)
            }
        } catch {
            damages.append(error)
            return nil
        }
    }

    private mutating func read(_ bytes: ByteView, _ path: String, number: UInt64, vouched: UInt64?) {
        exact = nil
        guard let seed = identify(bytes, path) else { return }
        var state = storeID.map { ManifestState(storeID: $0, hashSeed: seed) }
        var offset = ManifestFormat.headerLength
        var previous: UInt64? = bytes.count >= offset ? bytes.load(offset - 8) : nil
        var isFirst = true
        while let place = Self.nextEdit(bytes, offset, seed),
            let edit = ManifestFormat.edit(in: bytes, at: place, hashSeed: seed)
        {
            if place != offset {
                damage("an edit does not verify", path, offset)
                state = nil
                previous = nil
            }
            do throws(EngineError) {
                let changes = try VersionEdit(decoding: edit.payload, file: path, offset: UInt64(place))
                if isFirst, place == ManifestFormat.headerLength { forget() }
                for change in changes.changes { apply(change) }
                if edit.previous != previous {
                    if previous != nil { damage("an edit does not follow the one before it", path, place) }
                    state = nil
                }
                try state?.apply(changes)
                edits += 1
            } catch {
                damages.append(EngineError(error.code, error.message, file: path, offset: UInt64(place)))
                state = nil
            }
            isFirst = false
            previous = edit.checksum
            offset = place + edit.length
        }
        if isFirst { state = nil }
        if let vouched, vouched > UInt64(offset) {
            damage("the manifest is not whole up to byte \(vouched), to where CURRENT vouches for it", path, offset)
            state = nil
        } else if vouched == nil, offset < bytes.count {
            // Without CURRENT a torn tail cannot be told from damage.
            state = nil
        }
        exact = state
    }

    /// Finds out what the manifest is sealed with. A damaged header may still have the right seed: an edit proves it.
    private mutating func identify(_ bytes: ByteView, _ path: String) -> UInt64? {
        do throws(EngineError) {
            let (header, _) = try ManifestFormat.decodeHeader(bytes, file: path)
            storeID = header.storeID
            hashSeed = header.hashSeed
            return header.hashSeed
        } catch {
            damages.append(error)
        }
        guard bytes.count >= ManifestFormat.headerLength else { return nil }
        for candidate in [bytes.load(40, as: UInt64.self), hashSeed].compactMap(\.self)
        where Self.nextEdit(bytes, ManifestFormat.headerLength, candidate) != nil {
            hashSeed = candidate
            // Not proven: the log's segments say whether it is right.
            if storeID == nil { storeID = StoreID(high: bytes.load(24), low: bytes.load(32)) }
            return candidate
        }
        return nil
    }

    /// The place of the first edit that verifies, from `offset` on.
    private static func nextEdit(_ bytes: ByteView, _ offset: Int, _ seed: UInt64) -> Int? {
        var place = offset
        while place + ManifestFormat.editHeaderLength <= bytes.count {
            if ManifestFormat.edit(in: bytes, at: place, hashSeed: seed) != nil { return place }
            place += 1
        }
        return nil
    }

    private mutating func damage(_ what: String, _ path: String, _ offset: Int) {
        damages.append(EngineError(.corruption, what, file: path, offset: UInt64(offset)))
    }

    // MARK: Edits

    /// The first edit of a manifest says everything anew.
    private mutating func forget() {
        keyspaces = [:]
        removed.formUnion(tables.keys)
        tables = [:]
        logCuts = []
        epochHistory = []
    }

    private mutating func apply(_ change: VersionEdit.Change) {
        switch change {
        case .addTable(let keyspace, let level, let meta):
            tables[meta.number] = Table(keyspace: keyspace, level: level, meta: meta)
            removed.remove(meta.number)
        case .removeTable(_, let level, let number):
            // A move adds the table to its new level in the same edit.
            guard tables[number].map({ $0.level == level }) ?? true else { return }
            tables[number] = nil
            removed.insert(number)
        case .setVisibleThrough(_, _, let number, let sequence):
            if let known = tables[number]?.meta.visibleThrough {
                tables[number]?.meta.visibleThrough = min(known, sequence)
            }
        case .createKeyspace(let meta):
            keyspaces[meta.id] = meta
            lastKeyspace = max(lastKeyspace, meta.id)
        case .dropKeyspace(let id):
            keyspaces[id] = nil
            removed.formUnion(tables.filter { $0.value.keyspace == id }.keys)
            tables = tables.filter { $0.value.keyspace != id }
        case .alterKeyspace(let id, let settings): keyspaces[id]?.settings = settings
        case .flushedThrough(let id, let sequence): keyspaces[id]?.flushedThrough = sequence
        case .nextFileNumber(let number): nextFileNumber = max(nextFileNumber, number)
        case .end(let point): end = point
        case .lastStamp(let stamp): lastStamp = max(lastStamp, stamp)
        case .lastKeyspace(let id): lastKeyspace = max(lastKeyspace, id)
        case .rewindPoints, .clean, .formatLevel, .droppedKeyspace: break
        case .beginEpoch(let start): epochHistory.append(start)
        case .epochHistory(let starts): epochHistory = starts
        case .addLogCut(let cut):
            logCuts.removeAll { $0.segment >= cut.segment && $0.segment < cut.resumesAt }
            logCuts.append(cut)
        case .dropLogCut(let segment): logCuts.removeAll { $0.segment == segment }
        case .logFloor(let segment):
            logFloor = max(logFloor, segment)
            logCuts.removeAll { $0.segment < logFloor }
        case .region(let region): self.region = region
        }
    }
}
