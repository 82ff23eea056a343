import GodwitSimulation
import Testing

@testable import GodwitEngine

@Suite struct VersionTests {
    private func place(_ level: LevelState, _ key: String) -> UInt64? {
        Array(key.utf8).withView { level.table(for: $0) }.map { level.tables[$0].number }
    }

    @Test("level 0 has the newest data first, whatever the file numbers say")
    func level0Order() throws {
        var rewound = Sample.table(4, "a", "z", sequences: 10...90)
        rewound.visibleThrough = 20
        var ingested = Sample.table(5, "a", "z", sequences: 0...0)
        ingested.globalSequence = 45
        let level = try LevelState(
            level: 0,
            unordered: [
                Sample.table(9, "a", "z", sequences: 1...9), ingested, rewound,
                Sample.table(3, "a", "z", sequences: 21...40),
                Sample.table(6, "a", "z", sequences: 50...60),
            ])
        #expect(level.tables.map(\.number) == [6, 5, 3, 4, 9])
        #expect(level.bytes == 5000)
    }

    @Test("a key is in at most one table of a level, found at its edges too")
    func lookup() throws {
        let level = try LevelState(
            level: 1, unordered: [Sample.table(3, "t", "t"), Sample.table(1, "b", "d"), Sample.table(2, "f", "k")])
        let expected: [(String, UInt64?)] = [
            ("", nil), ("a", nil), ("b", 1), ("c", 1), ("d", 1), ("d\0", nil), ("e", nil), ("f", 2), ("k", 2),
            ("s", nil),
            ("t", 3), ("t\0", nil), ("z", nil),
        ]
        for (key, number) in expected { #expect(place(level, key) == number, "\(key)") }
    }

    @Test("where a range delete ends at the next table's first key, the key is the next table's")
    func touching() throws {
        var first = Sample.table(1, "b", "f")
        let second = Sample.table(2, "f", "k")
        #expect(throws: EngineError.self) { try LevelState(level: 2, unordered: [first, second]) }
        first.rangeTombstones = 1
        let level = try LevelState(level: 2, unordered: [second, first])
        #expect(place(level, "e") == 1)
        #expect(place(level, "f") == 2)
        let span = KeySpan(smallest: Array("f".utf8), largest: Array("f".utf8))
        #expect(level.overlapping(span).map(\.number) == [1, 2])
    }

    @Test("tables that overlap, or whose keys are reversed, are refused")
    func invariants() {
        for tables in [
            [Sample.table(1, "b", "f"), Sample.table(2, "e", "k")],
            [Sample.table(1, "b", "z"), Sample.table(2, "e", "k")],
            [Sample.table(1, "b", "b"), Sample.table(2, "b", "b")], [Sample.table(1, "c", "b")],
        ] {
            #expect(throws: EngineError.self) { try LevelState(level: 3, unordered: tables) }
        }
        #expect(throws: EngineError.self) { try LevelState(level: 0, unordered: [Sample.table(1, "c", "b")]) }
    }

    @Test("lookups and overlaps agree with a look at every table")
    func agreesWithModel() throws {
        let random = SeededRandom(seed: testSeed("level model"))
        for _ in 0..<300 {
            let keys = Set((0..<40).map { _ in UInt8(random.below(200)) }).sorted()
            var tables: [TableMeta] = []
            var next = 0
            while next < keys.count {
                let width = min(1 + random.below(2), keys.count - next)
                var table = Sample.table(UInt64(next + 1), "", "")
                table.smallestKey = [keys[next]]
                table.largestKey = [keys[next + width - 1]]
                tables.append(table)
                next += width
            }
            let level = try LevelState(level: 1, unordered: tables.reversed())
            for _ in 0..<50 {
                let low = UInt8(random.below(210))
                let high = UInt8(random.within(Int(low)...215))
                let span = KeySpan(smallest: [low], largest: [high])
                #expect(level.overlapping(span) == tables.filter { $0.span.overlaps(span) })
                let range = KeyRange(
                    from: random.chance(1, in: 5) ? nil : [low], to: random.chance(1, in: 5) ? nil : [high])
                if range.lower == nil || range.upper == nil || low < high {
                    #expect(level.overlapping(range) == tables.filter { $0.span.overlaps(range) })
                }
                let found = [low].withView { level.table(for: $0) }.map { level.tables[$0] }
                #expect(found == tables.first { $0.span.overlaps(KeySpan(smallest: [low], largest: [low])) })
            }
        }
    }
}
