internal import GodwitEngine

/// Classifies a rejoined node's tail, batch by batch, and writes again what its policy says. Runs on the primary, a
/// bounded part at each `step`: the thread that calls it also has heartbeats to send.
///
/// 1. Read the log since the fork, and what comes in later, before anything is judged.
/// 2. For each batch: was it written again before (a crash came between that and the report)? Then it is recovered.
/// 3. Look at each of its keys in the log since the fork. The worst key decides: an earlier write, or what cannot be
///    decided by keys, is a conflict; a later write supersedes. Of what is left, a batch whose puts have all expired is
///    expired, and any other is recovered.
/// 4. Write it again, whole, with its own deadlines, on the condition that nobody touched its keys since the look, and
///    with its old position and the tail's node in the keyspace `.recovered`, in one batch. When somebody did, look
///    again.
/// 5. Once all that was written again is synced, report on the piece: what is reported as recovered survives.
final class TailRecovery {
    enum Progress {
        /// There is more to do at once.
        case more
        /// Writers are held back, or what was written again is not synced yet.
        case waiting
        /// A piece of the tail is wanted.
        case idle
        /// What became of the piece.
        case judged(TailVerdicts)
    }

    /// A piece of the tail that is being judged.
    private struct Piece {
        let records: [UInt8]
        /// Up to where the log is read, bit by bit, before the first of them is judged.
        let logEnd: SequenceNumber
        var offset = 0
        var verdicts: TailVerdicts
        /// Up to where the log is to be synced before they are told.
        var syncedThrough: SequenceNumber = 0
    }

    /// Nanoseconds after which to look again where it waits.
    static let pause: UInt64 = 10_000_000
    private static let attempts = 100
    /// How many batches are judged at once: each may be a write.
    private static let batches = 64

    let header: TailHeader
    private let engine: Engine
    private let policy: RecoveryPolicy
    private let touched: TouchedKeys
    private let stepBytes: Int
    /// Keyspaces that the tail made: here their ids stand for others, or for nothing.
    private var unknown: Set<KeyspaceID> = []
    private var piece: Piece?
    private(set) var rows: [TailVerdicts.Row] = []

    /// - Parameter stepBytes: How many bytes of the log are read at once, and judged of the tail: about.
    init(
        _ header: TailHeader, _ engine: Engine, _ policy: RecoveryPolicy, stepBytes: Int = 1 << 20
    ) throws(EngineError) {
        self.header = header
        self.engine = engine
        self.policy = policy
        self.stepBytes = stepBytes
        touched = try TouchedKeys(engine, for: header)
    }

    /// Whether a piece is being judged.
    var isBusy: Bool { piece != nil }

    /// Takes a piece of the tail: whole records.
    func take(_ records: ByteView, isLast: Bool) {
        piece = Piece(
            records: records.array, logEnd: engine.historyPoint.position.sequence,
            verdicts: TailVerdicts(isLast: isLast, policy: policy, rows: []))
    }

    /// Goes on with the piece.
    func step() throws(EngineError) -> Progress {
        guard var piece else { return .idle }
        if engine.holdsWriters { return .waiting }
        if try touched.advance(to: piece.logEnd, maxBytes: stepBytes) { return .more }
        if piece.offset < piece.records.count {
            try judge(&piece)
            self.piece = piece
            return .more
        }
        guard engine.durablePoint.position.sequence >= piece.syncedThrough else {
            try engine.requestSync()
            return .waiting
        }
        self.piece = nil
        rows += piece.verdicts.rows
        return .judged(piece.verdicts)
    }

