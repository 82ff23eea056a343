/// What an entry does to its key. The raw values are stored in tables and in the log.
enum EntryKind: UInt8 {
    case put = 1
    case delete = 2
}

/// One version of one key, lent from the memory of a memtable or a block: it stays valid only while its lender
/// does (an epoch is held, or the iterator that yielded it has not moved).
///
/// Order of entries everywhere: user key ascending (bytewise), then sequence number descending, so that the
/// newest version of a key comes first.
struct Entry {
    /// The user key.
    let key: ByteView
    /// The operation's sequence number; 0 where compaction proved that nobody can tell.
    let sequence: SequenceNumber
    /// Put or delete.
    let kind: EntryKind
    /// The wall-clock millisecond from which the value is gone; 0 stands for never.
    let deadline: UInt64
    /// The value; empty for a delete.
    let value: ByteView

    /// Whether readers at `now` (wall-clock milliseconds) see a value here.
    func isLive(at now: UInt64) -> Bool {
        kind == .put && (deadline == 0 || now < deadline)
    }
}
