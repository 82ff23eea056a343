/// A compaction that somebody asked for: everything that the range held when it began ends in the lowest level, with no
/// deleted, expired or hidden entry left that nobody needs.
struct ManualCompaction: Sendable, Equatable {
    /// The keys concerned.
    let range: KeyRange
    /// The last sequence number when it began: what is written later is left alone.
    let through: SequenceNumber
    /// The next file number when it began: tables from here on are its own work.
    let firstNumber: UInt64
}

extension CompactionPicker {
    /// The next step of a manual compaction; nil when it is done, or when the rest waits for running compactions
    /// (`isManualDone` tells which).
    func pick(_ manual: ManualCompaction) -> CompactionPlan? {
        for step in manualSteps(manual) {
            if let plan = step { return plan }
        }
        return nil
    }

    /// Whether nothing is left to do for it.
    func isManualDone(_ manual: ManualCompaction) -> Bool { manualSteps(manual).isEmpty }

    /// The steps that could be taken now, each nil while a running compaction is in its way; none when it is done.
    private func manualSteps(_ manual: ManualCompaction) -> [CompactionPlan?] {
        if let step = manualLevel0(manual) { return [step.plan] }
        // The lowest level with data in the range: everything above goes down to it, level by level.
        let held = version.levels[1...].filter { !$0.overlapping(manual.range).isEmpty }
        guard let bottom = held.last?.level else { return [] }
        if let top = held.first, top.level < bottom {
            let tables = top.overlapping(manual.range)
            return [manualDown(top.level, tables)]
        }
        return version.levels[bottom].overlapping(manual.range)
            .filter { $0.number < manual.firstNumber && isWorthRewriting($0) }
            .map { plan(.manual, [(bottom, [$0])], into: bottom) }
    }

    /// Level 0's step, if it has one to take.
    private func manualLevel0(_ manual: ManualCompaction) -> (plan: CompactionPlan?, Void)? {
        let tables = version.levels[0].tables
        let asked = tables.filter { $0.span.overlaps(manual.range) && $0.oldestSequence <= manual.through }
        guard let newest = asked.first, let start = tables.firstIndex(of: newest) else { return nil }
        // Older tables go along when they overlap what is taken: none may stay above newer data.
        var taken = asked
        var span = KeySpan.over(asked) ?? newest.span
        var grown = true
        while grown {
            grown = false
            for table in tables[start...] where !taken.contains(table) && table.span.overlaps(span) {
                taken.append(table)
                span.formUnion(table.span)
                grown = true
            }
        }
        let inOrder = tables.filter { taken.contains($0) }
        let output = targets.level0Output
        return (
            plan(.manual, [(0, inOrder), (output, version.levels[output].overlapping(span))], into: output), ()
        )
    }

    /// The tables of a level, as many from the first on as one compaction may read, one level down.
    private func manualDown(_ level: Int, _ tables: [TableMeta]) -> CompactionPlan? {
        let into = version.levels[level + 1]
        var taken: [TableMeta] = []
        for table in tables {
            let next = taken + [table]
            let size = KeySpan.over(next).map { span in
                (next + into.overlapping(span)).reduce(UInt64(0)) { $0 + $1.size }
            }
            guard taken.isEmpty || size ?? 0 <= options.inputBytes else { break }
            taken = next
        }
        guard let span = KeySpan.over(taken) else { return nil }
        return plan(.manual, [(level, taken), (level + 1, into.overlapping(span))], into: level + 1)
    }

    /// Whether a table of the lowest level may hold something that nobody needs. Versions kept for a snapshot that is
    /// gone show only in that sequence numbers are left at all: a compaction that keeps one version of each key zeroes
    /// them.
    private func isWorthRewriting(_ table: TableMeta) -> Bool {
        let isHidden = table.visibleThrough < table.maxSequence
        let hasDeletes = table.tombstones + table.rangeTombstones > 0 && table.minSequence <= context.oldestBarrier
        return isHidden || hasDeletes || deadShare(of: table) > 0 || table.minSequence != table.maxSequence
    }
}
