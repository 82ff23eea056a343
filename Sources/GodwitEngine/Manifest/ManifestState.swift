/// What the manifest says at one moment, in memory. A value: whoever holds one sees it unchanged.
struct ManifestState: Sendable, Equatable {
    /// One keyspace and its tables.
    struct Keyspace: Sendable, Equatable {
        /// Name, settings, how far it is flushed.
        fileprivate(set) var meta: KeyspaceMeta
        /// Its tables.
        fileprivate(set) var version: Version
    }

    /// Which store this is.
    let storeID: StoreID
    /// What keys are hashed with, so that no client can choose collisions.
    let hashSeed: UInt64
    /// The region this node's data is in.
    private(set) var region: UInt16 = 0
    /// The format level that the store's data may use.
    private(set) var formatLevel: UInt32 = ManifestFormat.newestLevel
    /// No file has this number or a higher one.
    private(set) var nextFileNumber: UInt64 = 1
    /// The last record known to have been applied.
    private(set) var end: HistoryPoint = .start
    /// The latest hybrid-logical-clock stamp recorded: the clock never goes below it.
    private(set) var lastStamp: UInt64 = 0
    /// The live rewind points, ascending.
    private(set) var rewindPoints: [HistoryPoint] = []
    /// How every epoch of this history began, ascending.
    private(set) var epochHistory: [EpochStart] = []
    /// Where the log was cut, by segment ascending.
    private(set) var logCuts: [LogCut] = []
    /// The segment that recovery begins with.
    private(set) var logFloor: UInt64 = 0
    /// Whether the last edit was that of a clean close.
    private(set) var isClean = false
    /// The highest id that a keyspace has had.
    private(set) var lastKeyspace: UInt32 = 0
    /// The latest of the keyspaces that were dropped, in the order of the drops.
    private(set) var dropped: [DroppedKeyspace] = []
    /// The keyspaces, by id ascending.
    private(set) var keyspaces: [Keyspace] = []

    /// The state of a new store with no keyspaces.
    init(storeID: StoreID, hashSeed: UInt64) {
        self.storeID = storeID
        self.hashSeed = hashSeed
    }

    /// The same data under another store id (a checkpoint that becomes a store of its own).
    init(_ other: ManifestState, storeID: StoreID) throws(EngineError) {
        self.init(storeID: storeID, hashSeed: other.hashSeed)
        try apply(other.snapshotEdit())
    }

    /// The keyspace of this id, or nil.
    func keyspace(_ id: UInt32) -> Keyspace? { place(id).map { keyspaces[$0] } }

    /// The keyspace of this name, or nil.
    func keyspace(named name: String) -> Keyspace? { keyspaces.first { $0.meta.name == name } }

    /// The numbers of all tables, ascending.
    var tableNumbers: [UInt64] { keyspaces.flatMap { $0.version.allTables.map(\.number) }.sorted() }

    private func place(_ id: UInt32) -> Int? {
        var low = 0
        var high = keyspaces.count
        while low < high {
            let middle = (low + high) / 2
            if keyspaces[middle].meta.id < id { low = middle + 1 } else { high = middle }
        }
        return low < keyspaces.count && keyspaces[low].meta.id == id ? low : nil
    }
}

extension ManifestState {
    /// The tables of one level while an edit is applied.
    private struct OpenLevel {
        let keyspace: UInt32
        let level: Int
        var tables: [TableMeta]
        var removed: [UInt64] = []
        var added: [TableMeta] = []

        /// Takes back what a table holds above a sequence number; false when there is no such table.
        mutating func hide(_ number: UInt64, above sequence: SequenceNumber) -> Bool {
            if let index = tables.firstIndex(where: { $0.number == number }) {
                tables[index].visibleThrough = min(tables[index].visibleThrough, sequence)
                return true
            }
            guard let index = added.firstIndex(where: { $0.number == number }) else { return false }
            added[index].visibleThrough = min(added[index].visibleThrough, sequence)
            return true
        }
    }

