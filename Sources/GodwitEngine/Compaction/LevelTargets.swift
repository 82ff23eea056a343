/// How large each level of a keyspace should be, from how large the largest is.
///
/// Targets are reckoned upwards: each level a tenth of the one below, up to the first that is no larger than
/// `baseBytes`, the *base*. Levels above the base stay empty: a small store is one sorted level, whose space is nearly
/// all live, and no byte is rewritten on its way through levels that it does not need.
struct LevelTargets: Sendable, Equatable {
    /// The highest level (below 0) that should hold data.
    let base: Int
    /// Where level 0 goes: the base, or a level above it that still holds data and is being drained.
    let level0Output: Int
    /// The target of each level in bytes; 0 for level 0 and levels to be drained, `.max` for the last.
    let bytes: [UInt64]

    init(_ version: Version, _ options: CompactionOptions) {
        let largest = version.levels[1...].map(\.bytes).max() ?? 0
        var base = Version.lastLevel
        var size = largest
        while base > 1, size > options.baseBytes {
            base -= 1
            size /= options.multiplier
        }
        var bytes = Array(repeating: UInt64(0), count: Version.levelCount)
        for level in base..<Version.lastLevel {
            // As large as the level above it must be for a tenth to be worth a level of its own.
            bytes[level] = max(size, options.baseBytes)
            size *= options.multiplier
        }
        bytes[Version.lastLevel] = .max
        self.base = base
        self.bytes = bytes
        let highest = (1...Version.lastLevel).first { !version.levels[$0].tables.isEmpty } ?? base
        level0Output = min(base, highest)
    }

    /// How urgent it is to make each level smaller: from 1 on it should be. Tables that a compaction reads already do
    /// not count.
    func scores(_ version: Version, _ options: CompactionOptions, _ context: CompactionContext) -> [Double] {
        version.levels.map { level in
            let free = level.tables.filter { !context.isBusy($0) }
            let size = free.reduce(UInt64(0)) { $0 + $1.size }
            switch level.level {
            case 0:
                return max(
                    Double(free.count) / Double(options.level0Trigger),
                    Double(size) / Double(options.baseBytes * 2))
            case Version.lastLevel: return 0
            default:
                if bytes[level.level] == 0 { return size == 0 ? 0 : 1 + Double(size) / Double(options.baseBytes) }
                return Double(size) / Double(bytes[level.level])
            }
        }
    }
}

/// How far a keyspace is behind with its compactions: what writers are slowed by.
struct CompactionPressure: Sendable, Equatable {
    /// How many tables level 0 has.
    let level0Tables: Int
    /// How many bytes compactions must write until every level is within its target. Grows and falls smoothly.
    let debtBytes: UInt64

    init(_ version: Version, _ options: CompactionOptions) {
        let targets = LevelTargets(version, options)
        let level0 = version.levels[0]
        level0Tables = level0.tables.count

        // Level 0 counts in proportion below its trigger, so that one more table is never a step.
        let share = min(1, Double(level0.tables.count) / Double(options.level0Trigger))
        var arriving = Double(level0.bytes) * share
        let out = version.levels[targets.level0Output]
        let overlapped = KeySpan.over(level0.tables).map { span in
            out.tables[out.places(overlapping: span)].reduce(UInt64(0)) { $0 + $1.size }
        }
        var debt = arriving + Double(overlapped ?? 0) * share
        for level in targets.level0Output..<Version.lastLevel {
            let size = Double(version.levels[level].bytes) + arriving
            arriving = max(0, size - Double(targets.bytes[level]))
            guard arriving > 0 else { continue }
            // Each byte that goes down takes its share of the level below with it.
            debt += arriving * (1 + Double(version.levels[level + 1].bytes) / size)
        }
        debtBytes = UInt64(debt)
    }
}
