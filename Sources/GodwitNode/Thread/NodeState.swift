internal import GodwitEngine
internal import GodwitReplication
internal import NIOConcurrencyHelpers

/// What the replication thread lets others see without asking it: replaced as a whole after each round.
final class NodeState: Sendable {
    /// One round's picture.
    struct Picture: Sendable {
        var engine: Engine?
        var freshness: Freshness?
        var isPrimary = false
        var isClosed = false
    }

    private let box = NIOLockedValueBox(Picture())

    /// The latest picture.
    var now: Picture { box.withLockedValue { $0 } }

    /// Replaces the picture.
    func show(_ picture: Picture) {
        // The engine of the old picture may be released by this: not under the lock.
        var old = picture
        box.withLockedValue { swap(&$0, &old) }
    }
}
