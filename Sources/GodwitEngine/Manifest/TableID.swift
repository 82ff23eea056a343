/// The 128 random bits that tell a table from every other one, of any store. Checksums of its blocks depend on them.
struct TableID: Hashable, Sendable { let high: UInt64; let low: UInt64 }
