import Testing

@testable import GodwitEngine

/// An entry with bytes of its own, for comparing.
struct OwnedEntry: Hashable, Comparable {
    var key: [UInt8]
    var sequence: SequenceNumber
    var kind = EntryKind.put
    var deadline: UInt64 = 0
    var value: [UInt8] = []

    init(key: [UInt8], sequence: SequenceNumber, kind: EntryKind = .put, deadline: UInt64 = 0, value: [UInt8] = []) {
        (self.key, self.sequence, self.kind) = (key, sequence, kind)
        (self.deadline, self.value) = (deadline, value)
    }

    init(_ entry: Entry) {
        self.init(
            key: entry.key.array, sequence: entry.sequence, kind: entry.kind, deadline: entry.deadline,
            value: entry.value.array)
    }

    static func < (left: OwnedEntry, right: OwnedEntry) -> Bool {
        left.key == right.key
            ? left.sequence > right.sequence : left.key.lexicographicallyPrecedes(right.key)
    }
}

/// An iterator over a sorted array, whose lent bytes are overwritten at every move; can be told to fail.
final class ModelIterator: EntryIterator {
    private let entries: [OwnedEntry]
    private var position = -1
    private let lent = ByteWriter()
    /// The call, counted from now, that throws; nil for none.
    var failsAfter: Int?

    init(_ entries: [OwnedEntry]) { self.entries = entries }

    var current: Entry? {
        guard entries.indices.contains(position) else { return nil }
        let entry = entries[position]
        return Entry(
            key: lent.view.slice(0, entry.key.count), sequence: entry.sequence, kind: entry.kind,
            deadline: entry.deadline, value: lent.view.dropFirst(entry.key.count))
    }

    private func go(to index: Int) throws(EngineError) {
        if let left = failsAfter {
            failsAfter = left - 1
            if left == 0 {
                position = -1
                throw EngineError(.io, "told to fail")
            }
        }
        for offset in 0..<lent.count { lent.patch(UInt8(0xEE), at: offset) }
        lent.reset()
        position = max(-1, min(index, entries.count))
        guard entries.indices.contains(position) else { return }
        lent.append(entries[position].key)
        lent.append(entries[position].value)
    }

    private func firstIndex(atOrAbove key: ByteView) -> Int {
        entries.firstIndex { !$0.key.lexicographicallyPrecedes(key.array) } ?? entries.count
    }

    func seekToFirst() throws(EngineError) { try go(to: 0) }
    func seekToLast() throws(EngineError) { try go(to: entries.count - 1) }
    func seek(_ key: ByteView) throws(EngineError) { try go(to: firstIndex(atOrAbove: key)) }
    func seekBefore(_ key: ByteView) throws(EngineError) { try go(to: firstIndex(atOrAbove: key) - 1) }
    func next() throws(EngineError) { if current != nil { try go(to: position + 1) } }
    func previous() throws(EngineError) { if current != nil { try go(to: position - 1) } }
}

/// Walks `iterator` at random and compares every place with `entries`, which are in order.
func checkWalk(
    _ iterator: any EntryIterator, _ entries: [OwnedEntry], steps: Int, _ random: inout TestRandom,
    key: (inout TestRandom) -> [UInt8]
) throws {
    var place = -1
    func entry(_ place: Int) -> OwnedEntry? { entries.indices.contains(place) ? entries[place] : nil }
    /// Where in the order the first key at or above `key` is.
    func lowerBound(_ key: [UInt8]) -> Int {
        var (low, high) = (0, entries.count)
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].key.lexicographicallyPrecedes(key) { low = middle + 1 } else { high = middle }
        }
        return low
    }
    try #require(iterator.current == nil)
    for _ in 0..<steps {
        switch random.below(10) {
        case 0:
            try iterator.seekToFirst()
            place = 0
        case 1:
            try iterator.seekToLast()
            place = entries.count - 1
        case 2:
            let target = key(&random)
            try target.withView { (view) throws(EngineError) in try iterator.seek(view) }
            place = lowerBound(target)
        case 3:
            let target = key(&random)
            try target.withView { (view) throws(EngineError) in try iterator.seekBefore(view) }
            place = lowerBound(target) - 1
        default:
            let forward = random.below(2) == 0
            for _ in 0..<1 + random.below(4) {
                if forward { try iterator.next() } else { try iterator.previous() }
                if entry(place) != nil { place += forward ? 1 : -1 }
                try #require(iterator.current.map { OwnedEntry($0) } == entry(place))
            }
        }
        try #require(iterator.current.map { OwnedEntry($0) } == entry(place))
    }
}

/// All entries from the first on.
func collect(_ iterator: any EntryIterator) throws -> [OwnedEntry] {
    var entries: [OwnedEntry] = []
    try iterator.seekToFirst()
    while let entry = iterator.current {
        entries.append(OwnedEntry(entry))
        try iterator.next()
    }
    return entries
}

/// All entries from the last back to the first.
func collectBackward(_ iterator: any EntryIterator) throws -> [OwnedEntry] {
    var entries: [OwnedEntry] = []
    try iterator.seekToLast()
    while let entry = iterator.current {
        entries.append(OwnedEntry(entry))
        try iterator.previous()
    }
    return entries
}
