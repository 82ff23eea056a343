internal import GodwitEngine
internal import NIOCore

/// Gives the space of expired large hashes back: the engine drops their heads by itself, but the rows of their fields have
/// no deadline. The index of deadlines leads to them; what is removed goes through the log, so followers remove it too.
final class Sweep: @unchecked Sendable {
    /// Between two looks, and how many hashes one look removes at most.
    private static let interval = TimeAmount.seconds(1)
    private static let limit = 256

    private unowned let executor: Executor
    private var isLooking = false
    private(set) var removed = 0

    init(_ executor: Executor) { self.executor = executor }

    /// Looks from now on.
    func start() {
        executor.loop.scheduleRepeatedTask(initialDelay: Self.interval, delay: Self.interval) { _ in self.look() }
    }

    private func look() {
        let executor = executor
        // Nobody may have asked anything since the node was promoted.
        executor.takeNote()
        guard !isLooking, executor.isPrimary, let engine = executor.engine else { return }
        let databases = (0..<Database.count).compactMap { executor.database($0) }
        if databases.isEmpty { return }
        isLooking = true
        let now = LargeHash.bigEndian(engine.now)
        executor.pool.submit {
            var found: [(Database, ScanResult)] = []
            for database in databases {
                let request = ScanRequest(
                    keyspace: database.deadlines, lower: nil, upper: now, limit: Self.limit, wantsValues: false)
                if let result = try? FetchPool.scan(request, engine), !result.rows.isEmpty {
                    found.append((database, result))
                }
            }
            let all = found
            executor.loop.execute {
                self.isLooking = false
                self.remove(all, of: engine)
            }
        }
    }

    private func remove(_ found: [(Database, ScanResult)], of engine: Engine) {
        guard !found.isEmpty, engine === executor.engine, executor.isPrimary, !executor.isBusy else { return }
        for (database, result) in found {
            for row in result.rows {
                // A row whose deadline has come stays as it is: nobody can write to a hash that is gone.
                guard row.key.count == 16 else { continue }
                let incarnation = row.key.withSlice { $0.bigEndian(8) }
                let head = LargeHash(incarnation: incarnation, count: 0)
                do throws(Interrupt) {
                    try executor.deleteRange(database.fields, from: head.lower, to: head.upper)
                    try row.key.withSlice { (key) throws(Interrupt) in try executor.delete(database.deadlines, key) }
                    removed += 1
                } catch {
                    return
                }
            }
        }
        executor.commit()
    }
}
