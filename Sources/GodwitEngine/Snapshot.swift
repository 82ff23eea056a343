internal import Synchronization

/// The store as it was at one moment. Reads that name a snapshot see exactly that; compaction keeps what it sees until
/// the snapshot is released.
public final class Snapshot: Sendable {
    /// The last write that it sees.
    public let position: Position
    let sequence: SequenceNumber
    private let store: Store
    private let id: UInt64

    init(_ engine: Engine) {
        store = engine.store
        let epoch = engine.position.epoch
        let store = store
        let taken = store.snapshots.take(
            at: { store.visible.load(ordering: .acquiring) }, now: store.environment.clock.monotonicNanoseconds())
        id = taken.id
        sequence = taken.sequence
        position = Position(epoch: epoch, sequence: taken.sequence)
    }

    deinit { store.snapshots.release(id) }
}
