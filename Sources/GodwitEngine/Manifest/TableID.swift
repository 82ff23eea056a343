/// 128 random bits that name one table for all time, in this store and in every copy of it. The checksums in a table
/// are keyed by it, so that a block of another table never verifies.
struct TableID: Hashable, Sendable {
    let high: UInt64
    let low: UInt64
}