    /// Judges the next batches of a piece.
    private func judge(_ piece: inout Piece) throws(EngineError) {
        let (records, start) = (piece.records, piece.offset)
        var rows: [TailVerdicts.Row] = []
        let judged = try records.withView { (view) throws(EngineError) in
            var run = RecordRun(view.dropFirst(start))
            for _ in 0..<Self.batches where run.offset < stepBytes && !engine.holdsWriters {
                guard let record = try run.next() else { break }
                touched.expect(record.epoch)
                guard let (outcome, replayed) = try judge(record) else { continue }
                rows.append(TailVerdicts.Row(position: record.position, outcome: outcome, replayed: replayed))
            }
            return run.offset
        }
        piece.offset += judged
        piece.verdicts.rows += rows
        if piece.offset == records.count { piece.syncedThrough = engine.historyPoint.position.sequence }
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
                switch touched.touch(key, before: record.position) {
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
        shipper.recovery = try TailRecovery(
            header, engine, core.options.recoveryPolicy, stepBytes: core.options.frameBytes)
        core.send(.tailRequest, on: shipper.link)
    }

    /// A piece of the tail came.
    func takeTail(_ records: ByteView, isLast: Bool, _ shipper: Shipper) {
        guard let recovery = shipper.recovery, !recovery.isBusy else { return }
        recovery.take(records, isLast: isLast)
    }

    /// Goes on with the recovery of a follower's tail; returns when to look again.
    func recoverTail(_ shipper: Shipper, now: UInt64) -> UInt64 {
        guard let recovery = shipper.recovery else { return .max }
        guard case .primary(let reign) = role, case .open = reign.state else {
            shipper.recovery = nil
            core.send(.cancel(reason: "this node is not the primary any more"), on: shipper.link)
            return .max
        }
        // Nothing is written while the lag guard holds: the link stays, since its catching up is what ends that.
        if isGuarding { return now + TailRecovery.pause }
        do throws(EngineError) {
            switch try recovery.step() {
            case .idle: return .max
            case .more: return now
            case .waiting: return now + TailRecovery.pause
            case .judged(let verdicts):
                judged(verdicts, recovery, shipper)
                return now
            }
        } catch {
            shipper.recovery = nil
            core.failed("recover the tail of \(shipper.link.name)", error)
            core.close(shipper.link, "the tail cannot be recovered now: \(error.code.rawValue)")
            return now
        }
    }

    private func judged(_ verdicts: TailVerdicts, _ recovery: TailRecovery, _ shipper: Shipper) {
        core.send(.tailReport(verdicts), on: shipper.link)
        if !verdicts.isLast { return core.send(.tailRequest, on: shipper.link) }
        shipper.recovery = nil
        let rows = recovery.rows.map {
            RecoveryReport.Row(position: $0.position.description, outcome: $0.outcome, replayed: $0.replayed)
        }
        let report = RecoveryReport(recovery.header, policy: core.options.recoveryPolicy, rows: rows)
        core.add(report)
    }

    /// A node that became primary before it could send a tail of its own recovers it itself; returns when to look
    /// again.
    func recoverOwnTail(_ engine: Engine, now: UInt64) throws(EngineError) -> UInt64 {
        if ownTail == nil {
            guard now >= nextOwnTail else { return nextOwnTail }
            nextOwnTail = now + 30_000_000_000
            guard let sender = try TailSender.next(core) else { return nextOwnTail }
            ownTail = (
                sender,
                try TailRecovery(
                    sender.header, engine, core.options.recoveryPolicy, stepBytes: core.options.frameBytes)
            )
        }
        guard let (sender, recovery) = ownTail else { return nextOwnTail }
        guard sender.isKnown else {
            let isRead = core.attempt("read a saved tail") { () throws(EngineError) in try sender.look(core) } != nil
            if isRead { return now }
            ownTail = nil
            return nextOwnTail
        }
        switch try recovery.step() {
        case .more: return now
        case .waiting: return now + TailRecovery.pause
        case .idle: try sender.takeNext(core) { records, isLast in recovery.take(records, isLast: isLast) }
        case .judged(let verdicts):
            guard let report = try sender.reported(verdicts, core) else { return now }
            ownTail = nil
            nextOwnTail = now
            core.add(report)
        }
        return now
    }
}
