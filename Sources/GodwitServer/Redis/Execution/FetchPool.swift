internal import GodwitEngine
internal import GodwitNode
internal import GodwitReplication
internal import NIOCore
internal import NIOPosix

/// A few threads that do for the event loop what may wait for the disk: reads that memory cannot answer, scans, new
/// keyspaces. What waits too long in its queue is the sign of overload, and then more is refused.
final class FetchPool: Sendable {
    private let threads: NIOThreadPool
    /// The one thread for the file of users, so that it is read and written in the order in which that was asked for.
    private let files: NIOThreadPool
    let admission: Admission
    /// The most bytes of values that are fetched together: more than one reply may have.
    let limit: Int
    /// The most bytes that may be fetched for one command, however often it asks for more.
    let total: Int

    init(admission: Admission, limit: Int) {
        self.limit = limit
        total = 2 * limit
        threads = NIOThreadPool(numberOfThreads: 4)
        files = NIOThreadPool(numberOfThreads: 1)
        self.admission = admission
        threads.start()
        files.start()
    }

    /// Ends the pool.
    func stop() async {
        try? await threads.shutdownGracefully()
        try? await files.shutdownGracefully()
    }

    /// What came of a need.
    enum Outcome: Sendable {
        case value([UInt8]?)
        case scan(ScanResult)
        case status(ReplicaStatus)
        case confirmation(Confirmation)
        /// Whether the database was not there before.
        case database(isNew: Bool)
        case userFile(Result<[UInt8], AccessFile.Problem>)
        case done
    }

    /// Fetches, of a moment where one is named; `then` is called on a thread of the pool.
    func fetch(
        _ needs: [Need], from engine: Engine?, at moment: Snapshot?,
        _ then: @escaping @Sendable (Result<[Outcome], EngineError>) -> Void
    ) {
        let ticket = admission.enter()
        let threads = needs.contains(where: \.isOfFile) ? files : threads
        threads.submit { state in
            guard case .active = state else { return }
            self.admission.begin(ticket)
            then(
                Result { () throws(EngineError) in
                    try self.fetch(needs, engine, moment)
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
    private func fetch(
        _ needs: [Need], _ engine: Engine?, _ moment: Snapshot?
    ) throws(EngineError) -> [Outcome] {
        var outcomes = [Outcome](repeating: .done, count: needs.count)
        var values: [Keyspace: [(place: Int, key: [UInt8], length: Int)]] = [:]
        for (place, need) in needs.enumerated() {
            switch need {
            case .value where needs.count == 1: outcomes[place] = try fetch(need, engine, moment)
            case .value(let keyspace, let key): values[keyspace, default: []].append((place, key, .max))
            case .head(let keyspace, let key): values[keyspace, default: []].append((place, key, Value.headLength))
            case .scan, .database, .status, .confirmation, .readUsers, .writeUsers:
                outcomes[place] = try fetch(need, engine, moment)
            }
        }
        guard let engine else { return outcomes }
        var bytes = 0
        for (keyspace, wanted) in values {
            // Each key once, however often it is asked for.
            var places: [[UInt8]: [(place: Int, length: Int)]] = [:]
            for (place, key, length) in wanted { places[key, default: []].append((place, length)) }
            let keys = Array(places.keys)
            for (place, _, _) in wanted { outcomes[place] = .value(nil) }
            try engine.multiGet(keys, in: keyspace, at: moment) { index, value in
                let places = places[keys[index], default: []]
                let length = min(value.byteCount, places.reduce(0) { max($0, $1.length) })
                bytes += length
                // What is no longer taken is asked for again, and then what was taken is too much for a reply.
                let found: [UInt8]? = bytes > limit ? nil : value.withView { $0.slice(0, length).array }
                for (place, length) in places {
                    outcomes[place] = found.map { .value(Array($0.prefix(length))) } ?? .done
                }
            }
        }
        return outcomes
    }

    private func fetch(
        _ need: Need, _ engine: Engine?, _ moment: Snapshot?
    ) throws(EngineError) -> Outcome {
        switch need {
        case .readUsers(let path):
            return .userFile(Result { () throws(AccessFile.Problem) in try AccessFile.read(path) })
        case .writeUsers(let content, let path):
            return .userFile(
                Result { () throws(AccessFile.Problem) in
                    try AccessFile.write(content, to: path)
                    return []
                })
        case .status, .confirmation: return .done
        case .value, .head, .scan, .database: break
        }
        guard let engine else { return .done }
        switch need {
        case .value(let keyspace, let key): return .value(try engine.get(key, in: keyspace, at: moment))
        case .scan(let request): return .scan(try Self.scan(request, engine, moment))
        case .database(let number):
            return .database(isNew: try Database.create(number, in: engine))
        case .head, .status, .confirmation, .readUsers, .writeUsers: return .done
        }
    }

    /// Asks the node, which answers when it can and holds no thread until then.
    static func ask(_ need: Need, _ node: Node, _ engine: Engine?, after write: Position?) async -> Outcome? {
        switch need {
        case .status: return (try? await node.status()).map { .status($0) }
        case .confirmation(let level, let local, let limit):
            guard let engine else { return nil }
            let databases = engine.keyspaces.filter { Database.owns($0.name) }
            let others = await held(write ?? .start, databases, level, limit, node)
            var isLocal = write.map { $0 <= engine.durablePoint.position } ?? true
            if !isLocal, local > 0, let write {
                isLocal = await withCheckedContinuation { continuation in
                    engine.whenSynced(write) { continuation.resume(returning: (try? $0.get()) != nil) }
                }
            }
            return .confirmation(Confirmation(others: others, isLocal: isLocal))
        case .value, .head, .scan, .database, .readUsers, .writeUsers: return nil
        }
    }

    /// For how long the node is asked to wait at a time: so soon it is noticed that nobody waits any more.
    private static let patience = Duration.seconds(1)

    /// How many other nodes have a position, once that are as many as `level` says, or the limit is over.
    private static func held(
        _ position: Position, _ databases: [Keyspace], _ level: WriteLevel, _ limit: Duration, _ node: Node
    ) async -> Int {
        let end = ContinuousClock.now + limit
        while true {
            let begin = ContinuousClock.now
            let wait = min(patience, max(.zero, end - begin))
            guard let outcome = try? await node.confirm(position, of: databases, level: level, limit: wait) else {
                return 0
            }
            switch outcome {
            case .reached(let regions): return max(0, regions.count - 1)
            case .unconfirmed(_, let regions):
                let now = ContinuousClock.now
                // One that answers early will not answer otherwise later: it is the primary no more.
                let isFinal = now >= end || now - begin < wait || Task.isCancelled
                if isFinal { return max(0, regions.count - 1) }
            }
        }
    }

    /// Memory that a row takes besides its bytes.
    private static let rowOverhead = 64

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
            result.byteCount += key.count + value.count + rowOverhead
            guard result.byteCount <= request.byteLimit else {
                result = ScanResult(isTooLarge: true)
                return false
            }
            result.rows.append(.init(key: key, value: value))
            return true
        }
        return result
    }
}
