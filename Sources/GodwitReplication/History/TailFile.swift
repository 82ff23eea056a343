internal import GodwitEngine

/// What a node had in excess of the history that went on: a file in `replication/tails`, named after the end of the
/// tail. Durable before the node goes back. All integers are little-endian:
///
///     0     4   magic "GWTL"
///     4     4   format, 1
///     8     16  node id
///     24    24  fork: epoch number u32, tag u32, sequence u64, chain u64
///     48    24  end, as the fork
///     72    8   the sequence number after which records are kept: the fork's, unless the log no longer reached back
///     80    8   bytes of records
///     88    8   XXH3-64 of the records, seed 0
///     96    8   XXH3-64 of bytes 0 ..< 96, seed 0
///     104       the records as they stood in the log
///
/// The report that the primary gives stands beside it, under the same name with `.report`.
struct TailFile {
    static let magic: UInt32 = 0x4C54_5747
    static let headerLength = 104
    private static let piece = 1 << 20

    let name: String
    let header: TailHeader
    let length: UInt64
    /// What the records hash to.
    private let hash: UInt64
    private let path: String

    static func directory(_ core: ReplicaCore) -> String { core.home + "/tails" }

    static func name(_ end: HistoryPoint) -> String {
        let epoch = end.position.epoch
        return "\(epoch.number).\(StoredText.hex(UInt64(epoch.tag), 8))-\(end.position.sequence)"
    }

    /// Names of tails, or of their reports, the oldest first: by the position that they end at.
    static func inOrder(_ names: [String]) -> [String] {
        names.compactMap { name in end(name).map { (name, end: $0) } }.sorted { $0.end < $1.end }.map(\.0)
    }

    private static func end(_ name: String) -> Position? {
        let parts = (name.hasSuffix(".report") ? name.dropLast(7) : name[...]).split(separator: "-")
        return parts.count == 2 ? Position("\(parts[0])@\(parts[1])") : nil
    }

    // MARK: Saving

    /// Whether a tail is there that is whole and begins no later: it was saved before, on the way back to this fork or an
    /// earlier one. A damaged or unreadable one is put aside as `NAME.damaged`: the log still has what it held.
    private static func isSaved(
        _ name: String, _ core: ReplicaCore, from fork: HistoryPoint
    ) throws(EngineError) -> Bool {
        let path = directory(core) + "/" + name
        guard try core.fileSystem.exists(path) else { return false }
        do throws(EngineError) {
            let tail = try TailFile(name, core)
            guard tail.header.fork.position.sequence <= fork.position.sequence else { return false }
            try tail.checkRecords(core.fileSystem)
            return true
        } catch {
            guard error.code == .corruption || error.code == .io else { throw error }
            core.failed("read a saved tail, which is saved again", error)
            try core.fileSystem.rename(path, to: path + ".damaged")
            core.damagedTails.remove(name)
            return false
        }
    }

    /// Saves the records after a point, unless nobody wrote any of them.
    static func save(_ core: ReplicaCore, _ engine: Engine, after fork: HistoryPoint) throws(EngineError) {
        let feed = try feed(engine, after: fork)
        let directory = directory(core)
        try core.fileSystem.createDirectory(directory)
        let end = engine.historyPoint
        let path = directory + "/" + name(end)
        if try isSaved(name(end), core, from: fork) { return }
        let temporary = path + ".tmp"
        if try core.fileSystem.exists(temporary) { try core.fileSystem.remove(temporary) }
        let file = try core.fileSystem.open(temporary, .create)
        let hash = ContentHash()
        var length: UInt64 = 0
        let keptAfter = feed?.point.position.sequence ?? end.position.sequence
        var hasBatches = keptAfter > fork.position.sequence
        while let feed, feed.point.position.sequence < end.position.sequence {
            let records = try feed.next(maxBytes: piece) { records, _ in records.array }
            guard let records else { break }
            try records.withView { (view) throws(EngineError) in
                hash.update(view)
                try file.writeFully(view, at: UInt64(headerLength) + length)
                if !hasBatches { hasBatches = try contains(view) }
            }
            length += UInt64(records.count)
        }
        guard hasBatches else { return try core.fileSystem.remove(temporary) }
        let header = TailHeader(node: core.node, fork: fork, end: end, keptAfter: keptAfter)
        try encode(header, length, hash.digest).withView { (view) throws(EngineError) in
            try file.writeFully(view, at: 0)
        }
        try file.sync()
        // A report on less than this tail is none on this one.
        if try core.fileSystem.exists(path + ".report") { try core.fileSystem.remove(path + ".report") }
        try core.fileSystem.rename(temporary, to: path)
        try core.fileSystem.syncDirectory(directory)
    }

