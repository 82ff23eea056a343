import GodwitEngine

/// What `stats` says of a store.
struct StatsText: Encodable {
    struct Level: Encodable {
        let level: Int
        let tables: Int
        let bytes: UInt64
        let entries: UInt64
        let tombstones: UInt64
    }

    struct Keyspace: Encodable {
        let name: String
        let id: UInt32
        let defaultTTLMilliseconds: UInt64
        let compression: String
        let blockSize: UInt32
        let filterBitsPerKey: UInt32
        let tables: Int
        let bytes: UInt64
        let entries: UInt64
        let memtableEntries: UInt64
        let memtableBytes: UInt64
        let spaceAmplification: Double
        let levels: [Level]
    }

    let directory: String
    let position: String
    let epochs: Int
    let tableBytes: UInt64
    let spaceAmplification: Double
    let keyspaces: [Keyspace]

    init(_ engine: Engine) {
        let metrics = engine.metrics
        directory = engine.directory
        position = "\(metrics.visible)"
        epochs = engine.epochHistory.count
        tableBytes = metrics.tableBytes
        spaceAmplification = metrics.spaceAmplification
        keyspaces = zip(engine.keyspaces, metrics.keyspaces).map(Self.keyspace)
    }

    private static func keyspace(_ keyspace: GodwitEngine.Keyspace, _ use: EngineMetrics.KeyspaceUse) -> Keyspace {
        let settings = keyspace.settings
        let levels = use.levels.enumerated().filter { $0.element.tables > 0 }.map { number, level in
            Level(
                level: number, tables: level.tables, bytes: level.bytes, entries: level.entries,
                tombstones: level.tombstones)
        }
        return Keyspace(
            name: keyspace.name, id: keyspace.id, defaultTTLMilliseconds: settings.defaultTTL,
            compression: "\(settings.compression)", blockSize: settings.blockSize,
            filterBitsPerKey: settings.filterBitsPerKey, tables: use.tables, bytes: use.bytes, entries: use.entries,
            memtableEntries: use.memtableEntries, memtableBytes: use.memtableBytes,
            spaceAmplification: use.spaceAmplification, levels: levels)
    }

    /// For people.
    var lines: String {
        var text = """
            store       \(directory)
            position    \(position) in epoch \(epochs) of its history
            tables      \(tableBytes) bytes

            """
        for keyspace in keyspaces {
            text += """

                keyspace \(keyspace.name) (\(keyspace.id))
                  in tables   \(keyspace.entries) entries, \(keyspace.tables) tables, \(keyspace.bytes) bytes
                  in memory   \(keyspace.memtableEntries) entries, \(keyspace.memtableBytes) bytes

                """
            for level in keyspace.levels {
                text += "  level \(level.level)     \(level.entries) entries (\(level.tombstones) deletes), "
                text += "\(level.tables) tables, \(level.bytes) bytes\n"
            }
        }
        return text
    }
}
