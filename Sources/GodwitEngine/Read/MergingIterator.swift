/// Several iterators as one, in the order of entries. Entries that agree in key and sequence number come from the
/// earlier child first. Children are read only through this iterator once it has them.
///
/// A tournament (loser tree) finds the next entry in log₂ comparisons, most of them of one 8-byte word. All children
/// stand on their next entry in the direction of travel; when that changes, the others are placed anew around the
/// current one.
@safe
final class MergingIterator: EntryIterator {
    private let children: [any EntryIterator]
    private let heads: UnsafeMutablePointer<Head>
    /// The losers of the matches at the inner nodes 1..<children.count of a binary tree whose leaves are the children.
    private let losers: UnsafeMutablePointer<Int>
    /// The child that has the current entry; -1 when exhausted.
    private var winner = -1
    private var isForward = true
    /// A copy of the current key while children are placed around it.
    private let pivot = ByteWriter(capacity: 64)

    /// What a child stands on.
    private struct Head {
        /// The first eight bytes of the key, in order.
        var word: UInt64 = 0
        /// nil when the child is exhausted.
        var entry: Entry?
    }

    /// Merges any number of children; begins exhausted.
    init(_ children: [any EntryIterator]) {
        self.children = children
        unsafe heads = .allocate(capacity: children.count)
        unsafe heads.initialize(repeating: Head(), count: children.count)
        unsafe losers = .allocate(capacity: children.count)
        unsafe losers.initialize(repeating: 0, count: children.count)
    }

    deinit {
        unsafe heads.deallocate()
        unsafe losers.deallocate()
    }

    /// An iterator over all of `children`: the only child itself where there is but one.
    static func merging(_ children: [any EntryIterator]) -> any EntryIterator {
        children.count == 1 ? children[0] : MergingIterator(children)
    }

    var current: Entry? { winner >= 0 ? unsafe heads[winner].entry : nil }

    func seekToFirst() throws(EngineError) {
        winner = -1
        for child in children { try child.seekToFirst() }
        start(forward: true)
    }

    func seekToLast() throws(EngineError) {
        winner = -1
        for child in children { try child.seekToLast() }
        start(forward: false)
    }

    func seek(_ key: ByteView) throws(EngineError) {
        winner = -1
        for child in children { try child.seek(key) }
        start(forward: true)
    }

    func seekBefore(_ key: ByteView) throws(EngineError) {
        winner = -1
        for child in children { try child.seekBefore(key) }
        start(forward: false)
    }

    func next() throws(EngineError) {
        guard winner >= 0 else { return }
        if !isForward { return try turn(forward: true) }
        let child = winner
        winner = -1
        try children[child].next()
        load(child)
        replay(child)
    }

    func previous() throws(EngineError) {
        guard winner >= 0 else { return }
        if isForward { return try turn(forward: false) }
        let child = winner
        winner = -1
        try children[child].previous()
        load(child)
        replay(child)
    }

    /// Moves to the neighbour of the current entry in the direction opposite to the last.
    private func turn(forward: Bool) throws(EngineError) {
        let from = winner
        guard let entry = current else { return }
        // Moving the children takes back the bytes that the current entry lends.
        pivot.reset()
        pivot.append(entry.key)
        let (key, sequence) = (pivot.view, entry.sequence)
        winner = -1
        for (index, child) in children.enumerated() where index != from {
            // First to the child's first entry after the current one...
            try child.seek(key)
            while let other = child.current, other.key.equals(key),
                other.sequence > sequence || (other.sequence == sequence && index < from)
            {
                try child.next()
            }
            // ...and for the way back, to the one before that.
            if forward { continue }
            if child.current == nil { try child.seekToLast() } else { try child.previous() }
        }
        if forward { try children[from].next() } else { try children[from].previous() }
        start(forward: forward)
    }

    @inline(__always)
    private func load(_ child: Int) {
        let entry = children[child].current
        unsafe heads[child] = Head(word: entry?.key.orderWord ?? 0, entry: entry)
    }

    /// Plays all matches anew.
    private func start(forward: Bool) {
        isForward = forward
        let count = children.count
        guard count > 0 else { return }
        for child in 0..<count { load(child) }
        var winners = Array(repeating: 0, count: count) + Array(0..<count)
        for node in stride(from: count - 1, to: 0, by: -1) {
            let (left, right) = (winners[2 * node], winners[2 * node + 1])
            let leftWins = precedes(left, right)
            winners[node] = leftWins ? left : right
            unsafe losers[node] = leftWins ? right : left
        }
        let best = count == 1 ? 0 : winners[1]
        winner = unsafe heads[best].entry == nil ? -1 : best
    }

    /// Plays the matches of one child, whose head changed, up to the root.
    @inline(__always)
    private func replay(_ child: Int) {
        var best = child
        var node = (children.count + child) / 2
        while node > 0 {
            let loser = unsafe losers[node]
            if precedes(loser, best) {
                unsafe losers[node] = best
                best = loser
            }
            node /= 2
        }
        winner = unsafe heads[best].entry == nil ? -1 : best
    }

    /// Whether the head of child `left` comes before that of `right` in the direction of travel.
    @inline(__always)
    private func precedes(_ left: Int, _ right: Int) -> Bool {
        guard let leftEntry = unsafe heads[left].entry else { return false }
        guard let rightEntry = unsafe heads[right].entry else { return true }
        let (leftWord, rightWord) = unsafe (heads[left].word, heads[right].word)
        if leftWord != rightWord { return (leftWord < rightWord) == isForward }
        let order = leftEntry.key.compare(rightEntry.key)
        if order != 0 { return (order < 0) == isForward }
        if leftEntry.sequence != rightEntry.sequence {
            return (leftEntry.sequence > rightEntry.sequence) == isForward
        }
        return (left < right) == isForward
    }
}
