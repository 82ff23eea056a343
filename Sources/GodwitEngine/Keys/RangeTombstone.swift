/// One delete of a range of keys: everything in `start ..< end` that is older than `sequence` is gone.
struct RangeTombstone: Hashable, Sendable {
    /// The first deleted key.
    let start: [UInt8]
    /// The first key past the deleted ones.
    let end: [UInt8]
    /// The delete's own sequence number.
    let sequence: SequenceNumber
}
