/// What became of one batch of a tail.
public enum TailClass: String, Sendable, Codable, CaseIterable {
    /// Nobody touched its keys since: replayed, or would be.
    case recovered
    /// A later write replaced what it wrote.
    case superseded
    /// It cannot be decided by looking at its keys, or an earlier write stands where it would go.
    case conflicting
    /// All its values have expired.
    case expired
}

/// What a rejoined node's tail held, batch by batch: each in exactly one class.
public struct RecoveryReport: Sendable, Codable, Hashable {
    /// One batch of the tail.
    public struct Row: Sendable, Codable, Hashable {
        /// The batch's position in the tail's own history, `1.5f00aa12@1042`.
        public let position: String
        /// What became of it.
        public let outcome: TailClass
        /// Whether it was written again.
        public let replayed: Bool
    }

    /// The node whose tail it is.
    public let node: String
    /// Where the tail leaves the history that went on.
    public let fork: String
    /// The last position of the tail.
    public let end: String
    /// How many sequence numbers after the fork the log no longer had when the tail was saved: what was written at them
    /// is not kept, and in no row. 0 unless the log passed its cap.
    public let notKept: UInt64
    /// The policy that decided what is replayed.
    public let policy: RecoveryPolicy
    /// Every batch, in order.
    public var rows: [Row]

    /// How many batches there are.
    public var batches: Int { rows.count }
    /// How many batches are of a class.
    public func count(of outcome: TailClass) -> Int { rows.count { $0.outcome == outcome } }
    /// `3 recovered, 1 superseded, 0 conflicting, 0 expired`.
    public var summary: String {
        let classes = TailClass.allCases.map { "\(count(of: $0)) \($0.rawValue)" }.joined(separator: ", ")
        return notKept == 0 ? classes : classes + "; the log no longer had \(notKept) sequence numbers before them"
    }
}

/// Which batches of a tail are written again.
public enum RecoveryPolicy: String, Sendable, Codable {
    /// None: the report says what could be.
    case report
    /// Those whose keys nobody touched since.
    case clean
    /// Those too whose keys were last touched by an earlier write.
    case lastWriterWins
}
