/// What a choice depends on besides the tables.
struct CompactionContext: Sendable {
    /// The node's time in wall-clock milliseconds, as expiry is judged by it.
    var now: UInt64
    /// The lowest sequence number of a snapshot or rewind point; `.max` when there is none.
    var oldestBarrier: SequenceNumber
    /// The tables that running compactions read.
    private(set) var busy: Set<UInt64> = []
    /// The keys that the output of running compactions may cover, and in which level.
    private var claims: [(level: Int, span: KeySpan)] = []

    /// A context in which these plans of the same keyspace are being carried out.
    init(now: UInt64 = 0, oldestBarrier: SequenceNumber = .max, running: [CompactionPlan] = []) {
        self.now = now
        self.oldestBarrier = oldestBarrier
        for plan in running {
            busy.formUnion(plan.tables.map(\.number))
            if plan.outputLevel > 0, plan.action != .drop { claims.append((plan.outputLevel, plan.span)) }
        }
    }

    /// A context in which these tables are read, by whatever it is.
    init(now: UInt64 = 0, oldestBarrier: SequenceNumber = .max, busy: Set<UInt64>) {
        self.init(now: now, oldestBarrier: oldestBarrier)
        self.busy = busy
    }

    /// Whether a running compaction reads the table.
    func isBusy(_ table: TableMeta) -> Bool { !busy.isEmpty && busy.contains(table.number) }

    /// Whether the output of a running compaction may cover a key of `span` in `level`, even where no table is now: one
    /// output table may reach over the gap between two inputs.
    func isClaimed(_ level: Int, _ span: KeySpan) -> Bool {
        claims.contains { $0.level == level && $0.span.overlaps(span) }
    }
}