    /// The log after the fork, or what there is of it.
    private static func feed(_ engine: Engine, after fork: HistoryPoint) throws(EngineError) -> RecordFeed? {
        do throws(EngineError) {
            return try RecordFeed(engine, after: fork, nil)
        } catch {
            guard error.code == .history else { throw error }
        }
        guard let start = engine.logStart, start.position.sequence > fork.position.sequence else { return nil }
        return try? RecordFeed(engine, after: start, nil)
    }

    /// Whether any of the records is somebody's write.
    private static func contains(_ records: ByteView) throws(EngineError) -> Bool {
        var run = RecordRun(records)
        while let record = try run.next() {
            switch record.type {
            case .epochBegin, .marker, .skip, .ingestChunk: continue
            case .batch, .keyspaceCreate, .keyspaceDrop, .keyspaceAlter, .ingestCommit: return true
            }
        }
        return false
    }

    private static func encode(_ header: TailHeader, _ length: UInt64, _ hash: UInt64) -> [UInt8] {
        let writer = ByteWriter()
        writer.append(magic)
        writer.append(1 as UInt32)
        writer.append(header.node)
        writer.append(header.fork)
        writer.append(header.end)
        writer.append(header.keptAfter)
        writer.append(length)
        writer.append(hash)
        writer.append(writer.view.hash(seed: 0))
        return writer.array
    }

    // MARK: Reading

    init(_ name: String, _ core: ReplicaCore) throws(EngineError) {
        let path = Self.directory(core) + "/" + name
        let file = try core.fileSystem.open(path, .read)
        let bytes = try file.read(Self.headerLength, at: 0)
        self.name = name
        self.path = path
        func point(_ view: ByteView, _ at: Int) -> HistoryPoint {
            let epoch = Epoch(number: view.load(at), tag: view.load(at + 4))
            return HistoryPoint(
                position: Position(epoch: epoch, sequence: view.load(at + 8)), chain: view.load(at + 16))
        }
        let fields = bytes.withView { view -> (TailHeader, UInt64, UInt64)? in
            guard view.load(0, as: UInt32.self) == Self.magic, view.load(4, as: UInt32.self) == 1,
                view.slice(0, 96).hash(seed: 0) == view.load(96, as: UInt64.self)
            else { return nil }
            let node = NodeID(high: view.load(8), low: view.load(16))
            let header = TailHeader(
                node: node, fork: point(view, 24), end: point(view, 48), keptAfter: view.load(72))
            return (header, view.load(80), view.load(88))
        }
        guard let fields else {
            throw EngineError(.corruption, "the saved tail is damaged; its writes are lost", file: path, offset: 0)
        }
        (header, length, hash) = fields
    }

    private func checkRecords(_ fileSystem: any FileSystem) throws(EngineError) {
        let hash = ContentHash()
        var offset: UInt64 = 0
        while offset < length {
            let bytes = try self.bytes(from: offset, limit: Self.piece, fileSystem)
            bytes.withView { hash.update($0) }
            offset += UInt64(bytes.count)
        }
        try check(hash)
    }

    /// Throws `.corruption` unless all of the records hash to what the header says.
    func check(_ records: ContentHash) throws(EngineError) {
        guard records.digest == hash else { throw damaged("are not those that were saved") }
    }

    private func damaged(_ what: String) -> EngineError {
        EngineError(
            .corruption, "the records of the saved tail \(what); nothing of it is judged, and the file is left alone",
            file: path, offset: UInt64(Self.headerLength))
    }

    /// The bytes of records from an offset, `limit` at most.
    func bytes(from offset: UInt64, limit: Int, _ fileSystem: any FileSystem) throws(EngineError) -> [UInt8] {
        let file = try fileSystem.open(path, .read)
        return try file.read(Int(min(UInt64(limit), length - offset)), at: UInt64(Self.headerLength) + offset)
    }

    /// The records from an offset: whole ones, about `limit` bytes, at least one.
    ///
    /// - Throws: `.corruption` when what is there is no whole record.
    func records(from offset: UInt64, limit: Int, _ fileSystem: any FileSystem) throws(EngineError) -> [UInt8] {
        let file = try fileSystem.open(path, .read)
        var size = min(UInt64(limit), length - offset)
        while true {
            let bytes = try file.read(Int(size), at: UInt64(Self.headerLength) + offset)
            let whole = try bytes.withView { (view) throws(EngineError) in try Self.wholeRecords(view) }
            if whole > 0 || size == 0 { return Array(bytes[..<whole]) }
            guard offset + size < length else { throw damaged("do not end with a whole record") }
            size = min(size * 2, length - offset)
        }
    }

    /// How many bytes the records have that are whole.
    private static func wholeRecords(_ view: ByteView) throws(EngineError) -> Int {
        var offset = 0
        while view.count - offset >= 4 {
            let stored = view.load(offset, as: UInt32.self) & ~BatchFormat.partialBit
            guard Int(stored) <= view.count - offset, stored > 0 else { break }
            offset += Int(stored)
        }
        return offset
    }
}
