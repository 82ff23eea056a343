/// Tables in which a compaction has met damage. They are left alone for a while that doubles with each failure, so that
/// the rest goes on being compacted and the same bytes are not read over and over. A repair, or a compaction that
/// somebody asks for, does not wait.
struct SuspectTables {
    private static let firstWait: UInt64 = 60_000_000_000
    private static let longestWait: UInt64 = 3_600_000_000_000

    private var tables: [UInt64: (wait: UInt64, until: UInt64)] = [:]

    /// Takes note that carrying out a plan met damage: in the table whose file the error names, or in one of all.
    mutating func note(_ error: EngineError, in plan: CompactionPlan, now: UInt64) {
        let named = plan.tables.filter { error.file?.hasSuffix("/" + FileName.table($0.number).description) ?? false }
        for table in named.isEmpty ? plan.tables : named {
            let wait = min((tables[table.number]?.wait ?? Self.firstWait / 2) * 2, Self.longestWait)
            tables[table.number] = (wait, now + wait)
        }
    }

    /// The tables to leave alone now.
    func resting(now: UInt64) -> Set<UInt64> { Set(tables.filter { $0.value.until > now }.keys) }

    /// Forgets the tables that are no longer there.
    mutating func keep(_ present: (UInt64) -> Bool) { tables = tables.filter { present($0.key) } }

    /// How many tables are known to be damaged.
    var count: Int { tables.count }
}
