internal import GodwitEngine
internal import GodwitReplication
internal import NIOConcurrencyHelpers

/// What waits for the replication thread, and what wakes it.
///
/// The thread waits at its engine, which moves when writers commit, or here, where only messages wake it. Whoever posts
/// wakes both: the message is in the list before either wakes, so the thread, which looks at the list before it sleeps,
/// misses none.
final class Inbox: Sendable {
    /// What the thread is to do.
    enum Message: Sendable {
        /// Tell the replica what the network did.
        case network(NetworkEvent)
        /// Call a closure with the replica and the time.
        case command(@Sendable (ReplicationThread, UInt64) -> Void)
    }

    private struct State {
        var messages: [Message] = []
        var engine: Engine?
        var isClosed = false
    }

    private let state = NIOLockedValueBox(State())
    private let hasMessages = ConditionLock(value: false)

    /// Puts a message at the end and wakes the thread. False when the thread takes no more.
    @discardableResult
    func post(_ message: Message) -> Bool {
        let (isTaken, wasEmpty, engine) = state.withLockedValue { state in
            let wasEmpty = state.messages.isEmpty
            if !state.isClosed { state.messages.append(message) }
            return (!state.isClosed, wasEmpty, state.engine)
        }
        // The thread takes all there is, so only the first message needs to wake it.
        guard isTaken, wasEmpty else { return isTaken }
        engine?.wakeWaiters()
        hasMessages.lock()
        hasMessages.unlock(withValue: true)
        return true
    }

    /// Takes all messages; with `closing`, the last ever.
    func take(closing: Bool = false) -> [Message] {
        // First: what is posted from here on says so again.
        hasMessages.lock()
        hasMessages.unlock(withValue: false)
        return state.withLockedValue { state in
            state.isClosed = closing
            let messages = state.messages
            state.messages.removeAll(keepingCapacity: true)
            return messages
        }
    }

    /// Whether nothing waits.
    var isEmpty: Bool { state.withLockedValue { $0.messages.isEmpty } }

    /// The engine the thread may wait at from now on. Called by the thread.
    func attach(_ engine: Engine?) { state.withLockedValue { $0.engine = engine } }

    /// Waits for a message alone, whatever the engine does. Called by the thread.
    func wait(nanoseconds: UInt64) {
        guard isEmpty else { return }
        if hasMessages.lock(whenValue: true, timeoutSeconds: Double(nanoseconds) / 1e9) {
            hasMessages.unlock(withValue: false)
        }
    }
}
