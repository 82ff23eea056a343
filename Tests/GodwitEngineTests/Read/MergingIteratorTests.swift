import Testing

@testable import GodwitEngine

@Suite struct MergingIteratorTests {
    private func randomKey(_ random: inout TestRandom) -> [UInt8] {
        let prefix: [UInt8] = random.below(2) == 0 ? [] : Array("shared by many keys/".utf8)
        return prefix + (0..<random.below(4)).map { _ in UInt8(random.below(3)) }
    }

    @Test("any merge of any children walks as one sorted list, both ways") func model() throws {
        var random = TestRandom(seed: testSeed())
        for round in 0..<400 {
            let count = round % 12
            var children: [[OwnedEntry]] = Array(repeating: [], count: count)
            for sequence in 1..<UInt64(2 + random.below(80)) where count > 0 {
                let value = (0..<random.below(5)).map { _ in UInt8(random.below(256)) }
                children[random.below(count)].append(
                    OwnedEntry(key: randomKey(&random), sequence: sequence, value: value))
            }
            let merged = MergingIterator(children.map { ModelIterator($0.sorted()) })
            try checkWalk(
                merged, children.flatMap { $0 }.sorted(), steps: 60, &random, key: randomKey)
        }
    }

    @Test("equal entries come from the earlier child first, and mirrored backward") func ties() throws {
        let children = (0..<5).map { child in
            [(7, "a"), (5, "b"), (3, "b"), (5, "c")].map {
                OwnedEntry(key: Array($0.1.utf8), sequence: $0.0, value: [UInt8(child)])
            }
        }
        let expected = (0..<4).flatMap { entry in children.map { $0[entry] } }
        let merged = MergingIterator(children.map { ModelIterator($0) })
        #expect(try collect(merged) == expected)
        #expect(try collectBackward(merged) == expected.reversed())
        // Back and forth over every place.
        for place in 1..<expected.count {
            try merged.seekToFirst()
            for _ in 0..<place { try merged.next() }
            #expect(merged.current.map { OwnedEntry($0) } == expected[place])
            try merged.previous()
            #expect(merged.current.map { OwnedEntry($0) } == expected[place - 1])
            try merged.next()
            #expect(merged.current.map { OwnedEntry($0) } == expected[place])
        }
    }

    @Test("no children make an empty iterator") func noChildren() throws {
        let merged = MergingIterator([])
        #expect(try collect(merged).isEmpty)
        #expect(try collectBackward(merged).isEmpty)
        try [1].withView { (view) throws(EngineError) in try merged.seek(view) }
        #expect(merged.current == nil)
    }

    @Test("a child's error at any call leaves the merge exhausted until the next seek") func errors() throws {
        let lists = (0..<3).map { child in
            (0..<6).map { OwnedEntry(key: [UInt8($0)], sequence: UInt64(10 - child)) }
        }
        let expected = lists.flatMap { $0 }.sorted()
        for call in 0..<40 {
            let children = lists.map { ModelIterator($0) }
            children[call % 3].failsAfter = call / 3
            let merged = MergingIterator(children)
            #expect(throws: EngineError.self) {
                _ = try collect(merged)
                _ = try collectBackward(merged)
                // Every fourth call fails at the latest by then.
                _ = try collect(merged)
                _ = try collectBackward(merged)
            }
            #expect(merged.current == nil)
            try merged.next()
            try merged.previous()
            #expect(merged.current == nil)
            children[call % 3].failsAfter = nil
            #expect(try collect(merged) == expected)
        }
    }
}
