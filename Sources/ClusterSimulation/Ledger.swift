package import GodwitEngine
package import GodwitReplication

/// What clients wrote, and what they were told: the truth that a run is judged by. Every write puts a key of its own,
/// `w/<id>`, so that each can be looked for.
package struct Ledger {
    package struct Write {
        package let id: UInt64
        package let node: Int
        package let position: Position
        package let level: WriteLevel
        /// Whether the client was told that its level is reached; `.local` ones are acknowledged at once.
        package var isAcknowledged: Bool
        /// The nodes that had it durable when it was acknowledged.
        package var holders: [Int] = []
        /// Whether an operator, or a restart without its followers, was allowed to lose it.
        package var isExcused = false
        /// Whether it is no part of the history that goes on, and belongs in a tail: a higher epoch had begun elsewhere
        /// before it was written, of which its node had not heard, or an operator went on without its living primary.
        package var isOutside = false
    }

    /// What became of an acknowledged write.
    package enum Fate: String, CaseIterable {
        case survived, recovered, superseded, conflicting, expired, lost
    }

    package private(set) var writes: [Write] = []

    package mutating func add(_ write: Write) { writes.append(write) }

    package mutating func change(_ id: UInt64, _ body: (inout Write) -> Void) {
        guard let index = writes.firstIndex(where: { $0.id == id }) else { return }
        body(&writes[index])
    }

    package subscript(id: UInt64) -> Write? { writes.first { $0.id == id } }

    /// Changes all writes that are meant.
    package mutating func change(where isMeant: (Write) -> Bool, _ body: (inout Write) -> Void) {
        for index in writes.indices where isMeant(writes[index]) { body(&writes[index]) }
    }
}
