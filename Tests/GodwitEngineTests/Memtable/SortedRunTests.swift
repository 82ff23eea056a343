import Testing

@testable import GodwitEngine

@Suite struct SortedRunTests {
    /// Sorts `keys` (inserted in this order) through one run, and again through many merged ones.
    private func check(_ keys: [[UInt8]], sourceLocation: SourceLocation = #_sourceLocation) throws {
        let (whole, piecewise) = (MemtableDriver(), MemtableDriver())
        var entries: [OwnedEntry] = []
        for (index, key) in keys.enumerated() {
            let entry = OwnedEntry(key: key, sequence: UInt64(index + 1))
            entries.append(entry)
            whole.insert(entry)
            piecewise.insert(entry)
            if index & (index + 1) == 0 || index % 701 == 0 { _ = piecewise.memtable.iterator() }
        }
        let sorted = entries.sorted()
        #expect(try collect(whole.memtable.iterator()) == sorted, sourceLocation: sourceLocation)
        #expect(try collect(piecewise.memtable.iterator()) == sorted, sourceLocation: sourceLocation)
        #expect(try collectBackward(piecewise.memtable.iterator()) == sorted.reversed(), sourceLocation: sourceLocation)
    }

    @Test("keys alike in their first bytes are sorted") func sharedPrefixes() throws {
        var random = TestRandom(seed: 11)
        let prefix = Array("a common beginning of more than sixteen bytes/".utf8)
        try check((0..<3000).map { _ in prefix + Array("\(random.below(5000))".utf8) })
        // Two prefixes, so that nothing is common to all.
        try check((0..<3000).map { (random.below(2) == 0 ? prefix : [0]) + Array("\($0 * 7919 % 3000)".utf8) })
        // Two prefixes that part within the first word, and many random bytes after them.
        try check((0..<3000).map { Array("tenant/\($0 & 1)/table/users/".utf8) + random.bytes(8) })
        // Only the last bytes of long keys differ.
        try check((0..<600).map { Array(repeating: 5, count: 200) + [UInt8(random.below(256)), UInt8($0 & 3)] })
    }

    @Test("keys that are prefixes of each other, with zeros, are sorted") func prefixesAndZeros() throws {
        var random = TestRandom(seed: 12)
        try check((0..<700).map { _ in Array(repeating: 0, count: random.below(40)) })
        try check((0..<700).map { Array(repeating: 97, count: ($0 * 37) % 700) })
        try check((0..<2000).map { _ in (0..<random.below(20)).map { _ in UInt8(random.below(2)) } })
    }

    @Test("thousands of versions of one key come newest first") func versions() throws {
        try check((0..<3000).map { _ in Array("the same key".utf8) })
        try check((0..<3000).map { Array("key \($0 % 3)".utf8) })
    }

    @Test("ascending and descending input is sorted") func monotone() throws {
        try check((0..<2000).map { [UInt8($0 >> 8), UInt8($0 & 0xFF)] })
        try check((0..<2000).map { [9, UInt8((5000 - $0) >> 8), UInt8((5000 - $0) & 0xFF)] })
    }
}
