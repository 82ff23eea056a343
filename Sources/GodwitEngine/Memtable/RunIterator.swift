internal import CLinuxIO

/// Walks one sorted run of a memtable.
final class RunIterator: EntryIterator {
    private let memtable: Memtable
    private let run: SortedRun
    /// The index of the current row; out of the run's bounds when exhausted.
    private var position = -1

    init(_ memtable: Memtable, _ run: SortedRun) {
        self.memtable = memtable
        self.run = run
    }

    /// How many rows ahead the entries are prefetched: rows lie side by side, entries anywhere.
    private static let lookahead = 8

    private var isPlaced: Bool { position >= 0 && position < run.count }

    var current: Entry? { isPlaced ? memtable.arena.entry(run.unit(position)) : nil }

    func seekToFirst() { position = 0 }

    func seekToLast() { position = run.count - 1 }

    func seek(_ key: ByteView) { position = run.lowerBound(key, memtable.arena) }

    func seekBefore(_ key: ByteView) { position = run.lowerBound(key, memtable.arena) - 1 }

    func next() {
        guard isPlaced else { return }
        position += 1
        let ahead = position + Self.lookahead
        if ahead < run.count { prefetch(ahead) }
    }

    func previous() {
        guard isPlaced else { return }
        position -= 1
        let ahead = position - Self.lookahead
        if ahead >= 0 { prefetch(ahead) }
    }

    private func prefetch(_ index: Int) {
        let address = unsafe memtable.arena.address(run.unit(index))
        unsafe godwit_prefetch(address)
        unsafe godwit_prefetch(address + 64)
    }
}
