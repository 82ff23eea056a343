package import GodwitEngine

/// A node's replication: the protocol as a state machine, with neither sockets nor threads nor clocks of its own. Called by
/// one thread at a time.
package final class Replica {
    /// The node's data; nil while a follower has none yet. Its use is free to any thread.
    package private(set) var engine: Engine?
    private let options: ReplicaOptions

    /// Opens the store in a directory, or makes one, and takes up the role that it had.
    package init(
        directory: String, options: ReplicaOptions, environment: EngineEnvironment, now: UInt64
    ) throws(ReplicationError) {
        self.options = options
    }

    package func accepted(_ link: LinkID, peer: PeerIdentity?, now: UInt64) {}
    package func opened(_ link: LinkID, now: UInt64) {}
    package func received(_ link: LinkID, _ bytes: [UInt8], now: UInt64) {}
    package func closed(_ link: LinkID, reason: String, now: UInt64) {}
    package func poll(now: UInt64) -> UInt64 { now + 1_000_000_000 }
    package func takeActions() -> [ReplicaAction] { [] }
    package func promote(allowDataLoss: Bool, now: UInt64) throws(ReplicationError) -> Epoch { .none }
    package func switchover(to node: String, limit: UInt64, now: UInt64) throws(ReplicationError) {}
    package func rejoin(leader: String, now: UInt64) throws(ReplicationError) {}
    package func setLeader(_ address: String, now: UInt64) throws(ReplicationError) {}
    package func verify(now: UInt64) throws(ReplicationError) -> UInt64 { 0 }
    package func close(now: UInt64) throws(ReplicationError) {}
    package func await(_ level: WriteLevel, at position: Position, id: UInt64, until: UInt64, now: UInt64) {}
    package var status: ReplicaStatus { ReplicaStatus() }
    package var freshness: Freshness { Freshness(position: .start, asOf: nil) }
}
