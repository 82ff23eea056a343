extension CompactionPicker {
    /// A plan that leaves fewer tables in level 0: down to the base level, or, where that is taken by a running
    /// compaction or is large beside what level 0 would bring, a merge of tables of like size within level 0.
    func pickLevel0() -> CompactionPlan? {
        let count = version.levels[0].tables.count
        let isFull = count >= options.level0Limit
        guard let down = level0Down() else {
            // The level below is busy. Wait as long as readers can bear it.
            let halfway = (options.level0Trigger + options.level0Limit) / 2
            return count < halfway ? nil : withinLevel0(atLeast: isFull ? 2 : options.level0Trigger, like: false)
        }
        let brought = down.inputs.first?.tables.reduce(UInt64(0)) { $0 + $1.size } ?? 0
        let rewritten = down.inputBytes - brought
        if isFull || down.action == .move || rewritten <= options.level0Ratio * brought { return down }
        return withinLevel0(atLeast: options.level0Trigger, like: true)
    }

    /// The oldest tables of level 0, as many as one compaction may read, with all that they overlap in the output
    /// level.
    private func level0Down() -> CompactionPlan? {
        let tables = version.levels[0].tables
        // Only from the oldest on: no table may sink below an older one.
        var first = tables.count
        var size: UInt64 = 0
        while first > 0, !context.isBusy(tables[first - 1]) {
            guard first == tables.count || size + tables[first - 1].size <= options.inputBytes else { break }
            first -= 1
            size += tables[first].size
        }
        let taken = Array(tables[first...])
        guard let span = KeySpan.over(taken) else { return nil }
        let output = targets.level0Output
        if let moved = loose(taken, output) { return moved }
        return plan(.level0, [(0, taken), (output, version.levels[output].overlapping(span))], into: output)
    }

    /// The oldest tables as far as they overlap neither each other nor the output level: sorted input arrives so, and
    /// each table goes down as it is, once. Nil when there is none.
    private func loose(_ taken: [TableMeta], _ output: Int) -> CompactionPlan? {
        var free: [TableMeta] = []
        for table in taken.reversed() {
            guard version.levels[output].overlapping(table.span).isEmpty,
                !free.contains(where: { $0.span.overlaps(table.span) })
            else { break }
            free.append(table)
        }
        guard let moved = plan(.level0, [(0, free.reversed())], into: output), moved.action == .move else { return nil }
        return moved
    }

    /// The neighbours in level 0 whose merge costs the fewest bytes for each table less. With `like`, none of them
    /// larger than the others together: so each byte is rewritten only as often as it takes to double.
    private func withinLevel0(atLeast least: Int, like: Bool) -> CompactionPlan? {
        let tables = version.levels[0].tables
        var best: (cost: UInt64, range: Range<Int>)?
        for start in tables.indices {
            var size: UInt64 = 0
            var largest: UInt64 = 0
            for place in start..<tables.count {
                guard !context.isBusy(tables[place]), size + tables[place].size <= options.inputBytes else { break }
                size += tables[place].size
                largest = max(largest, tables[place].size)
                let count = place - start + 1
                guard count >= max(least, 2), !like || largest <= size - largest else { continue }
                let cost = size / UInt64(count - 1)
                if best == nil || cost < best!.cost { best = (cost, start..<place + 1) }
            }
        }
        guard let best else { return nil }
        return plan(.withinLevel0, [(0, Array(tables[best.range]))], into: 0)
    }
}
