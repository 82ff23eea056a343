import CommandSupport
import GodwitEngine
import GodwitReplication
import GodwitServer

/// Remembers what became of every batch a client wrote. Each batch carries a key `w/<id>` of its own, so that
/// afterwards every acknowledged id can be put into exactly one class. Its use is free to any task.
final class Witness: Sendable {
    /// What the primary acknowledged.
    struct Acknowledged: Sendable {
        let position: String
        /// Whether other nodes had it by then.
        let isConfirmed: Bool
    }

    private struct State {
        var next: UInt64 = 1
        var acknowledged: [UInt64: Acknowledged] = [:]
        /// Those who got no answer.
        var open: Set<UInt64> = []
    }

    private let state = Locked(State())

    /// The key that shows that a batch is there.
    static func key(_ id: UInt64) -> String { "w/\(id)" }

    /// The id that such a key shows; nil for any other key.
    static func id(_ key: String) -> UInt64? { key.hasPrefix("w/") ? UInt64(key.dropFirst(2)) : nil }

    /// Writes a batch with a witness in it. Throws what kept it from being acknowledged.
    func write(_ operations: [BatchOperation], to client: NodeClient, level: WriteLevel = .local) async throws {
        let id = state.withLock { state in
            defer { state.next += 1 }
            state.open.insert(state.next)
            return state.next
        }
        let written = try await client.write(
            operations + [.put(Self.key(id), "")], level == .local ? "" : "level=\(level)&wait=500ms")
        state.withLock { state in
            state.open.remove(id)
            state.acknowledged[id] = Acknowledged(
                position: written.position, isConfirmed: written.confirmed && level != .local)
        }
    }

    /// Everything acknowledged so far, by id.
    var acknowledged: [UInt64: Acknowledged] { state.withLock { $0.acknowledged } }

    /// How many batches of tails were acknowledged.
    func acknowledged(in reports: [RecoveryReport]) -> Int {
        let positions = Set(acknowledged.values.map(\.position))
        return reports.reduce(0) { $0 + $1.rows.count { positions.contains($0.position) } }
    }

    /// How many batches were acknowledged so far.
    var count: Int { state.withLock { $0.acknowledged.count } }

    /// Puts each acknowledged id into its class.
    ///
    /// - Parameters:
    ///   - present: The ids that the regions hold in the end.
    ///   - reports: What became of the tails.
    func account(present: Set<UInt64>, reports: [RecoveryReport]) -> Account {
        var outcomes: [String: TailClass] = [:]
        for report in reports { for row in report.rows { outcomes[row.position] = row.outcome } }
        return state.withLock { state in
            var account = Account()
            for (id, write) in state.acknowledged {
                let outcome = outcomes[write.position]
                account.add(id, outcome, isPresent: present.contains(id), isConfirmed: write.isConfirmed)
            }
            account.inDoubt = state.open.count { present.contains($0) }
            return account
        }
    }
}

/// Every acknowledged batch in exactly one class.
struct Account {
    private(set) var survived = 0
    private(set) var tail: [TailClass: Int] = [:]
    /// Acknowledged, and neither there nor in any report.
    private(set) var lost: [UInt64] = []
    /// What the report says and the data shows does not agree.
    private(set) var wrong: [UInt64] = []
    /// Confirmed by another node, and yet in a tail or gone.
    private(set) var broken: [UInt64] = []
    /// Never acknowledged, and there all the same.
    var inDoubt = 0

    mutating func add(_ id: UInt64, _ outcome: TailClass?, isPresent: Bool, isConfirmed: Bool) {
        if isConfirmed, outcome != nil || !isPresent { broken.append(id) }
        guard let outcome else {
            if isPresent { survived += 1 } else { lost.append(id) }
            return
        }
        tail[outcome, default: 0] += 1
        if isPresent != (outcome == .recovered) { wrong.append(id) }
    }

    /// How many ids there are in all.
    var total: Int { survived + lost.count + tail.values.reduce(0, +) }

    /// `27,000 survived, 12 recovered, 3 superseded, 0 conflicting, 0 expired, 0 lost`.
    var summary: String {
        let classes = TailClass.allCases.map { "\(tail[$0, default: 0].grouped) \($0.rawValue)" }
        return (["\(survived.grouped) survived"] + classes + ["\(lost.count.grouped) lost"]).joined(separator: ", ")
    }
}
