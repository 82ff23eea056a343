/// A manifest file, described: its header and its edits.
public struct ManifestInspection: Sendable, Encodable {
    /// The file's header.
    public struct Header: Sendable, Hashable, Encodable {
        /// The manifest's number.
        public let number: UInt64
        /// The store that it belongs to.
        public let storeID: String
    }

    /// One edit.
    public struct Edit: Sendable, Hashable, Encodable {
        /// Where it stands.
        public let offset: UInt64
        /// How many bytes it has.
        public let length: Int
        /// What it changes, one line each, as many as were asked for.
        public let changes: [String]
        /// How many changes there are in all.
        public let changeCount: Int
    }

    /// The file.
    public let file: String
    /// Its size in bytes.
    public internal(set) var size: UInt64 = 0
    /// Its header; nil when that is damaged.
    public internal(set) var header: Header?
    /// The edits in order.
    public internal(set) var edits: [Edit] = []
    /// How many edits there are in all.
    public internal(set) var editCount = 0
    /// Where the last edit ends.
    public internal(set) var end: UInt64 = 0
    /// What is wrong.
    public internal(set) var problems: [Inspector.Problem] = []
}

extension Inspector {
    /// Describes a manifest, `MANIFEST-000001`; for `CURRENT` the one that it names.
    ///
    /// - Parameters:
    ///   - path: The file.
    ///   - limit: The most changes that are listed, over all edits; all are counted.
    ///   - environment: Where files are.
    /// - Throws: `.corruption` for a `CURRENT` that names none, `.notFound`, `.io`.
    public static func manifest(
        _ path: String, limit: Int = 1000, environment: EngineEnvironment = .system
    ) throws(EngineError) -> ManifestInspection {
        var path = path
        var bytes = try read(path, environment.fileSystem)
        if name(of: path) == FileName.current.description {
            let current = try bytes.withView { (view) throws(EngineError) in
                try ManifestFormat.decodeCurrent(view, file: path)
            }
            path = String(path.dropLast(FileName.current.description.count)) + "\(FileName.manifest(current.manifest))"
            bytes = try read(path, environment.fileSystem)
        }
        let file = path
        return bytes.withView { describe($0, file, limit) }
    }

    private static func describe(_ bytes: ByteView, _ path: String, _ limit: Int) -> ManifestInspection {
        var result = ManifestInspection(file: path)
        result.size = UInt64(bytes.count)
        func note(_ offset: Int, _ message: String) {
            if result.problems.count < 1000 {
                result.problems.append(Problem(offset: UInt64(offset), message: message))
            }
        }
        guard bytes.count >= ManifestFormat.headerLength else {
            note(0, "the file is too short for a manifest")
            return result
        }
        var previous: UInt64?
        do throws(EngineError) {
            let (header, checksum) = try ManifestFormat.decodeHeader(bytes, file: path)
            result.header = .init(number: header.number, storeID: header.storeID.description)
            previous = checksum
        } catch {
            note(0, error.message)
        }
        // A damaged header may still have the right seed: the edits say.
        let seed = bytes.load(40, as: UInt64.self)
        var offset = ManifestFormat.headerLength
        var place = offset
        var left = limit
        result.end = UInt64(offset)
        while place + ManifestFormat.editHeaderLength <= bytes.count {
            guard let edit = ManifestFormat.edit(in: bytes, at: place, hashSeed: seed) else {
                place += 1
                continue
            }
            if place != offset { note(offset, "no valid edit here; the next begins at byte \(place)") }
            if let previous, edit.previous != previous { note(place, "the edit does not follow the one before it") }
            do throws(EngineError) {
                let changes = try VersionEdit(decoding: edit.payload, file: path, offset: UInt64(place)).changes
                let listed = changes.prefix(max(left, 0)).map { $0.summary }
                left -= listed.count
                if left > 0 || !listed.isEmpty || changes.isEmpty {
                    result.edits.append(
                        .init(
                            offset: UInt64(place), length: edit.length, changes: listed, changeCount: changes.count))
                }
            } catch {
                note(place, error.message)
            }
            result.editCount += 1
            previous = edit.checksum
            offset = place + edit.length
            place = offset
            result.end = UInt64(offset)
        }
        if offset < bytes.count {
            note(offset, "\(bytes.count - offset) bytes follow that are no edit: torn or damaged")
        }
        return result
    }
}

extension VersionEdit.Change {
    /// One line for people.
    var summary: String {
        switch self {
        case .addTable(let keyspace, let level, let table):
            return "add table \(table.number) to level \(level) of keyspace \(keyspace): \(table.size) bytes, "
                + "\(table.entries) entries, sequence numbers \(table.minSequence) to \(table.maxSequence), keys "
                + "\(KeyText.show(table.smallestKey)) to \(KeyText.show(table.largestKey))"
        case .removeTable(let keyspace, let level, let number):
            return "remove table \(number) from level \(level) of keyspace \(keyspace)"
        case .setVisibleThrough(let keyspace, let level, let number, let sequence):
            return "hide what is above \(sequence) in table \(number), level \(level) of keyspace \(keyspace)"
        case .createKeyspace(let meta): return "create keyspace \(meta.id) `\(meta.name)` at \(meta.createdSequence)"
        case .dropKeyspace(let id): return "drop keyspace \(id)"
        case .alterKeyspace(let id, _): return "change the settings of keyspace \(id)"
        case .flushedThrough(let id, let sequence): return "keyspace \(id) is in tables through \(sequence)"
        case .nextFileNumber(let number): return "the next file is \(number)"
        case .end(let point): return "the history stands at \(point)"
        case .lastStamp(let stamp): return "the clock stands at \(stamp >> 16).\(stamp & 0xFFFF)"
        case .rewindPoints(let points):
            return "rewind points: " + (points.isEmpty ? "none" : points.map(\.description).joined(separator: ", "))
        case .beginEpoch(let start): return "epoch \(start.epoch) begins at \(start.start) after \(start.parent)"
        case .epochHistory(let starts):
            return "epochs: " + (starts.isEmpty ? "none" : starts.map { $0.start.description }.joined(separator: ", "))
        case .addLogCut(let cut):
            return
                "the log of segment \(cut.segment) ends at byte \(cut.endOffset), sequence number \(cut.through), and "
                + "goes on in segment \(cut.resumesAt)"
        case .dropLogCut(let segment): return "the log of segment \(segment) is no longer cut"
        case .logFloor(let segment): return "recovery begins with segment \(segment)"
        case .clean: return "the store was closed"
        case .formatLevel(let level): return "format level \(level)"
        case .region(let region): return "region \(region)"
        case .droppedKeyspace(let gone): return "keyspace \(gone.id), `\(gone.name)`, was dropped"
        case .lastKeyspace(let id): return "the last keyspace made was \(id)"
        }
    }
}
