internal import GodwitEngine
internal import GodwitNode
internal import GodwitReplication
internal import NIOCore
internal import NIOPosix

/// A few threads that do for the event loop what may wait for the disk: reads that memory cannot answer, scans, new
/// keyspaces. What waits too long in its queue is the sign of overload, and then more is refused.
final class FetchPool: Sendable {
    private let threads: NIOThreadPool
    let admission: Admission

    init(admission: Admission) {
        threads = NIOThreadPool(numberOfThreads: 4)
        self.admission = admission
        threads.start()
    }

    /// Ends the pool.
    func stop() async { try? await threads.shutdownGracefully() }

    /// What came of a need.
    enum Outcome: Sendable {
        case value([UInt8]?)
        case scan(ScanResult)
        case status(ReplicaStatus)
        case confirmation(Confirmation)
        case done
    }

    /// Fetches, of a moment where one is named; `then` is called on a thread of the pool.
    func fetch(
        _ needs: [Need], from engine: Engine, at moment: Snapshot?,
        _ then: @escaping @Sendable (Result<[Outcome], EngineError>) -> Void
    ) {
        let ticket = admission.enter()
        threads.submit { state in
            guard case .active = state else { return }
            self.admission.begin(ticket)
            then(
                Result { () throws(EngineError) in
                    try Self.fetch(needs, engine, moment)
                })
        }
    }

    /// Runs work of another kind on the pool.
    func submit(_ work: @escaping @Sendable () -> Void) {
        threads.submit { state in
            if case .active = state { work() }
        }
    }

    /// Fetches values together, so that what they lack is read together, and the rest one by one.
    private static func fetch(
        _ needs: [Need], _ engine: Engine, _ moment: Snapshot?
    ) throws(EngineError) -> [Outcome] {
        var outcomes = [Outcome](repeating: .done, count: needs.count)
        var values: [Keyspace: [(place: Int, key: [UInt8])]] = [:]
        for (place, need) in needs.enumerated() {
            if needs.count > 1, case .value(let keyspace, let key) = need {
                values[keyspace, default: []].append((place, key))
            } else {
                outcomes[place] = try fetch(need, engine, moment)
            }
        }
        for (keyspace, wanted) in values {
            for (place, _) in wanted { outcomes[place] = .value(nil) }
            try engine.multiGet(wanted.map(\.key), in: keyspace, at: moment) { index, value in
                outcomes[wanted[index].place] = .value(value.withView { $0.array })
            }
        }
        return outcomes
    }

    private static func fetch(
        _ need: Need, _ engine: Engine, _ moment: Snapshot?
    ) throws(EngineError) -> Outcome {
        switch need {
        case .value(let keyspace, let key): return .value(try engine.get(key, in: keyspace, at: moment))
        case .scan(let request): return .scan(try scan(request, engine, moment))
        case .database(let number):
            try Database.create(number, in: engine)
            return .done
        case .status, .confirmation: return .done
        }
    }

    /// Asks the node, which answers when it can and holds no thread until then.
    static func ask(_ need: Need, _ node: Node, _ engine: Engine, after write: Position?) async -> Outcome? {
        switch need {
        case .status: return (try? await node.status()).map { .status($0) }
        case .confirmation(let level, let local, let limit):
            let held = (try? await node.confirm(write ?? .start, level: level, limit: limit)) ?? []
            var isLocal = write.map { $0 <= engine.durablePoint.position } ?? true
            if !isLocal, local > 0, let write {
                isLocal = await withCheckedContinuation { continuation in
                    engine.whenSynced(write) { continuation.resume(returning: (try? $0.get()) != nil) }
                }
            }
            return .confirmation(Confirmation(others: max(0, held.count - 1), isLocal: isLocal))
        case .value, .scan, .database: return nil
        }
    }

    static func scan(
        _ request: ScanRequest, _ engine: Engine, _ moment: Snapshot? = nil
    ) throws(EngineError) -> ScanResult {
        var result = ScanResult()
        let range = KeyRange(from: request.lower, to: request.upper)
        try engine.scan(range, in: request.keyspace, reverse: request.isReverse, at: moment) { key, value in
            if result.count == request.limit {
                result.isComplete = false
                return false
            }
            result.count += 1
            if request.isCount { return true }
            let key = key.withView { $0.array }
            result.last = key
            if let pattern = request.pattern, !Glob.matches(pattern, key) { return true }
            let value = value.withView { view in
                request.wantsValues ? view.array : view.slice(0, min(view.count, ScanRequest.headLength)).array
            }
            result.rows.append(.init(key: key, value: value))
            return true
        }
        return result
    }
}
