import Foundation
import GodwitSimulation

@testable import GodwitEngine

/// Tables, edits and states for the tests of manifest and compaction.
enum Sample {
    static let storeID = StoreID(high: 0x0123_4567_89AB_CDEF, low: 0xFEDC_BA98_7654_3210)
    static let hashSeed: UInt64 = 0x5EED
    static var emptyState: ManifestState { ManifestState(storeID: storeID, hashSeed: hashSeed) }

    static func table(
        _ number: UInt64, _ smallest: String, _ largest: String, size: UInt64 = 1000,
        sequences: ClosedRange<UInt64> = 1...9
    ) -> TableMeta {
        TableMeta(
            number: number, id: TableID(high: number &* 0x9E37_79B9_7F4A_7C15, low: ~number), size: size,
            smallestKey: Array(smallest.utf8), largestKey: Array(largest.utf8), minSequence: sequences.lowerBound,
            maxSequence: sequences.upperBound, entries: 100, rawBytes: size * 2, createdAt: 1_700_000_000_000)
    }

    static func point(_ epoch: UInt32, _ sequence: UInt64) -> HistoryPoint {
        HistoryPoint(
            position: Position(epoch: Epoch(number: epoch, tag: epoch &* 77), sequence: sequence),
            chain: sequence &* 0xC0FFEE)
    }

    static func keyspace(_ id: UInt32, _ name: String) -> KeyspaceMeta {
        KeyspaceMeta(id: id, name: name, createdSequence: 3, settings: KeyspaceSettings(), flushedThrough: 0)
    }

    /// An edit that an empty state takes, with every kind of change but the removal of a table.
    static var everything: VersionEdit {
        var settings = KeyspaceSettings()
        settings.defaultTTL = 86_400_000
        settings.compression = .none
        settings.blockSize = 8192
        settings.filterBitsPerKey = 0
        settings.replicated = false
        settings.regions = [1, 7, 300]
        var full = table(9, "", "zebra", size: 1 << 40, sequences: 5...1 << 50)
        full.tombstones = 10
        full.rangeTombstones = 2
        full.expiring = 55
        full.minDeadline = 1_700_000_000_001
        full.maxDeadline = 1_800_000_000_000
        full.globalSequence = 44
        var hidden = table(10, "m", "n")
        hidden.visibleThrough = 4
        return VersionEdit([
            .formatLevel(1), .region(65_535), .createKeyspace(keyspace(0, "default")),
            .createKeyspace(keyspace(7, "Merkmale 🐦")), .lastKeyspace(8),
            .addTable(keyspace: 0, level: 0, full), .addTable(keyspace: 0, level: 6, table(11, "a", "b")),
            .addTable(keyspace: 0, level: 6, hidden), .addTable(keyspace: 7, level: 3, table(12, "k", "k")),
            .alterKeyspace(7, settings), .flushedThrough(keyspace: 7, 1 << 40), .nextFileNumber(20),
            .end(point(3, 99)), .lastStamp(0xFFFF_FFFF_0001_0002), .rewindPoints([point(2, 50), point(3, 60)]),
            .epochHistory([EpochStart(start: point(1, 1), parent: .start)]),
            .beginEpoch(EpochStart(start: point(3, 55), parent: point(1, 54))),
            .addLogCut(LogCut(segment: 5, endOffset: 77, through: 98, resumesAt: 8)),
            .addLogCut(LogCut(segment: 8, endOffset: 1 << 33, through: 99, resumesAt: 13)),
            .dropLogCut(segment: 5), .logFloor(segment: 4),
            .setVisibleThrough(keyspace: 0, level: 6, number: 10, 3), .clean,
        ])
    }

    /// An edit with every kind of change in it.
    static var everyKind: VersionEdit {
        let gone = DroppedKeyspace(id: 9, name: "Fahnen 🐦", settings: KeyspaceSettings(regions: [4]))
        return VersionEdit(
            everything.changes + [
                .removeTable(keyspace: 0, level: 6, number: 11), .createKeyspace(keyspace(8, "gone")),
                .dropKeyspace(8), .droppedKeyspace(gone),
            ])
    }

    /// What a state says, without the file counter, which moves by itself.
    static func facts(_ state: ManifestState) -> VersionEdit {
        VersionEdit(
            state.snapshotEdit().changes.filter { change in
                if case .nextFileNumber = change { false } else { true }
            })
    }

    static func bytes(_ edit: VersionEdit) -> [UInt8] {
        let writer = ByteWriter()
        edit.encode(into: writer)
        return writer.array
    }

    static func decode(_ bytes: [UInt8]) throws(EngineError) -> VersionEdit {
        try bytes.withView { (view) throws(EngineError) in
            try VersionEdit(decoding: view, file: "MANIFEST", offset: 100)
        }
    }
}

/// Files kept with the sources that tests compare with, and write anew when `GODWIT_REWRITE` is set.
enum FixtureFile {
    static let isRewriting = ProcessInfo.processInfo.environment["GODWIT_REWRITE"] != nil

    static var root: URL {
        URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().appending(path: "fixtures")
    }

    static func read(_ path: String) throws -> [UInt8] { Array(try Data(contentsOf: root.appending(path: path))) }

    static func write(_ bytes: [UInt8], to path: String) throws {
        try Data(bytes).write(to: root.appending(path: path))
    }

    static func names(in directory: String, ending suffix: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: root.appending(path: directory).path)
            .filter { $0.hasSuffix(suffix) }.sorted()
    }
}
