internal import Synchronization

/// Stops an engine that was closed, or whose log can no longer be trusted. After a failed sync of the log nobody knows which bytes the
/// disk holds, so nothing more is acknowledged until the store is reopened and what is there is read back.
final class Poison: @unchecked Sendable {
    private let isSet = Atomic<Bool>(false)
    private let lock = Lock()
    private var cause: EngineError?

    /// Poisons the engine; the first cause is kept.
    func set(_ error: EngineError) {
        lock.withLock { if cause == nil { cause = error } }
        isSet.store(true, ordering: .releasing)
    }

    /// Whether the engine has been poisoned.
    var isPoisoned: Bool { isSet.load(ordering: .acquiring) }

    /// Throws `.poisoned`, naming the cause, once the engine has been poisoned.
    func check() throws(EngineError) {
        if isPoisoned, let error { throw error }
    }

    /// What `check` throws; nil while the engine is well.
    var error: EngineError? {
        guard let cause = lock.withLock({ cause }) else { return nil }
        if cause.code == .unavailable { return cause }
        return EngineError(
            .poisoned, "writing the log failed earlier, so nothing more is acknowledged; reopen the store. Cause: "
                + cause.message, file: cause.file, offset: cause.offset, errno: cause.errno)
    }
}
