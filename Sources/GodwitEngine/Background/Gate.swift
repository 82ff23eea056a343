internal import CLinuxIO
internal import Synchronization

/// Where threads wait for a change: whoever changes the state that a waiter's condition reads calls `open` after it.
/// An event count (a generation and a count of waiters) on a futex: opening costs one atomic when nobody waits.
@safe
public final class Gate: Sendable {
    /// The futex word needs an address that stays, so it lives in memory of its own.
    private nonisolated(unsafe) let generation: UnsafeMutablePointer<Atomic<UInt32>>
    private let waiters = Atomic<UInt32>(0)

    /// Makes a gate that nobody waits at.
    public init() {
        unsafe generation = .allocate(capacity: 1)
        unsafe generation.initialize(to: Atomic(0))
    }

    deinit {
        unsafe generation.deinitialize(count: 1)
        unsafe generation.deallocate()
    }

    /// Lets every waiter look at its condition again.
    public func open() {
        unsafe generation.pointee.add(1, ordering: .sequentiallyConsistent)
        if waiters.load(ordering: .sequentiallyConsistent) > 0 {
            unsafe godwit_futex_wake(generation, .max)
        }
    }

    /// Blocks the calling thread until `condition` holds, or until `remaining` says that no nanoseconds are left (nil:
    /// no limit). Returns whether the condition held. Executors call this; everyone else waits through an executor.
    public func block(_ condition: () -> Bool, remaining: () -> Int64?) -> Bool {
        while true {
            if condition() { return true }
            waiters.add(1, ordering: .sequentiallyConsistent)
            defer { waiters.subtract(1, ordering: .sequentiallyConsistent) }
            let seen = unsafe generation.pointee.load(ordering: .sequentiallyConsistent)
            if condition() { return true }
            let limit = remaining()
            if let limit, limit <= 0 { return false }
            _ = unsafe godwit_futex_wait(generation, seen, limit ?? -1)
        }
    }
}
