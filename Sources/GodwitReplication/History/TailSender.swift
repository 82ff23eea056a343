internal import GodwitEngine

/// Sends a saved tail to the primary, piece by piece as it asks, and keeps the report.
final class TailSender {
    private static let piece = 4 << 20
    /// How many reported tails are kept.
    private static let kept = 16

    private let file: TailFile
    private let cutter = TailCutter()
    /// Whether the tail was looked through: only then it is known to be whole, and what of it may go out.
    private(set) var isKnown = false
    private var isWhole = false
    private let hash = ContentHash()
    private var offset: UInt64 = 0
    private var rows: [RecoveryReport.Row] = []

    var header: TailHeader { file.header }

    private init(_ file: TailFile) { self.file = file }

    /// The oldest tail that no primary has reported on and that is not known to be damaged; nil when there is none.
    static func next(_ core: ReplicaCore) throws(EngineError) -> TailSender? {
        let directory = TailFile.directory(core)
        guard try core.fileSystem.exists(directory) else { return nil }
        let names = try core.fileSystem.list(directory)
        let tails = names.filter { !$0.hasSuffix(".report") && !names.contains($0 + ".report") }
        // What is written again of an older one is older than what a newer one has.
        for name in TailFile.inOrder(tails) where !core.damagedTails.contains(name) {
            do throws(EngineError) {
                return TailSender(try TailFile(name, core))
            } catch {
                guard error.code == .corruption else { throw error }
                core.damagedTails.insert(name)
                core.failed("read a saved tail", error)
            }
        }
        return nil
    }

    /// Looks through the next piece, before the first is sent or judged: first whether all is as it was saved, then what
    /// may go out. Of a damaged tail nothing goes out: what comes after the damage would be missing from the account.
    func look(_ core: ReplicaCore) throws(EngineError) {
        do throws(EngineError) {
            try lookOn(core)
        } catch {
            if error.code == .corruption { core.damagedTails.insert(file.name) }
            throw error
        }
    }

    private func lookOn(_ core: ReplicaCore) throws(EngineError) {
        if isWhole {
            isKnown = try takeNext(core) { (records, isLast) throws(EngineError) in
                try cutter.learn(records)
                return isLast
            }
            if isKnown { offset = 0 }
            return
        }
        let bytes = try file.bytes(from: offset, limit: Self.piece, core.fileSystem)
        bytes.withView { hash.update($0) }
        offset += UInt64(bytes.count)
        guard offset == file.length else { return }
        try file.check(hash)
        isWhole = true
        offset = 0
    }

    /// Sends the next piece, without what the primary's region is not to have.
    func sendNext(over link: Link, _ core: ReplicaCore) throws(EngineError) {
        guard isKnown, let engine = core.engine, let region = link.peer?.region else { return }
        try takeNext(core) { (records, isLast) throws(EngineError) in
            let cut = try cutter.cut(records, for: region, engine)
            cut.withView { core.send(.tailData(isLast: isLast, $0), on: link) }
        }
    }

    /// Lends the next piece to the node's own recovery; whether it is the last.
    func takeNext<R>(
        _ core: ReplicaCore, _ body: (ByteView, _ isLast: Bool) throws(EngineError) -> R
    ) throws(EngineError) -> R {
        let records = try file.records(from: offset, limit: Self.piece, core.fileSystem)
        offset += UInt64(records.count)
        let isLast = offset >= file.length
        return try records.withView { (view) throws(EngineError) in try body(view, isLast) }
    }

    /// Takes what became of a piece; gives the report when it was the last.
    func reported(_ verdicts: TailVerdicts, _ core: ReplicaCore) throws(EngineError) -> RecoveryReport? {
        rows += verdicts.rows.map {
            RecoveryReport.Row(position: $0.position.description, outcome: $0.outcome, replayed: $0.replayed)
        }
        guard verdicts.isLast else { return nil }
        let report = RecoveryReport(header, policy: verdicts.policy, rows: rows)
        try report.save(core, file.name)
        try forgetOld(core)
        return report
    }

    /// Removes the oldest of the tails that were reported on.
    private func forgetOld(_ core: ReplicaCore) throws(EngineError) {
        let directory = TailFile.directory(core)
        let names = try core.fileSystem.list(directory)
        let reported = names.filter { names.contains($0 + ".report") && $0 != file.name }
        for name in TailFile.inOrder(reported).dropLast(Self.kept - 1) {
            try core.fileSystem.remove(directory + "/" + name)
            try core.fileSystem.remove(directory + "/" + name + ".report")
        }
    }
}

extension RecoveryReport {
    init(_ header: TailHeader, policy: RecoveryPolicy, rows: [Row]) {
        self.init(
            node: header.node.description, fork: header.fork.position.description,
            end: header.end.position.description,
            notKept: header.keptAfter - min(header.keptAfter, header.fork.position.sequence),
            policy: policy, rows: rows)
    }

    /// Stores it beside its tail.
    func save(_ core: ReplicaCore, _ name: String) throws(EngineError) {
        let lines = rows.map { ["batch", $0.position, $0.outcome.rawValue, $0.replayed ? "1" : "0"] }
        try StoredText(core.fileSystem, in: TailFile.directory(core), name + ".report").write(
            [["godwit recovery", "1"], ["tail", node, fork, end, policy.rawValue, String(notKept)]] + lines)
    }

    /// The reports that are kept, by the end of their tails.
    static func load(_ core: ReplicaCore) throws(EngineError) -> [RecoveryReport] {
        let directory = TailFile.directory(core)
        guard try core.fileSystem.exists(directory) else { return [] }
        var reports: [RecoveryReport] = []
        for name in TailFile.inOrder(try core.fileSystem.list(directory)) where name.hasSuffix(".report") {
            let file = StoredText(core.fileSystem, in: directory, name)
            guard let lines = try file.read() else { continue }
            guard lines.count >= 2, lines[0] == ["godwit recovery", "1"], lines[1].count == 6,
                let policy = RecoveryPolicy(rawValue: lines[1][4]), let notKept = UInt64(lines[1][5])
            else { throw file.malformed() }
            var report = RecoveryReport(
                node: lines[1][1], fork: lines[1][2], end: lines[1][3], notKept: notKept, policy: policy,
                rows: [])
            for line in lines.dropFirst(2) {
                guard line.count == 4, let outcome = TailClass(rawValue: line[2]) else { throw file.malformed() }
                report.rows.append(Row(position: line[1], outcome: outcome, replayed: line[3] == "1"))
            }
            reports.append(report)
        }
        return reports
    }
}
