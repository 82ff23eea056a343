import Testing

@testable import GodwitEngine

@Suite struct ArenaPoolTests {
    /// Fills a memtable with entries of 1 KiB, checks them, and lets it go.
    private func use(_ pool: ArenaPool, entries: Int, capacity: Int = 8 << 20, mark: UInt8) throws {
        let memtable = Memtable(capacity: capacity, hashSeed: 1, pool: pool)
        let value = [UInt8](repeating: mark, count: 1000)
        for number in 0..<entries {
            [UInt8(number >> 8), UInt8(number & 0xFF)].withView { key in
                value.withView {
                    memtable.insert(
                        key: key, hash: key.hash(seed: 1), sequence: UInt64(number + 1), kind: .put, deadline: 0,
                        value: $0)
                }
            }
        }
        let rows = try collect(memtable.iterator())
        #expect(rows.count == entries && rows.allSatisfy { $0.value == value })
    }

    @Test("memory goes from one memtable to the next, which sees nothing of the first") func reuse() throws {
        let pool = ArenaPool(limit: 16 << 20)
        try use(pool, entries: 5000, mark: 1)
        let kept = pool.byteCount
        #expect(kept > 5_000_000)
        try use(pool, entries: 100, mark: 2)
        #expect(pool.byteCount == kept)
    }

    @Test("no more is kept than the limit, and nothing that is nearly empty") func bounded() throws {
        let pool = ArenaPool(limit: 4 << 20)
        try use(pool, entries: 5000, mark: 1)
        #expect(pool.byteCount == 0)
        try use(pool, entries: 100, mark: 2)
        #expect(pool.byteCount == 0)
        try use(pool, entries: 3000, mark: 3)
        #expect(pool.byteCount > 3_000_000)
        // Of another size: does not fit, is not taken and not kept.
        try use(pool, entries: 3000, capacity: 32 << 20, mark: 4)
        #expect(pool.byteCount < 4 << 20)
    }
}
