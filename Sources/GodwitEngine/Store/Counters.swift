internal import Synchronization

/// What background work and the write path count, for `Engine.metrics`.
final class StoreCounters: Sendable {
    /// Bytes of records appended to the log.
    let logBytes = Atomic<UInt64>(0)
    /// Operations committed.
    let operations = Atomic<UInt64>(0)
    /// Commit groups appended: how well commits share appends.
    let groups = Atomic<UInt64>(0)
    /// Times the log was synced.
    let syncs = Atomic<UInt64>(0)
    /// Bytes of tables written by flushes.
    let flushedBytes = Atomic<UInt64>(0)
    /// Bytes of tables read by compactions.
    let compactionRead = Atomic<UInt64>(0)
    /// Bytes of tables written by compactions.
    let compactionWritten = Atomic<UInt64>(0)
    /// Nanoseconds that writers were held or slowed.
    let delayed = Atomic<UInt64>(0)
    /// The longest of these waits.
    let longestDelay = Atomic<UInt64>(0)
    /// Times a writer was held until background work caught up.
    let stalls = Atomic<UInt64>(0)
}
