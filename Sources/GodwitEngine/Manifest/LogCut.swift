/// Where the log of one segment ends for good and where it goes on: the log in `segment` counts up to `endOffset`,
/// the end of a frame, of whose records those above `through` do not count; it goes on in segment `resumesAt`, and any
/// segments between the two are dead. Recorded at every clean close, after every unclean recovery,
/// and by a rewind.
struct LogCut: Hashable, Sendable {
    /// The segment that ends.
    let segment: UInt64
    /// Where in it the last frame that counts ends.
    let endOffset: UInt64
    /// The last sequence number that counts; a rewind may leave it within that frame.
    let through: SequenceNumber
    /// The segment in which the log goes on.
    let resumesAt: UInt64
}
