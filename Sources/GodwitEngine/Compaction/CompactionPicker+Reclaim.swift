extension CompactionPicker {
    /// The share of a table's entries that is surely or probably dead: deletes, and those whose deadline has passed
    /// (the deadlines taken as spread evenly).
    func deadShare(of table: TableMeta) -> Double {
        let all = table.entries + table.rangeTombstones
        guard all > 0 else { return 0 }
        return min(1, deletedShare(of: table) + expiredShare(of: table))
    }

    private func deletedShare(of table: TableMeta) -> Double {
        Double(table.tombstones + table.rangeTombstones) / Double(max(1, table.entries + table.rangeTombstones))
    }

    private func expiredShare(of table: TableMeta) -> Double {
        guard table.expiring > 0, context.now >= options.expiryGrace else { return 0 }
        let limit = context.now - options.expiryGrace
        guard limit >= table.minDeadline else { return 0 }
        let passed =
            limit >= table.maxDeadline
            ? 1 : Double(limit - table.minDeadline + 1) / Double(table.maxDeadline - table.minDeadline + 1)
        return passed * Double(table.expiring) / Double(max(1, table.entries + table.rangeTombstones))
    }

    /// Tables of which nothing will ever be read: every entry has expired, and nothing older lies beneath that they
    /// hide.
    func pickDrop() -> CompactionPlan? {
        for level in version.levels {
            let dead = level.tables.enumerated().filter { place, table in
                isAllExpired(table) && !context.isBusy(table) && !hasOlder(level.level, place, table)
            }
            let tables = dead.map(\.element)
            if !tables.isEmpty { return plan(.expired, [(level.level, tables)], into: level.level, action: .drop) }
        }
        return nil
    }

    private func isAllExpired(_ table: TableMeta) -> Bool {
        table.entries > 0 && table.expiring == table.entries && table.tombstones == 0 && table.rangeTombstones == 0
            && context.now >= options.expiryGrace && table.maxDeadline <= context.now - options.expiryGrace
    }

    /// Whether a table below, or an older one of level 0, overlaps the table.
    private func hasOlder(_ level: Int, _ place: Int, _ table: TableMeta) -> Bool {
        if level == 0, version.levels[0].tables[(place + 1)...].contains(where: { $0.span.overlaps(table.span) }) {
            return true
        }
        return version.levels[(level + 1)...].contains { !$0.overlapping(table.span).isEmpty }
    }

    /// The table with the largest share of dead entries, if that is large enough: one step down, or, where nothing lies
    /// beneath it, rewritten in its place.
    func pickReclaim() -> CompactionPlan? {
        if let plan = reclaimLevel0() { return plan }
        var best: (share: Double, plan: CompactionPlan)?
        for level in version.levels[1...] {
            for (place, table) in level.tables.enumerated() where !context.isBusy(table) {
                let isBottom = !hasOlder(level.level, place, table)
                // A delete that a snapshot needs stays in a rewritten table: rewriting it would gain nothing.
                let deleted = isBottom && table.maxSequence > context.oldestBarrier ? 0 : deletedShare(of: table)
                let expired = expiredShare(of: table)
                let share = min(1, deleted + expired)
                guard share >= options.deadShare, best == nil || share > best!.share else { continue }
                let reason: CompactionPlan.Reason = expired > deleted ? .expired : .tombstones
                let found =
                    isBottom
                    ? plan(reason, [(level.level, [table])], into: level.level)
                    : pushDown(level.level, place, reason: reason)
                if let found { best = (share, found) }
            }
        }
        return best?.plan
    }

    /// Level 0 as a whole, when most of it is dead.
    private func reclaimLevel0() -> CompactionPlan? {
        let tables = version.levels[0].tables
        guard !tables.isEmpty, !tables.contains(where: context.isBusy) else { return nil }
        let all = tables.reduce(UInt64(0)) { $0 + $1.entries + $1.rangeTombstones }
        let dead = tables.reduce(0.0) { $0 + deadShare(of: $1) * Double($1.entries + $1.rangeTombstones) }
        guard all > 0, dead / Double(all) >= options.deadShare, let span = KeySpan.over(tables) else { return nil }
        let output = targets.level0Output
        return plan(.tombstones, [(0, tables), (output, version.levels[output].overlapping(span))], into: output)
    }

    /// A table with range deletes above more data than it holds itself: each step down brings them nearer to what they
    /// hide, whose space comes back when they meet.
    func pickRangeTombstones() -> CompactionPlan? {
        for level in version.levels[1..<Version.lastLevel] {
            for (place, table) in level.tables.enumerated()
            where table.rangeTombstones > 0 && !context.isBusy(table) {
                let beneath = version.levels[(level.level + 1)...].reduce(UInt64(0)) { sum, below in
                    below.overlapping(table.span).reduce(sum) { $0 + $1.size }
                }
                guard beneath >= table.size, beneath > 0 else { continue }
                if let plan = pushDown(level.level, place, reason: .tombstones) { return plan }
            }
        }
        return nil
    }
}