    /// Applies an edit, all of it or, throwing `.corruption` with what does not hold, none.
    mutating func apply(_ edit: VersionEdit) throws(EngineError) {
        var next = self
        var open: [OpenLevel] = []
        next.isClean = false
        for change in edit.changes { try next.apply(change, &open) }
        for level in open { try next.close(level) }
        self = next
    }

    private mutating func apply(_ change: VersionEdit.Change, _ open: inout [OpenLevel]) throws(EngineError) {
        switch change {
        case .addTable(let keyspace, let level, let table):
            let place = try openLevel(keyspace, level, &open)
            open[place].added.append(table)
        case .removeTable(let keyspace, let level, let number):
            let place = try openLevel(keyspace, level, &open)
            open[place].removed.append(number)
        case .setVisibleThrough(let keyspace, let level, let number, let sequence):
            let place = try openLevel(keyspace, level, &open)
            guard open[place].hide(number, above: sequence) else {
                throw ManifestState.broken("level \(level) of keyspace \(keyspace) has no table \(number)")
            }
        case .createKeyspace(let meta): try create(meta)
        case .lastKeyspace(let id): lastKeyspace = max(lastKeyspace, id)
        case .dropKeyspace(let id):
            let meta = keyspaces.remove(at: try existing(id)).meta
            remember(DroppedKeyspace(id: id, name: meta.name, settings: meta.settings))
            open.removeAll { $0.keyspace == id }
        case .droppedKeyspace(let gone): remember(gone)
        case .alterKeyspace(let id, let settings): keyspaces[try existing(id)].meta.settings = settings
        case .flushedThrough(let id, let sequence): keyspaces[try existing(id)].meta.flushedThrough = sequence
        case .nextFileNumber(let number): nextFileNumber = max(nextFileNumber, number)
        case .end(let point): end = point
        case .lastStamp(let stamp): lastStamp = max(lastStamp, stamp)
        case .rewindPoints(let points):
            try ManifestState.checkAscending(points.map(\.position), "rewind points")
            rewindPoints = points
        case .beginEpoch(let start): try setHistory(epochHistory + [start])
        case .epochHistory(let starts): try setHistory(starts)
        case .addLogCut(let cut): try add(cut)
        case .dropLogCut(let segment): logCuts.removeAll { $0.segment == segment }
        case .logFloor(let segment):
            logFloor = max(logFloor, segment)
            logCuts.removeAll { $0.segment < logFloor }
        case .clean: isClean = true
        case .formatLevel(let level):
            guard level <= ManifestFormat.newestLevel else {
                throw EngineError(
                    .unsupportedFormat,
                    "the store has format level \(level), above \(ManifestFormat.newestLevel): use a newer Godwit")
            }
            formatLevel = level
        case .region(let region): self.region = region
        }
    }

    private mutating func create(_ meta: KeyspaceMeta) throws(EngineError) {
        let length = meta.name.utf8.count
        guard length > 0, length <= ManifestFormat.maximumNameLength else {
            throw ManifestState.broken("the name of keyspace \(meta.id) has \(length) bytes")
        }
        guard meta.id != ManifestFormat.reservedKeyspace, keyspace(meta.id) == nil else {
            throw ManifestState.broken("the id of keyspace \(meta.id) is taken")
        }
        guard keyspace(named: meta.name) == nil else {
            throw ManifestState.broken("the name of keyspace \(meta.id), \(meta.name), is taken")
        }
        let place = keyspaces.firstIndex { $0.meta.id > meta.id } ?? keyspaces.count
        keyspaces.insert(Keyspace(meta: meta, version: Version()), at: place)
        lastKeyspace = max(lastKeyspace, meta.id)
        // In another history the id was another's.
        dropped.removeAll { $0.id == meta.id }
    }

    private mutating func remember(_ gone: DroppedKeyspace) {
        dropped.removeAll { $0.id == gone.id }
        dropped.append(gone)
        if dropped.count > DroppedKeyspace.kept { dropped.removeFirst() }
    }

