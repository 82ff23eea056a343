internal import GodwitEngine

/// Classifies a rejoined node's tail, batch by batch, and writes again what its policy says. Runs on the primary.
///
/// 1. For each batch: was it written again before (a crash came between that and the report)? Then it is recovered.
/// 2. Look at each of its keys in the log since the fork. The worst key decides: an earlier write, or what cannot be
///    decided by keys, is a conflict; a later write supersedes. Of what is left, a batch whose puts have all expired is
///    expired, and any other is recovered.
/// 3. Write it again, whole, with its own deadlines, on the condition that nobody touched its keys since the look, and
///    with its old position and the tail's node in the keyspace `.recovered`, in one batch. When somebody did, look again.
/// 4. Sync, then report: what is reported as recovered survives.
final class TailRecovery {
    private static let attempts = 100

    let header: TailHeader
    private let engine: Engine
    private let policy: RecoveryPolicy
    private let touched: TouchedKeys
    /// Keyspaces that the tail made: here their ids stand for others, or for nothing.
    private var unknown: Set<KeyspaceID> = []
    private(set) var rows: [TailVerdicts.Row] = []

    init(_ header: TailHeader, _ engine: Engine, _ policy: RecoveryPolicy) throws(EngineError) {
        self.header = header
        self.engine = engine
        self.policy = policy
        touched = try TouchedKeys(engine, for: header)
    }

    /// Classifies a piece of the tail: whole records.
    func take(_ records: ByteView, isLast: Bool) throws(EngineError) -> TailVerdicts {
        var run = RecordRun(records)
        var verdicts = TailVerdicts(isLast: isLast, policy: policy, rows: [])
        while let record = try run.next() {
            touched.expect(record.epoch)
            guard let (outcome, replayed) = try judge(record) else { continue }
            verdicts.rows.append(TailVerdicts.Row(position: record.position, outcome: outcome, replayed: replayed))
        }
        try engine.sync()
        rows += verdicts.rows
        return verdicts
    }

    /// What becomes of a record; nil when nobody wrote it.
    private func judge(_ record: RecordView) throws(EngineError) -> (TailClass, Bool)? {
        switch record.type {
        case .epochBegin, .marker, .skip, .ingestChunk: return nil
        case .keyspaceCreate:
            unknown.insert(try KeyspaceCreate.decode(record.controlPayload).id)
            return (.conflicting, false)
        case .ingestCommit:
            return try IngestCommit.decode(record.controlPayload).isAbandonment ? nil : (.conflicting, false)
        case .keyspaceDrop, .keyspaceAlter: return (.conflicting, false)
        case .batch: break
        }
        try record.verifyPayloads()
        if try isReplayed(record.position) { return (.recovered, true) }
        for _ in 0..<Self.attempts {
            try touched.catchUp()
            let (outcome, isLatest) = try classify(record)
            let isWanted =
                switch policy {
                case .report: false
                case .clean: outcome == .recovered
                case .lastWriterWins: outcome == .recovered || outcome == .conflicting && isLatest
                }
            if !isWanted { return (outcome, false) }
            if try replay(record) { return (.recovered, true) }
        }
        return (.conflicting, false)
    }

    private func isReplayed(_ position: Position) throws(EngineError) -> Bool {
        guard let keyspace = engine.keyspace(RecoveredKeyspace.name) else { return false }
        return try engine.contains(RecoveredKeyspace.key(position), in: keyspace)
    }

