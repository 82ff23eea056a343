/// Decides, version by version, what a merge keeps. Fed with entries in order (a key's newest version first); shared by
/// flush and compaction.
///
/// The protected sequence numbers (snapshots, rewind points) cut time into stripes; nobody can tell apart two moments of
/// one stripe. So of a key's versions in one stripe only the newest is kept, and none that a range delete of the same
/// stripe covers. A delete is kept until no older version can lie below it. A value long past its deadline becomes a
/// delete, never nothing at all, so that it cannot uncover what it had replaced.
struct EntryCollapser {
    /// The protected sequence numbers, ascending, each once.
    private let boundaries: [SequenceNumber]
    private let tombstones: RangeTombstones
    /// Values whose deadline is at or before this moment are dropped (wall-clock milliseconds).
    private let expiredBefore: UInt64

    private let lastKey = ByteWriter()
    private var hasKey = false
    private var lastStripe = 0
    /// Entries and bytes that were not kept.
    private(set) var dropped: UInt64 = 0

    init(protecting boundaries: [SequenceNumber], tombstones: RangeTombstones, expiredBefore: UInt64) {
        self.boundaries = boundaries
        self.tombstones = tombstones
        self.expiredBefore = expiredBefore
    }

    /// Whether `key` begins another run of versions.
    func isNewKey(_ key: ByteView) -> Bool { !hasKey || !lastKey.view.equals(key) }

    /// What becomes of `entry`: itself, a changed entry, or nil when nobody needs it. `hasOlder` says whether older
    /// versions of the key may lie in tables that the merge does not read.
    mutating func collapse(_ entry: Entry, hasOlder: () -> Bool) -> Entry? {
        let stripe = stripe(of: entry.sequence)
        let isNew = isNewKey(entry.key)
        if isNew {
            lastKey.reset()
            lastKey.append(entry.key)
            hasKey = true
        } else if stripe == lastStripe {
            return drop()
        }
        lastStripe = stripe
        let bound = stripe < boundaries.count ? boundaries[stripe] : .max
        let covered = tombstones.isEmpty ? 0 : tombstones.covering(entry.key, at: bound)
        if covered > entry.sequence { return drop() }
        let isExpired = entry.kind == .put && entry.deadline != 0 && entry.deadline <= expiredBefore
        if entry.kind == .put, !isExpired {
            // The oldest stripe of a key with nothing below: nobody can ask when it was written, unless an older range
            // delete, kept for other keys, would then seem to be newer.
            guard stripe == 0, covered == 0, !hasOlder() else { return entry }
            return Entry(key: entry.key, sequence: 0, kind: .put, deadline: entry.deadline, value: entry.value)
        }
        if stripe == 0, !hasOlder() { return drop() }
        return Entry(key: entry.key, sequence: entry.sequence, kind: .delete, deadline: 0, value: .empty)
    }

    /// Whether a range delete is still needed, where older data may or may not lie below it.
    func keeps(_ tombstone: RangeTombstone, hasOlder: Bool) -> Bool {
        hasOlder || stripe(of: tombstone.sequence) > 0
    }

    /// How many boundaries lie below a sequence number: its stripe, 0 the oldest.
    private func stripe(of sequence: SequenceNumber) -> Int {
        var low = 0
        var high = boundaries.count
        while low < high {
            let middle = (low + high) / 2
            if boundaries[middle] < sequence { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private mutating func drop() -> Entry? {
        dropped += 1
        return nil
    }
}
