internal import GodwitEngine
internal import GodwitReplication
internal import GodwitSimulation

/// The end of a run: every acknowledged write is found in exactly one place.
extension Simulation {
    /// A write that was replayed from a tail may come to be part of a tail again: it is looked for under every position
    /// it ever had. Reports of a primary whose own history did not go on say nothing about what is there now.
    func account() throws -> [Ledger.Fate: Int] {
        var fates: [Ledger.Fate: Int] = [:]
        let rows = reportedRows()
        let positions = try positionsInTails()
        guard let engine = cluster.primary?.engine else { throw Violation(description: "there is no primary") }
        for write in ledger.writes where write.isAcknowledged {
            let places = [write.position.description] + (positions[write.id] ?? [])
            var classes = places.flatMap { rows[$0] ?? [] }
            if isNotKept(write.position) { classes.append(.conflicting) }
            let fate = Self.fate(isThere: try engine.contains("w/\(write.id)"), classes)
            // Its key is its own, so that no later write can have taken its place: it is to be in the data, or in a tail
            // if it never was part of the history that went on.
            let isThere = fate == .survived || fate == .recovered || write.isOutside && fate != .lost
            if case .durable = write.level, !write.isExcused, !isThere {
                throw Violation(
                    description: "write \(write.id) at \(write.position) was \(write.level) and is \(fate.rawValue)")
            }
            // Whoever took it kept it through all power losses: it cannot just be gone.
            if fate == .lost, cluster.nodes[write.node].everHadDurable(write.position) {
                throw Violation(
                    description:
                        "write \(write.id) at \(write.position) was durable where it was taken, and is in no tail")
            }
            fates[fate, default: 0] += 1
        }
        cluster.note(
            "fates: " + Ledger.Fate.allCases.map { "\(fates[$0] ?? 0) \($0.rawValue)" }.joined(separator: ", "))
        return fates
    }

    private static func fate(isThere: Bool, _ classes: [TailClass]) -> Ledger.Fate {
        if isThere { return classes.contains(.recovered) ? .recovered : .survived }
        if classes.contains(.conflicting) { return .conflicting }
        if classes.contains(.superseded) { return .superseded }
        return classes.contains(.expired) ? .expired : .lost
    }

    /// Whether a report says that a tail lacks this position, since the log no longer reached back to it.
    private func isNotKept(_ position: Position) -> Bool {
        cluster.nodes.flatMap(\.events).contains { event in
            guard case .recovered(let report) = event, report.notKept > 0, let end = Position(report.end),
                let fork = Position(report.fork)
            else { return false }
            return position > fork && position.epoch <= end.epoch
                && position.sequence <= fork.sequence + report.notKept
        }
    }

    /// What the reports say of each position.
    private func reportedRows() -> [String: [TailClass]] {
        var rows: [String: [TailClass]] = [:]
        for node in cluster.nodes {
            for case .recovered(let report) in node.events {
                for row in report.rows { rows[row.position, default: []].append(row.outcome) }
            }
        }
        return rows
    }

    /// The positions at which the tails on all disks hold each write.
    private func positionsInTails() throws -> [UInt64: [String]] {
        var positions: [UInt64: [String]] = [:]
        for node in cluster.nodes {
            let directory = "/store/replication/tails"
            guard try node.disk.exists(directory) else { continue }
            for name in try node.disk.list(directory)
            where ![".report", ".tmp", ".damaged"].contains(where: { name.hasSuffix($0) }) {
                let file = try node.disk.open(directory + "/" + name, .read)
                let bytes = try file.read(Int(try file.size()), at: 0)
                try bytes.withView { (view) throws(EngineError) in
                    try Self.find(in: view.dropFirst(104), &positions)
                }
            }
        }
        return positions
    }

    private static func find(in records: ByteView, _ positions: inout [UInt64: [String]]) throws(EngineError) {
        var run = RecordRun(records)
        while let record = try run.next() {
            guard record.type == .batch else { continue }
            for section in record.sections where section.payload != nil {
                var operations = OperationReader(section)
                while let operation = try operations.next() {
                    let key = String(decoding: operation.key.array, as: UTF8.self)
                    guard key.hasPrefix("w/"), let id = UInt64(key.dropFirst(2)) else { continue }
                    positions[id, default: []].append(record.position.description)
                }
            }
        }
    }
}
