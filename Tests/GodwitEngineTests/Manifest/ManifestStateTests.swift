import Testing

@testable import GodwitEngine

@Suite struct ManifestStateTests {
    private func state(_ changes: VersionEdit.Change...) throws -> ManifestState {
        var state = Sample.emptyState
        try state.apply(VersionEdit([.createKeyspace(Sample.keyspace(1, "one"))] + changes))
        return state
    }

    @Test("tables of one edit may be added before those they replace are removed")
    func orderWithinEdit() throws {
        var state = try state(.addTable(keyspace: 1, level: 2, Sample.table(3, "a", "m")))
        try state.apply(
            VersionEdit([
                .addTable(keyspace: 1, level: 2, Sample.table(4, "a", "f")),
                .addTable(keyspace: 1, level: 2, Sample.table(5, "g", "m")),
                .removeTable(keyspace: 1, level: 2, number: 3),
            ]))
        #expect(state.keyspace(1)?.version.levels[2].tables.map(\.number) == [4, 5])
        #expect(state.nextFileNumber == 6)
        #expect(state.keyspace(named: "one")?.version.find(5)?.level == 2)
        #expect(state.tableNumbers == [4, 5])
    }

    @Test("an edit that breaks an invariant changes nothing")
    func allOrNothing() throws {
        let state = try state(
            .addTable(keyspace: 1, level: 2, Sample.table(3, "a", "m")), .rewindPoints([Sample.point(1, 5)]))
        let broken: [[VersionEdit.Change]] = [
            [.addTable(keyspace: 1, level: 2, Sample.table(4, "m", "n"))],
            [.addTable(keyspace: 1, level: 2, Sample.table(3, "x", "y"))],
            [.addTable(keyspace: 2, level: 2, Sample.table(4, "x", "y"))],
            [.removeTable(keyspace: 1, level: 1, number: 3)],
            [.removeTable(keyspace: 1, level: 2, number: 3), .removeTable(keyspace: 1, level: 2, number: 3)],
            [.setVisibleThrough(keyspace: 1, level: 2, number: 9, 1)], [.dropKeyspace(5)],
            [.createKeyspace(Sample.keyspace(1, "two"))], [.createKeyspace(Sample.keyspace(2, "one"))],
            [.createKeyspace(Sample.keyspace(.max, "two"))], [.createKeyspace(Sample.keyspace(2, ""))],
            [.rewindPoints([Sample.point(1, 5), Sample.point(1, 5)])],
            [
                .beginEpoch(EpochStart(start: Sample.point(2, 1), parent: .start)),
                .beginEpoch(EpochStart(start: Sample.point(1, 7), parent: .start)),
            ],
            [.addLogCut(LogCut(segment: 5, endOffset: 0, through: 0, resumesAt: 5))], [.formatLevel(2)],
        ]
        for changes in broken {
            var copy = state
            #expect(throws: EngineError.self, "\(changes)") {
                try copy.apply(VersionEdit([.nextFileNumber(100)] + changes))
            }
            #expect(copy == state)
        }
    }

    @Test("a cut replaces that of its segment and forgets those it makes dead; the floor forgets those below")
    func logCuts() throws {
        var state = Sample.emptyState
        func cut(_ segment: UInt64, _ resumesAt: UInt64, _ end: UInt64 = 1) -> LogCut {
            LogCut(segment: segment, endOffset: end, through: 9, resumesAt: resumesAt)
        }
        try state.apply(VersionEdit([.addLogCut(cut(7, 9)), .addLogCut(cut(3, 5)), .addLogCut(cut(5, 7))]))
        #expect(state.logCuts.map(\.segment) == [3, 5, 7])
        try state.apply(VersionEdit([.addLogCut(cut(5, 11, 2))]))
        #expect(state.logCuts == [cut(3, 5), cut(5, 11, 2)])
        try state.apply(VersionEdit([.logFloor(segment: 5)]))
        #expect(state.logCuts == [cut(5, 11, 2)])
        try state.apply(VersionEdit([.logFloor(segment: 4), .dropLogCut(segment: 5)]))
        #expect(state.logFloor == 5 && state.logCuts.isEmpty)
    }

    @Test("only the very last edit makes a store clean")
    func clean() throws {
        var state = try state(.clean)
        #expect(state.isClean)
        try state.apply(VersionEdit([.flushedThrough(keyspace: 1, 10)]))
        #expect(!state.isClean)
    }

    @Test("a dropped keyspace takes its tables along, and its id may not be that of another")
    func dropKeyspace() throws {
        var state = try state(.addTable(keyspace: 1, level: 0, Sample.table(3, "a", "m")))
        try state.apply(VersionEdit([.dropKeyspace(1), .createKeyspace(Sample.keyspace(2, "one"))]))
        #expect(state.keyspace(1) == nil && state.tableNumbers.isEmpty)
        #expect(state.keyspace(2)?.meta.name == "one")
    }

    @Test("the latest of the keyspaces that were dropped are remembered with their last settings, also anew")
    func rememberDrops() throws {
        var state = Sample.emptyState
        var settings = KeyspaceSettings()
        for id in 1...300 as ClosedRange<UInt32> {
            settings.regions = [UInt16(id)]
            try state.apply(
                VersionEdit([
                    .createKeyspace(Sample.keyspace(id, "k\(id)")), .alterKeyspace(id, settings), .dropKeyspace(id),
                ]))
        }
        #expect(state.dropped.map(\.id) == Array(45...300))
        #expect(state.dropped.allSatisfy { $0.settings.regions == [UInt16($0.id)] && $0.name == "k\($0.id)" })
        let bytes = ByteWriter()
        state.snapshotEdit().encode(into: bytes)
        var again = Sample.emptyState
        try again.apply(VersionEdit(decoding: bytes.view, file: "m", offset: 0))
        #expect(again == state)
        // A history in which the id is another keyspace's.
        try again.apply(VersionEdit([.createKeyspace(Sample.keyspace(300, "other"))]))
        #expect(again.dropped.last?.id == 299)
    }

    @Test("a table that stands in two places is found")
    func twoPlaces() throws {
        let table = Sample.table(3, "a", "m")
        let state = try state(.addTable(keyspace: 1, level: 1, table), .addTable(keyspace: 1, level: 2, table))
        #expect(throws: EngineError.self) { try state.checkWhole() }
    }
}
