internal import Glibc

/// A mutual exclusion lock for state that lies beside it. Held for short, bounded work only: whoever holds one
/// neither waits at a gate nor touches a file, except where the holder's docstring says so.
@safe
package final class Lock: Sendable {
    private nonisolated(unsafe) let mutex: UnsafeMutablePointer<pthread_mutex_t>

    package init() {
        unsafe mutex = .allocate(capacity: 1)
        unsafe mutex.initialize(to: pthread_mutex_t())
        // Spins for a moment before it sleeps: what is done under a lock takes less than a switch of threads.
        var attributes = pthread_mutexattr_t()
        unsafe pthread_mutexattr_init(&attributes)
        unsafe pthread_mutexattr_settype(&attributes, Int32(PTHREAD_MUTEX_ADAPTIVE_NP))
        unsafe pthread_mutex_init(mutex, &attributes)
        unsafe pthread_mutexattr_destroy(&attributes)
    }

    deinit {
        unsafe pthread_mutex_destroy(mutex)
        unsafe mutex.deallocate()
    }

    /// Runs `body` while no other thread runs one under this lock.
    @inline(__always)
    package func withLock<R, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        return try body()
    }
}

/// A value that is reached only under its lock. (`Synchronization.Mutex` does the same, unseen by the thread sanitizer, which
/// then reports races that are none.)
package final class Locked<Value>: @unchecked Sendable {
    private let lock = Lock()
    private let owned: Owned<Value>

    package init(_ value: Value) { owned = Owned(value) }

    /// Runs `body` on the value while no other thread does.
    package func withLock<R, E: Error>(_ body: (inout Value) throws(E) -> R) throws(E) -> R {
        try lock.withLock { () throws(E) in try body(&owned.value) }
    }
}
