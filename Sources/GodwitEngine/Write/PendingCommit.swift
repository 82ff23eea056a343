internal import CLinuxIO
internal import Synchronization

/// How far a write must have come when the call that makes it returns.
public enum Durability: Sendable {
    /// It survives power loss: the log has been synced.
    case synced
    /// It survives the death of the process: the operating system has it.
    case buffered
}

/// A condition of a conditional batch: nobody wrote the key after a sequence number.
struct WriteCondition {
    let keyspace: KeyspaceID
    let key: [UInt8]
    let unchangedSince: SequenceNumber
}

/// One caller's place in the commit queue. Reused from commit to commit: it keeps its memory and its gate.
final class PendingCommit: @unchecked Sendable {
    enum State: UInt8, AtomicRepresentable {
        /// In the queue, or part of a group that a leader works on.
        case waiting
        /// Its caller leads the next group.
        case leading
        /// `result` is set.
        case done
    }

    /// What a commit does when its turn comes.
    enum Work {
        /// Appends the records in `records`, whose places in the history are not filled in yet.
        case records
        /// Runs alone, between two groups, on the leader's thread.
        case exclusive(() throws(EngineError) -> Position)
    }

    let records = ByteWriter(capacity: 512)
    var work = Work.records
    var conditions: [WriteCondition] = []
    var durability = Durability.buffered
    /// Whether a fence refuses it: it is a caller's write, and not what a node does with its history.
    var obeysFence = true
    /// Told the outcome once, for commits that no thread waits for.
    var completion: (@Sendable (Result<Position, EngineError>) -> Void)?
    /// When the throttle began to hold it, and until when at least: for commits that no thread waits for.
    var held: (since: UInt64, until: UInt64) = (0, 0)
    /// Owned by whoever has the commit: the queue, then the leader of its group, then its caller.
    var result: Result<Position, EngineError> = .success(.start)

    let state = Atomic<State>(.waiting)
    let gate = Gate()

    /// Looks for a few microseconds whether its turn has come: a group takes one or two, going to sleep and waking fifty.
    func settlesSoon() -> Bool {
        for _ in 0..<100 {
            if state.load(ordering: .acquiring) != .waiting { return true }
            godwit_relax()
        }
        return false
    }

    /// Makes it as new, with at most 1 MiB of memory kept.
    func reset() {
        records.reset(keeping: 1 << 20)
        work = .records
        obeysFence = true
        if !conditions.isEmpty { conditions.removeAll(keepingCapacity: true) }
        completion = nil
        state.store(.waiting, ordering: .relaxed)
    }
}
