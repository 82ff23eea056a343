internal import Synchronization

/// The store as it was at one moment. Reads that name a snapshot see exactly that; compaction keeps what it sees until
/// the snapshot is released.
public final class Snapshot: Sendable {
    /// The last write that it sees.
    public let position: Position
    private let store: Store
    private let hold: Snapshots.Hold

    init(_ engine: Engine) {
        store = engine.store
        let epoch = engine.position.epoch
        let store = store
        hold = store.snapshots.take(
            at: { store.visible.load(ordering: .acquiring) }, now: store.environment.clock.monotonicNanoseconds())
        position = Position(epoch: epoch, sequence: hold.sequence)
    }

    deinit { store.snapshots.release(hold) }

    /// The sequence number to read at. Throws `.history` once a rewind has taken back what the snapshot saw.
    func sequence() throws(EngineError) -> SequenceNumber {
        if hold.isLost {
            throw EngineError(.history, "a rewind took back what the snapshot at \(position) saw; take a new one")
        }
        return hold.sequence
    }
}