    /// The class, and whether the batch is later than every write to its keys since.
    private func classify(_ record: RecordView) throws(EngineError) -> (TailClass, isLatest: Bool) {
        if header.isCut || touched.isBlind || record.isPartial { return (.conflicting, false) }
        let now = engine.now
        var isSuperseded = false
        var isConflicting = false
        var puts = 0
        var expired = 0
        for section in record.sections {
            if unknown.contains(section.keyspace) || touched.isChanged(section.keyspace) {
                return (.conflicting, false)
            }
            guard engine.keyspaces.contains(where: { $0.id == section.keyspace }) else { return (.conflicting, false) }
            var operations = OperationReader(section)
            while let operation = try operations.next() {
                if operation.kind == .rangeDelete { return (.conflicting, false) }
                if operation.kind == .put {
                    puts += 1
                    if operation.deadline != 0, operation.deadline <= now { expired += 1 }
                }
                let key = TouchedKeys.Key(keyspace: section.keyspace, key: operation.key.array)
                switch touched.touch(key) {
                case .none: continue
                case .at(let stamp) where stamp > record.stamp: isSuperseded = true
                case .at: isConflicting = true
                }
            }
        }
        if isConflicting { return (.conflicting, !isSuperseded) }
        if isSuperseded { return (.superseded, false) }
        return (puts > 0 && puts == expired ? .expired : .recovered, true)
    }

    /// Writes a batch again; false when somebody wrote one of its keys meanwhile.
    private func replay(_ record: RecordView) throws(EngineError) -> Bool {
        let batch = try engine.makeBatch()
        var conditions: [Condition] = []
        for section in record.sections {
            var operations = OperationReader(section)
            while let operation = try operations.next() {
                conditions.append(
                    Condition(unchanged: operation.key.array, in: section.keyspace, since: touched.sequence))
                if operation.kind == .put {
                    try batch.put(operation.key, operation.value, deadline: operation.deadline, in: section.keyspace)
                } else {
                    try batch.delete(operation.key, in: section.keyspace)
                }
            }
        }
        try batch.put(
            RecoveredKeyspace.key(record.position), RecoveredKeyspace.value(header.node),
            in: RecoveredKeyspace.ensure(engine))
        do throws(EngineError) {
            try engine.write(batch, if: conditions, durability: .buffered)
            return true
        } catch {
            guard error.code == .conflict || error.code == .conflictTooOld else { throw error }
            return false
        }
    }
}

extension Replica {
    /// A follower offers its tail.
    func offered(_ header: TailHeader, _ shipper: Shipper) throws(EngineError) {
        guard case .primary(let reign) = role, case .open = reign.state, let engine = core.engine else {
            return core.send(.cancel(reason: "this node is not the primary"), on: shipper.link)
        }
        shipper.recovery = try TailRecovery(header, engine, core.options.recoveryPolicy)
        core.send(.tailRequest, on: shipper.link)
    }

    /// A piece of the tail came.
    func takeTail(_ records: ByteView, isLast: Bool, _ shipper: Shipper) throws(EngineError) {
        guard let recovery = shipper.recovery else { return }
        guard case .primary(let reign) = role, case .open = reign.state else {
            shipper.recovery = nil
            return core.send(.cancel(reason: "this node is not the primary any more"), on: shipper.link)
        }
        let verdicts = try recovery.take(records, isLast: isLast)
        core.send(.tailReport(verdicts), on: shipper.link)
        if !isLast { return core.send(.tailRequest, on: shipper.link) }
        shipper.recovery = nil
        let rows = recovery.rows.map {
            RecoveryReport.Row(position: $0.position.description, outcome: $0.outcome, replayed: $0.replayed)
        }
        let report = RecoveryReport(recovery.header, policy: core.options.recoveryPolicy, rows: rows)
        core.reports.append(report)
        core.tell(.recovered(report))
    }

    /// A node that became primary before it could send a tail of its own recovers it itself; returns when to look
    /// again.
    func recoverOwnTail(_ engine: Engine, now: UInt64) throws(EngineError) -> UInt64 {
        if ownTail == nil {
            guard now >= nextOwnTail else { return nextOwnTail }
            nextOwnTail = now + 30_000_000_000
            guard let sender = try TailSender.next(core) else { return nextOwnTail }
            ownTail = (sender, try TailRecovery(sender.header, engine, core.options.recoveryPolicy))
        }
        guard let (sender, recovery) = ownTail else { return nextOwnTail }
        let verdicts = try sender.takeNext(core) { (records, isLast) throws(EngineError) in
            try recovery.take(records, isLast: isLast)
        }
        if let report = try sender.reported(verdicts, core) {
            ownTail = nil
            nextOwnTail = now
            core.reports.append(report)
            core.tell(.recovered(report))
        }
        return now
    }
}
