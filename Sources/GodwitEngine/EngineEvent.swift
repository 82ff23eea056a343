/// Something an operator may want to know, told to the engine's listener. Listeners are called from background
/// threads, must return soon, and must not call into the engine.
public enum EngineEvent: Sendable {
    /// A memtable became a table: keyspace, bytes written.
    case flushed(keyspace: String, bytes: UInt64)
    /// Tables were merged: keyspace, from level, to level, bytes read and written.
    case compacted(keyspace: String, from: Int, to: Int, read: UInt64, written: UInt64)
    /// Writes are being slowed or held; the reason, for people.
    case writesDelayed(reason: String)
    /// Writes flow at full speed again.
    case writesResumed
    /// Background work failed and will be tried again.
    case backgroundError(EngineError)
    /// Damaged data was met.
    case corruption(EngineError)
    /// The log can no longer be trusted: reopen the store.
    case poisoned(EngineError)
    /// The wall clock moved by this many milliseconds against the monotonic one; it is followed slowly.
    case clockJumped(milliseconds: Int64)
    /// A read or scan has held memory back for this many milliseconds.
    case readerHeldLong(milliseconds: UInt64)
    /// A retention hold or rewind point was given up because the log passed its cap.
    case retentionLost(name: String)
}

/// Where an engine tells its events; a place for one listener.
final class EventHub: @unchecked Sendable {
    private let lock = Lock()
    private var listener: (@Sendable (EngineEvent) -> Void)?

    /// Replaces the listener.
    func listen(_ listener: (@Sendable (EngineEvent) -> Void)?) {
        lock.withLock { self.listener = listener }
    }

    /// Tells the listener, outside of the lock.
    func tell(_ event: EngineEvent) {
        lock.withLock { listener }?(event)
    }
}
