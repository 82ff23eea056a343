/// Walks over what readers see of a range: of each key the newest version at or below the snapshot, unless it is a delete,
/// has expired, or a newer range delete covers it. Holds its view by reference and one block of each table at a time.
final class Scan {
    private let view: TreeView
    private let merge: any EntryIterator
    private let range: KeyRange
    private let reverse: Bool
    private let sequence: SequenceNumber
    private let now: UInt64
    private let tombstones: RangeTombstones
    private var isFirst = true
    private let lastKey = LastKey()
    /// In reverse a key's newest version comes last, after the iterator has moved: what was seen of it so far.
    private let heldKey = ByteWriter()
    private let heldValue = ByteWriter()

    /// A scan of `view` at a sequence number; values whose deadline is at or before `now` are absent.
    init(
        _ view: TreeView, _ range: KeyRange, reverse: Bool, at sequence: SequenceNumber, now: UInt64
    ) throws(EngineError) {
        self.view = view
        self.range = range
        self.reverse = reverse
        self.sequence = sequence
        self.now = now
        var items: [RangeTombstone] = []
        var sources: [any EntryIterator] = []
        for memtable in view.memtables where !memtable.isEmpty {
            sources.append(memtable.iterator())
            items += memtable.rangeTombstones.items
        }
        for (index, level) in view.levels.enumerated() where level.count > 0 {
            let tables = level.tables.filter { $0.meta.span.overlaps(range) }
            for table in tables where table.meta.rangeTombstones > 0 {
                items += try table.reader.rangeTombstones().items
            }
            if index == 0 {
                for table in tables { sources.append(table.reader.iterator(fillCache: true)) }
            } else if !tables.isEmpty {
                sources.append(LevelIterator(tables, fillCache: true))
            }
        }
        tombstones = RangeTombstones(items.filter { $0.sequence <= sequence })
        merge = MergingIterator.merging(sources)
    }

    /// The next entry, lent until the next call; nil after the last.
    func next() throws(EngineError) -> Entry? { reverse ? try previousVisible() : try nextVisible() }

    // MARK: Forward

    private func nextVisible() throws(EngineError) -> Entry? {
        if isFirst {
            isFirst = false
            if let lower = range.lower {
                try lower.withView { (key) throws(EngineError) in try merge.seek(key) }
            } else {
                try merge.seekToFirst()
            }
        } else {
            // The merge still stands on what was returned.
            try merge.next()
        }
        while let entry = merge.current {
            if entry.sequence <= sequence, !lastKey.equals(entry.key) {
                if let upper = range.upper, upper.compareBytes(entry.key) <= 0 { return nil }
                // The newest version that there is for this scan decides; older ones are passed over.
                lastKey.replace(entry.key)
                if isVisible(entry) { return entry }
            }
            try merge.next()
        }
        return nil
    }

    // MARK: Reverse

    private func previousVisible() throws(EngineError) -> Entry? {
        if isFirst {
            isFirst = false
            if let upper = range.upper {
                try upper.withView { (key) throws(EngineError) in try merge.seekBefore(key) }
            } else {
                try merge.seekToLast()
            }
        }
        while let entry = merge.current {
            if let lower = range.lower, lower.compareBytes(entry.key) > 0 { return nil }
            lastKey.replace(entry.key)
            if let found = try newestOfCurrentKey() { return found }
        }
        return nil
    }

    /// Moves over all versions of the key, oldest first, and returns the newest of them if readers see it.
    private func newestOfCurrentKey() throws(EngineError) -> Entry? {
        var visible: Entry?
        while let entry = merge.current, lastKey.equals(entry.key) {
            if entry.sequence <= sequence {
                visible = isVisible(entry) ? hold(entry) : nil
            }
            try merge.previous()
        }
        return visible
    }

    private func hold(_ entry: Entry) -> Entry {
        heldKey.reset()
        heldKey.append(entry.key)
        heldValue.reset(keeping: 1 << 20)
        heldValue.append(entry.value)
        return Entry(
            key: heldKey.view, sequence: entry.sequence, kind: entry.kind, deadline: entry.deadline,
            value: heldValue.view)
    }

    // MARK: Both

    private func isVisible(_ entry: Entry) -> Bool {
        guard entry.isLive(at: now) else { return false }
        return tombstones.isEmpty || tombstones.covering(entry.key, at: sequence) <= entry.sequence
    }
}

/// The key that a scan decided last: none at first. Memory of its own, so that a row costs a copy and no bookkeeping.
@safe
private final class LastKey {
    private let base: UnsafeMutableRawPointer
    private var length = -1

    init() { unsafe base = .allocate(byteCount: BatchFormat.maximumKeyLength, alignment: 16) }

    deinit { unsafe base.deallocate() }

    @inline(__always)
    func replace(_ key: ByteView) {
        unsafe base.copyMemory(from: key.base, byteCount: key.count)
        length = key.count
    }

    @inline(__always)
    func equals(_ key: ByteView) -> Bool {
        unsafe key.count == length && ByteView(base, count: length).equals(key)
    }
}
