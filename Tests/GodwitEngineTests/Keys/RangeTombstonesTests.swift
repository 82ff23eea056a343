import Testing

@testable import GodwitEngine

@Suite struct RangeTombstonesTests {
    private func tombstone(_ start: String, _ end: String, _ sequence: SequenceNumber) -> RangeTombstone {
        RangeTombstone(start: Array(start.utf8), end: Array(end.utf8), sequence: sequence)
    }

    private func covering(_ set: RangeTombstones, _ key: String, _ snapshot: SequenceNumber) -> SequenceNumber {
        Array(key.utf8).withView { set.covering($0, at: snapshot) }
    }

    private func encoded(_ set: RangeTombstones) -> [UInt8] {
        let writer = ByteWriter()
        set.encode(into: writer)
        return writer.array
    }

    @Test("nothing is covered by no deletes") func empty() throws {
        #expect(RangeTombstones.none.isEmpty)
        #expect(covering(.none, "", .max) == 0)
        #expect(RangeTombstones([tombstone("b", "b", 1), tombstone("c", "a", 2)]).isEmpty)
        let bytes = encoded(.none)
        #expect(try bytes.withView { (view) throws(EngineError) in try RangeTombstones.decode(view) }.isEmpty)
    }

    @Test("overlapping deletes are cut into fragments with all their sequence numbers") func fragments() {
        let set = RangeTombstones([tombstone("a", "m", 5), tombstone("g", "z", 9), tombstone("g", "m", 5)])
        #expect(
            set.items == [
                tombstone("a", "g", 5), tombstone("g", "m", 9), tombstone("g", "m", 5), tombstone("m", "z", 9),
            ])
        #expect(set.fragmentCount == 3)
        #expect(set.maxSequence == 9)
        #expect(covering(set, "a", .max) == 5)
        #expect(covering(set, "", .max) == 0)
        #expect(covering(set, "h", .max) == 9)
        #expect(covering(set, "h", 8) == 5)
        #expect(covering(set, "h", 4) == 0)
        #expect(covering(set, "m", 8) == 0)
        #expect(covering(set, "z", .max) == 0)
    }

    @Test("neighbours with equal sequence numbers become one fragment") func coalescing() {
        #expect(RangeTombstones([tombstone("a", "b", 3), tombstone("b", "c", 3)]).items == [tombstone("a", "c", 3)])
    }

    /// Random deletes over a small key space, so that they touch and overlap in every way.
    private func randomItems(_ random: inout TestRandom, count: Int) -> [RangeTombstone] {
        var sequence: SequenceNumber = 0
        return (0..<count).map { _ in
            sequence += UInt64(1 + random.below(3))
            func key() -> [UInt8] {
                (0..<random.below(3)).map { _ in UInt8(random.below(4)) * 85 }
            }
            return RangeTombstone(start: key(), end: key(), sequence: sequence)
        }
    }

    @Test("lookups, additions and the encoding agree with a plain list") func model() throws {
        var random = TestRandom(seed: testSeed())
        for _ in 0..<300 {
            let items = randomItems(&random, count: random.below(12))
            let set = RangeTombstones(items.shuffled(using: &random))
            var grown = RangeTombstones.none
            for item in items {
                grown = item.start.withView { start in
                    item.end.withView { grown.adding(start: start, end: $0, sequence: item.sequence) }
                }
            }
            #expect(grown.items == set.items)
            #expect(RangeTombstones(set.items).items == set.items)
            let bytes = encoded(set)
            let back = try bytes.withView { (view) throws(EngineError) in try RangeTombstones.decode(view) }
            #expect(back.items == set.items)
            #expect(encoded(back) == bytes)
            for first in -1..<4 {
                for second in -1..<(first < 0 ? 0 : 4) {
                    let key = [first, second].filter { $0 >= 0 }.map { UInt8($0) * 85 }
                    for snapshot in [0, 3, 7, 15, SequenceNumber.max] {
                        let expected =
                            items.filter {
                                !key.lexicographicallyPrecedes($0.start) && key.lexicographicallyPrecedes($0.end)
                                    && $0.sequence <= snapshot
                            }.map(\.sequence).max() ?? 0
                        #expect(key.withView { set.covering($0, at: snapshot) } == expected)
                        #expect(key.withView { grown.covering($0, at: snapshot) } == expected)
                    }
                }
            }
        }
    }

    @Test("damaged encodings are errors or well-formed sets, never a crash") func mutationFuzz() {
        var random = TestRandom(seed: testSeed())
        for _ in 0..<5000 {
            var bytes = encoded(RangeTombstones(randomItems(&random, count: random.below(8))))
            for _ in 0..<1 + random.below(3) {
                switch random.below(3) {
                case 0: bytes[random.below(bytes.count)] = UInt8(truncatingIfNeeded: random.next())
                case 1: bytes.removeLast(random.below(bytes.count))
                default: bytes.insert(0xFF, at: random.below(bytes.count))
                }
            }
            do throws(EngineError) {
                let set = try bytes.withView { (view) throws(EngineError) in
                    try RangeTombstones.decode(view, file: "000007.sst", offset: 4096)
                }
                #expect(RangeTombstones(set.items).items == set.items)
            } catch {
                #expect(error.code == .corruption && error.file == "000007.sst" && error.offset == 4096)
            }
        }
    }
}
