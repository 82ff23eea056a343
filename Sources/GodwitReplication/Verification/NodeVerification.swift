/// What comparing this node's data with that of its followers showed.
public struct NodeVerification: Sendable, Codable, Hashable {
    /// A key whose value, deadline or existence differs.
    public struct Difference: Sendable, Codable, Hashable {
        /// The keyspace's name.
        public let keyspace: String
        /// The key.
        public let key: [UInt8]
        /// Where the key has a value: `leader`, `follower`, or `both` when the values differ.
        public let heldBy: String
    }

    /// What one follower showed.
    public struct Node: Sendable, Codable, Hashable {
        /// The follower's node id.
        public let node: String
        /// Its region.
        public let region: String
        /// How many entries were compared.
        public var entries: UInt64
        /// Keyspaces left out because the follower does not hold them.
        public var skipped: [String]
        /// What differs; at most 1,000 keys are listed.
        public var differences: [Difference]
        /// Why the comparison did not come to its end; nil when it did.
        public var failure: String?

        /// Whether all that was to be compared was compared, and nothing differs.
        public var isEqual: Bool { outcome == .equal }

        /// What the comparison showed.
        public var outcome: Outcome {
            if !differences.isEmpty { return .different }
            return failure == nil ? .equal : .notCompared
        }
    }

    /// What a comparison showed.
    public enum Outcome: String, Sendable, Codable {
        /// Everything was compared, and nothing differs.
        case equal
        /// Keys differ.
        case different
        /// No difference was seen, but not everything was compared: no follower was connected, one did not stream yet,
        /// a link ended, or a node failed. Try again.
        case notCompared
    }

    /// The position that all nodes were compared at.
    public let position: String
    /// The moment of expiry that all nodes were compared at: what expires by then counts as absent.
    public let cut: UInt64
    /// Each follower that was connected when it began.
    public var nodes: [Node]

    /// Whether there is a follower, and every one has the same data.
    public var isEqual: Bool { outcome == .equal }

    /// The worst of what the nodes showed.
    public var outcome: Outcome {
        if nodes.contains(where: { $0.outcome == .different }) { return .different }
        return !nodes.isEmpty && nodes.allSatisfy(\.isEqual) ? .equal : .notCompared
    }
}
