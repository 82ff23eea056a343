/// The properties unit: what a manifest knows of the table, so that one can be rebuilt from tables alone.
struct TableProperties: Equatable {
    var summary: TableSummary
    var hashSeed: UInt64
    /// The keyspace that the table belongs to, by its id.
    var keyspace: KeyspaceID = 0

    private static let fixed = 88

    /// Appends the unit's content.
    func encode(into out: ByteWriter) {
        for word in [
            summary.entries, summary.tombstones, summary.rangeTombstones, summary.expiring, summary.minDeadline,
            summary.maxDeadline, summary.minSequence, summary.maxSequence, summary.rawBytes, hashSeed, UInt64(keyspace),
        ] { out.append(word) }
        out.appendPrefixed(summary.smallestKey)
        out.appendPrefixed(summary.largestKey)
    }

    /// Reads the unit's content; sizes of the file and its parts are left 0.
    init(decoding bytes: ByteView) throws(FormatProblem) {
        let malformed = FormatProblem.damaged("has a good checksum and impossible content")
        var reader = ByteReader(bytes)
        var words: [UInt64] = []
        while words.count < TableProperties.fixed / 8 {
            guard let word = reader.read(UInt64.self) else { throw malformed }
            words.append(word)
        }
        guard let smallest = reader.readPrefixed(), let largest = reader.readPrefixed(), reader.remaining == 0,
            smallest.count <= TableFormat.maxKey, largest.count <= TableFormat.maxKey
        else { throw malformed }
        summary = TableSummary()
        summary.entries = words[0]
        summary.tombstones = words[1]
        summary.rangeTombstones = words[2]
        summary.expiring = words[3]
        summary.minDeadline = words[4]
        summary.maxDeadline = words[5]
        summary.minSequence = words[6]
        summary.maxSequence = words[7]
        summary.rawBytes = words[8]
        hashSeed = words[9]
        guard words[10] <= UInt64(KeyspaceID.max) else { throw malformed }
        keyspace = KeyspaceID(words[10])
        summary.smallestKey = smallest.array
        summary.largestKey = largest.array
    }

    init(summary: TableSummary, hashSeed: UInt64, keyspace: KeyspaceID = 0) {
        self.summary = summary
        self.keyspace = keyspace
        self.hashSeed = hashSeed
    }
}

extension TableSummary {
    /// Takes an entry into account; the keys are the writer's care.
    @inline(__always)
    mutating func count(_ entry: Entry) {
        count(sequence: entry.sequence)
        entries += 1
        if entry.kind == .delete { tombstones += 1 }
        if entry.deadline != 0 {
            minDeadline = expiring == 0 ? entry.deadline : min(minDeadline, entry.deadline)
            maxDeadline = max(maxDeadline, entry.deadline)
            expiring += 1
        }
        rawBytes += UInt64(entry.key.count + entry.value.count)
    }

    /// Takes a range tombstone into account.
    mutating func count(_ tombstone: RangeTombstone) {
        count(sequence: tombstone.sequence)
        let first = entries == 0 && rangeTombstones == 0
        rangeTombstones += 1
        if first || tombstone.start.lexicographicallyPrecedes(smallestKey) { smallestKey = tombstone.start }
        if first || largestKey.lexicographicallyPrecedes(tombstone.end) { largestKey = tombstone.end }
    }

    @inline(__always)
    private mutating func count(sequence: SequenceNumber) {
        let first = entries == 0 && rangeTombstones == 0
        minSequence = first ? sequence : min(minSequence, sequence)
        maxSequence = max(maxSequence, sequence)
    }
}
