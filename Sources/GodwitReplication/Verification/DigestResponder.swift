internal import GodwitEngine

/// A follower's side of a verification: it holds its state at the marker, and answers for ranges of it.
final class DigestResponder {
    let id: UInt64
    private let engine: Engine
    private var snapshot: Snapshot?
    private var cut: UInt64 = 0

    init(_ id: UInt64, _ engine: Engine) {
        self.id = id
        self.engine = engine
    }

    /// The answer; nil when it is over.
    func answer(_ task: DigestRequest.Task) -> DigestReply.Result? {
        do throws(EngineError) {
            switch task {
            case .begin(let point, let cut, let keyspaces): return try begin(point, cut, keyspaces)
            case .compare(let range, let count, let hash):
                guard let (keyspace, snapshot) = held(range) else { return .failed("there is no such keyspace") }
                return .compared(
                    try RangeDigest.matches(
                        range, count: count, hash: hash, engine, keyspace, at: snapshot, cut: cut))
            case .list(let range):
                guard let (keyspace, snapshot) = held(range) else { return .failed("there is no such keyspace") }
                let (entries, more) = try RangeDigest.list(range, engine, keyspace, at: snapshot, cut: cut)
                return .listed(entries, more: more)
            case .end: return nil
            }
        } catch {
            return .failed(error.description)
        }
    }

    private func begin(
        _ point: HistoryPoint, _ cut: UInt64, _ keyspaces: [KeyspaceID]
    ) throws(EngineError) -> DigestReply.Result {
        guard engine.historyPoint == point else { return .failed("this node is at \(engine.historyPoint)") }
        snapshot = try engine.snapshot()
        self.cut = cut
        let own = engine.keyspaces.map(\.id)
        return .ready(lacking: keyspaces.filter { !own.contains($0) })
    }

    private func held(_ range: DigestRange) -> (Keyspace, Snapshot)? {
        guard let snapshot, let keyspace = engine.keyspaces.first(where: { $0.id == range.keyspace }) else {
            return nil
        }
        return (keyspace, snapshot)
    }
}
