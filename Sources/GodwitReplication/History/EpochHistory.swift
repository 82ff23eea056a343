internal import GodwitEngine

/// How a history came about: where each of its epochs began, and where it ends. Two of them show where they part,
/// without a look at any log, since within one epoch there is one history.
struct EpochHistory: Equatable {
    /// The beginnings, ascending.
    let epochs: [EpochStart]
    /// Where the history ends.
    let end: HistoryPoint

    /// Where an epoch ends in this history: before the next one's first record, or at the end.
    private func end(of index: Int) -> HistoryPoint {
        index + 1 < epochs.count ? epochs[index + 1].parent : end
    }

    /// The last point that both histories share. Nil when they contradict each other within an epoch, which only damage
    /// or two stores of one name bring about: then nothing they say can be trusted.
    func fork(from other: EpochHistory) -> HistoryPoint? {
        var common = -1
        while common + 1 < min(epochs.count, other.epochs.count), epochs[common + 1] == other.epochs[common + 1] {
            common += 1
        }
        guard common >= 0 else {
            // A history without an epoch is empty.
            return epochs.isEmpty || other.epochs.isEmpty ? .start : nil
        }
        let (mine, theirs) = (end(of: common), other.end(of: common))
        if mine.position.sequence == theirs.position.sequence { return mine == theirs ? mine : nil }
        return mine.position.sequence < theirs.position.sequence ? mine : theirs
    }
}
