/// Where the log of one segment ends for good and where it goes on: the log in `segment` counts up to `endOffset`,
/// which may lie in the middle of a frame, and through the record that ends at `through`; it goes on in segment
/// `resumesAt`, and any segments between the two are dead. Recorded at every clean close, after every unclean recovery,
/// and by a rewind.
struct LogCut: Hashable, Sendable {
    /// The segment that ends.
    let segment: UInt64
    /// Where in it the log ends.
    let endOffset: UInt64
    /// The last sequence number that counts.
    let through: SequenceNumber
    /// The segment in which the log goes on.
    let resumesAt: UInt64
}