    private mutating func setHistory(_ starts: [EpochStart]) throws(EngineError) {
        try ManifestState.checkAscending(starts.map(\.start.position), "epochs")
        epochHistory = starts
    }

    private mutating func add(_ cut: LogCut) throws(EngineError) {
        guard cut.segment < cut.resumesAt else {
            throw ManifestState.broken("the log cut of segment \(cut.segment) resumes at \(cut.resumesAt)")
        }
        logCuts.removeAll { $0.segment >= cut.segment && $0.segment < cut.resumesAt }
        logCuts.insert(cut, at: logCuts.firstIndex { $0.segment > cut.segment } ?? logCuts.count)
    }

    private func existing(_ id: UInt32) throws(EngineError) -> Int {
        guard let place = place(id) else { throw ManifestState.broken("there is no keyspace \(id)") }
        return place
    }

    private func openLevel(_ id: UInt32, _ level: Int, _ open: inout [OpenLevel]) throws(EngineError) -> Int {
        if let place = open.firstIndex(where: { $0.keyspace == id && $0.level == level }) { return place }
        let version = keyspaces[try existing(id)].version
        open.append(OpenLevel(keyspace: id, level: level, tables: version.levels[level].tables))
        return open.count - 1
    }

    private mutating func close(_ open: OpenLevel) throws(EngineError) {
        let removed = open.removed.sorted()
        let place = try existing(open.keyspace)
        let present = Set(open.tables.map(\.number))
        guard zip(removed, removed.dropFirst()).allSatisfy({ $0 != $1 }), removed.allSatisfy(present.contains) else {
            throw ManifestState.broken(
                "an edit removes a table that level \(open.level) of keyspace \(open.keyspace) does not have")
        }
        let gone = Set(removed)
        let tables = open.tables.filter { !gone.contains($0.number) } + open.added
        guard Set(tables.map(\.number)).count == tables.count, open.added.allSatisfy({ $0.number > 0 }) else {
            throw ManifestState.broken(
                "an edit adds a table that level \(open.level) of keyspace \(open.keyspace) has already")
        }
        nextFileNumber = max(nextFileNumber, (open.added.map(\.number).max() ?? 0) &+ 1)
        keyspaces[place].version = try keyspaces[place].version.replacing(open.level, with: tables)
    }

    private static func checkAscending(_ positions: [Position], _ what: String) throws(EngineError) {
        for (position, next) in zip(positions, positions.dropFirst()) where position >= next {
            throw broken("\(what) do not ascend: \(next) after \(position)")
        }
    }

    private static func broken(_ what: String) -> EngineError { EngineError(.corruption, what) }
}

extension ManifestState {
    /// The edit that makes this state from an empty one.
    func snapshotEdit() -> VersionEdit {
        var edit = VersionEdit([
            .formatLevel(formatLevel), .region(region), .nextFileNumber(nextFileNumber), .end(end),
            .lastStamp(lastStamp), .rewindPoints(rewindPoints), .epochHistory(epochHistory),
            .logFloor(segment: logFloor),
        ])
        for cut in logCuts { edit.append(.addLogCut(cut)) }
        for keyspace in keyspaces {
            edit.append(.createKeyspace(keyspace.meta))
            for level in keyspace.version.levels {
                edit.add(level.tables, keyspace: keyspace.meta.id, level: level.level)
            }
        }
        for gone in dropped { edit.append(.droppedKeyspace(gone)) }
        // Otherwise the keyspaces tell.
        if lastKeyspace != keyspaces.last?.meta.id ?? 0 { edit.append(.lastKeyspace(lastKeyspace)) }
        if isClean { edit.append(.clean) }
        return edit
    }

    /// Checks what holds across keyspaces and levels: no table stands in two places. Costs a pass over all tables.
    func checkWhole() throws(EngineError) {
        let numbers = tableNumbers
        for (number, next) in zip(numbers, numbers.dropFirst()) where number == next {
            throw ManifestState.broken("table \(number) stands in two places")
        }
    }
}
