/// Chooses what to compact next in one keyspace. Pure: tables, options and context in, a plan out; the same in, the
/// same out.
///
/// In order:
/// 1. tables in which everything has expired are dropped, which costs nothing;
/// 2. level 0 when it is at its limit;
/// 3. what is above its target, the furthest above first (`LevelTargets.scores`);
/// 4. tables that are mostly deletes or expired entries, so that their space comes back;
/// 5. range deletes on their way to the data they hide.
///
/// A plan never reads a table that a running compaction reads, and a merge takes all tables of the output level between
/// its first key and its last, and none of whose output another may cover: so plans that run at once write apart.
struct CompactionPicker {
    let version: Version
    let options: CompactionOptions
    let context: CompactionContext
    let targets: LevelTargets

    init(_ version: Version, _ options: CompactionOptions, _ context: CompactionContext) {
        self.version = version
        self.options = options
        self.context = context
        targets = LevelTargets(version, options)
    }

    /// The most useful compaction, or nil when all is well.
    func pick() -> CompactionPlan? {
        if let plan = pickDrop() { return plan }
        if version.levels[0].tables.count >= options.level0Limit, let plan = pickLevel0() { return plan }
        let scores = targets.scores(version, options, context)
        let urgent = (0..<Version.levelCount).filter { scores[$0] >= 1 }
        for level in urgent.sorted(by: { (scores[$1], $0) < (scores[$0], $1) }) {
            if let plan = level == 0 ? pickLevel0() : pickTable(in: level) { return plan }
        }
        return pickReclaim() ?? pickRangeTombstones()
    }

    // MARK: A level above its target

    /// The tables of `level` whose way down rewrites the least of the level below for what it brings there.
    private func pickTable(in level: Int) -> CompactionPlan? {
        let tables = version.levels[level].tables
        let below = Overlaps(version.levels[level + 1], context)
        var best: (ratio: Double, place: Int)?
        for (place, table) in tables.enumerated()
        where !context.isBusy(table) && !context.isClaimed(level + 1, table.span) {
            guard let bytes = below.bytes(table.span) else { continue }
            // Dead entries count double: their space comes back, here or below.
            let ratio = Double(bytes) / (Double(max(table.size, 1)) * (1 + deadShare(of: table)))
            if best == nil || ratio < best!.ratio { best = (ratio, place) }
        }
        guard let best else { return nil }
        return pushDown(level, best.place, reason: .levelSize)
    }

    /// A plan that takes one table of a level above 0 to the next, with its neighbours as far as those cost nothing
    /// more.
    func pushDown(_ level: Int, _ place: Int, reason: CompactionPlan.Reason) -> CompactionPlan? {
        let from = version.levels[level]
        let into = version.levels[level + 1]
        let target = into.places(overlapping: from.tables[place].span)
        guard !into.tables[target].contains(where: context.isBusy) else { return nil }
        var taken = place..<place + 1
        var size = from.tables[place].size + into.tables[target].reduce(0) { $0 + $1.size }
        func mayTake(_ next: Int) -> Bool {
            guard from.tables.indices.contains(next), !context.isBusy(from.tables[next]),
                !context.isClaimed(level + 1, from.tables[next].span)
            else { return false }
            let overlap = into.places(overlapping: from.tables[next].span)
            guard !target.isEmpty, !overlap.isEmpty, target.contains(overlap.lowerBound),
                overlap.upperBound <= target.upperBound, size + from.tables[next].size <= options.inputBytes
            else { return false }
            size += from.tables[next].size
            return true
        }
        while mayTake(taken.upperBound) { taken = taken.lowerBound..<taken.upperBound + 1 }
        while mayTake(taken.lowerBound - 1) { taken = taken.lowerBound - 1..<taken.upperBound }
        return plan(
            reason, [(level, Array(from.tables[taken])), (level + 1, Array(into.tables[target]))], into: level + 1)
    }

    // MARK: Building plans

    /// The plan that takes these tables to a level: a move where nothing need be merged, else a merge.
    func plan(
        _ reason: CompactionPlan.Reason, _ taken: [(level: Int, tables: [TableMeta])], into output: Int,
        action: CompactionPlan.Action? = nil
    ) -> CompactionPlan? {
        let inputs = taken.filter { !$0.tables.isEmpty }
            .map { CompactionPlan.Input(level: $0.level, tables: $0.tables) }
        guard let span = KeySpan.over(inputs.flatMap(\.tables)) else { return nil }
        let grandparents = output > 0 && output < Version.lastLevel ? version.levels[output + 1].overlapping(span) : []
        var older: [[TableMeta]] = []
        if output == 0, let last = inputs.last?.tables.last {
            // Within level 0 every older table is a run of its own.
            let after = version.levels[0].tables.firstIndex(of: last).map { $0 + 1 } ?? 0
            older = version.levels[0].tables[after...].filter { $0.span.overlaps(span) }.map { [$0] }
        }
        for level in version.levels[(output + 1)...] {
            let tables = level.overlapping(span)
            if !tables.isEmpty { older.append(tables) }
        }
        let plan = CompactionPlan(
            reason: reason, action: action ?? (isMove(inputs, output, grandparents) ? .move : .merge), inputs: inputs,
            outputLevel: output, grandparents: grandparents, older: older, outputTableBytes: options.tableBytes,
            grandparentBytes: options.grandparentBytes)
        if output > 0, context.isClaimed(output, span) { return nil }
        return plan.tables.contains(where: context.isBusy) ? nil : plan
    }

    /// Whether the tables can go as they are: from one level, apart from each other, into a gap, and none so wide that
    /// it would overlap too much of the level below.
    private func isMove(
        _ inputs: [CompactionPlan.Input], _ output: Int, _ grandparents: [TableMeta]
    ) -> Bool {
        guard inputs.count == 1, inputs[0].level < output else { return false }
        let sorted = inputs[0].tables.sorted { $0.smallestKey.compareBytes($1.smallestKey) < 0 }
        for (table, next) in zip(sorted, sorted.dropFirst())
        where table.largestKey.compareBytes(next.smallestKey) >= 0 { return false }
        return sorted.allSatisfy { table in
            let overlapped = grandparents.filter { $0.span.overlaps(table.span) }.reduce(UInt64(0)) { $0 + $1.size }
            return overlapped <= options.grandparentBytes && table.visibleThrough == .max
        }
    }
}

/// How many bytes of a level above 0 a span overlaps, from running sums.
private struct Overlaps {
    private let level: LevelState
    private var sums: [UInt64] = [0]
    private var busy: [Int] = [0]

    init(_ level: LevelState, _ context: CompactionContext) {
        self.level = level
        for table in level.tables {
            sums.append(sums[sums.count - 1] + table.size)
            busy.append(busy[busy.count - 1] + (context.isBusy(table) ? 1 : 0))
        }
    }

    /// The bytes, or nil when a running compaction reads some of them.
    func bytes(_ span: KeySpan) -> UInt64? {
        let places = level.places(overlapping: span)
        guard busy[places.upperBound] == busy[places.lowerBound] else { return nil }
        return sums[places.upperBound] - sums[places.lowerBound]
    }
}
