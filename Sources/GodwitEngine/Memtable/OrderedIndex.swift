internal import Synchronization

/// The order of a memtable's entries, made on demand: immutable sorted runs, each over a stretch of the arena. When an
/// iterator is asked for, the entries since the last time become a new run, and runs of similar size are merged, so
/// that there are few: each is more than four times as long as the next. `docs/decisions/0001` says why not a tree.
final class OrderedIndex: Sendable {
    private let state = Locked(State())
    private let bytes = Atomic<Int>(0)

    private struct State {
        /// Longest and oldest first.
        var runs: [SortedRun] = []
        /// The unit up to which the runs go.
        var end = EntryArena.firstUnit
    }

    /// How many bytes the runs take.
    var byteCount: Int { bytes.load(ordering: .relaxed) }

    /// Runs that together hold all entries before the unit `end`, or more.
    func runs(_ arena: borrowing EntryArena, through end: UInt32) -> [SortedRun] {
        // Sorting holds the lock: whoever else wants order now wants the same work done.
        state.withLock { state in
            if state.end < end {
                state.runs.append(SortedRun(arena, from: state.end, to: end))
                state.end = end
            }
            while let last = state.runs.last, let before = state.runs.dropLast().last, before.count < 4 * last.count {
                state.runs.removeLast(2)
                state.runs.append(SortedRun(arena, merging: before, last))
            }
            bytes.store(state.runs.reduce(0) { $0 + $1.byteCount }, ordering: .relaxed)
            return state.runs
        }
    }
}
