/// Where the log stops counting in one segment and in which segment it goes on. Kept in the manifest; made at every
/// clean close, after every recovery from an unclean stop, and by a rewind.
struct LogCut: Equatable, Sendable {
    /// The segment that is cut.
    var segment: UInt64
    /// The end of the last frame that counts, in bytes from the start of `segment`.
    var endOffset: UInt64
    /// The last sequence number that counts: the last frame may hold records past it, which do not.
    var through: SequenceNumber
    /// The log goes on in the first segment from this number on; those between are dead.
    var resumesAt: UInt64
}
