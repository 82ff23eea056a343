/// Walks entries in their order, both ways: user key ascending, newest version first within a key when moving
/// forward; moving backward is the exact mirror. Memtables, tables and merges of them are read through it.
///
/// An iterator begins exhausted and is placed by one of the four seeks. Moving an exhausted iterator leaves it
/// exhausted. After a move threw, `current` is nil until the next seek. Used by one thread at a time.
protocol EntryIterator: AnyObject {
    /// The entry the iterator stands on, nil when it is exhausted. Its bytes are lent until the next move.
    var current: Entry? { get }
    /// Goes to the first entry.
    func seekToFirst() throws(EngineError)
    /// Goes to the last entry: the oldest version of the greatest key.
    func seekToLast() throws(EngineError)
    /// Goes to the first entry whose user key is `key` or above: the newest version of that key.
    func seek(_ key: ByteView) throws(EngineError)
    /// Goes to the last entry whose user key is below `key`: the oldest version of that key.
    func seekBefore(_ key: ByteView) throws(EngineError)
    /// Goes to the entry after the current one.
    func next() throws(EngineError)
    /// Goes to the entry before the current one.
    func previous() throws(EngineError)
}
