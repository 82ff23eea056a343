internal import Synchronization

/// What a read that may not wait for the disk found out.
public enum Residence: Sendable {
    /// The key has a value, which was lent.
    case found
    /// The key has no value.
    case absent
    /// Memory cannot tell: ask `get` or `getAsync`.
    case needsIO
}

extension Engine {
    // MARK: Point reads

    /// Lends the value of `key` to `body` and returns what it returns; nil when the key has no value.
    ///
    /// A cached read takes no lock, counts no reference and allocates nothing; one that is not cached reads the disk on the
    /// calling thread. The span is valid within `body` only; `body` may call the engine. While it runs, memory that was
    /// replaced is kept: return soon.
    ///
    /// - Throws: `.corruption` naming file and offset where the value's block is damaged, `.io`, `.notFound` for a dropped
    ///   keyspace, `.unavailable` once closed.
    @inlinable
    public func get<R>(
        _ key: borrowing some ByteSource & ~Copyable & ~Escapable, in keyspace: Keyspace? = nil,
        at snapshot: Snapshot? = nil, _ body: (RawSpan) -> R
    ) throws(EngineError) -> R? {
        var result: R?
        _ = try key.withBytes { (key) throws(EngineError) in
            try lookUp(key, keyspace ?? defaultKeyspace, snapshot, residentOnly: false) { result = body($0) }
        }
        return result
    }

    /// A copy of the value of `key`; nil when it has none. As the lending form, at the cost of an array.
    public func get(
        _ key: borrowing some ByteSource & ~Copyable & ~Escapable, in keyspace: Keyspace? = nil,
        at snapshot: Snapshot? = nil
    ) throws(EngineError) -> [UInt8]? {
        try get(key, in: keyspace, at: snapshot) { value in value.withView { $0.array } }
    }

    /// Whether `key` has a value. As `get`.
    public func contains(
        _ key: borrowing some ByteSource & ~Copyable & ~Escapable, in keyspace: Keyspace? = nil,
        at snapshot: Snapshot? = nil
    ) throws(EngineError) -> Bool {
        try get(key, in: keyspace, at: snapshot) { _ in true } ?? false
    }

    /// Lends the value if memory can tell, and never waits for the disk: for event loops.
    @inlinable
    public func getIfResident(
        _ key: borrowing some ByteSource & ~Copyable & ~Escapable, in keyspace: Keyspace? = nil,
        at snapshot: Snapshot? = nil, _ body: (RawSpan) -> Void
    ) throws(EngineError) -> Residence {
        try key.withBytes { (key) throws(EngineError) in
            try lookUp(key, keyspace ?? defaultKeyspace, snapshot, residentOnly: true, body)
        }
    }

    /// A copy of the value of `key`, read on the engine's pool when memory cannot tell: never blocks the calling thread.
    ///
    /// - Throws: As `get`; `.unavailable` when more than 4,096 such reads wait already.
    public func getAsync(
        _ key: [UInt8], in keyspace: Keyspace? = nil, at snapshot: Snapshot? = nil
    ) async throws(EngineError) -> [UInt8]? {
        var value: [UInt8]?
        let residence = try getIfResident(key, in: keyspace, at: snapshot) { bytes in
            value = bytes.withView { $0.array }
        }
        if residence != .needsIO { return value }
        let result: Result<[UInt8]?, EngineError> = await withCheckedContinuation { continuation in
            let isTaken = coldReads.submit { [self] in
                continuation.resume(
                    returning: Result { () throws(EngineError) in
                        try self.get(key, in: keyspace, at: snapshot)
                    })
            }
            if !isTaken {
                continuation.resume(
                    returning: .failure(
                        EngineError(.unavailable, "too many reads wait for the disk; retry when some are done")))
            }
        }
        return try result.get()
    }

    /// Reads many keys of one moment: lends index and value of each that has one, in any order.
    ///
    /// - Parameters:
    ///   - keys: The keys, in any order.
    ///   - keyspace: Where; nil for `default`.
    ///   - snapshot: The moment; nil for now.
    ///   - body: Called with the key's place in `keys`; the span is valid within the call only.
    /// - Throws: As `get`; values may have been lent before.
    public func multiGet(
        _ keys: [some ByteSource], in keyspace: Keyspace? = nil, at snapshot: Snapshot? = nil,
        _ body: (Int, RawSpan) -> Void
    ) throws(EngineError) {
        try lookUpMany(keys, keyspace ?? defaultKeyspace, snapshot, residentOnly: false, body) { _ in }
    }

    /// Reads those of many keys that memory can tell of; never waits for the disk.
    ///
    /// - Parameters:
    ///   - keys: The keys, in any order.
    ///   - keyspace: Where; nil for `default`.
    ///   - snapshot: The moment; nil for now.
    ///   - body: Called with the key's place in `keys`; the span is valid within the call only.
    ///   - needsIO: Called with the place of each key that memory cannot tell of.
    public func multiGetIfResident(
        _ keys: [some ByteSource], in keyspace: Keyspace? = nil, at snapshot: Snapshot? = nil,
        _ body: (Int, RawSpan) -> Void, needsIO: (Int) -> Void
    ) throws(EngineError) {
        try lookUpMany(keys, keyspace ?? defaultKeyspace, snapshot, residentOnly: true, body, needsIO)
    }

    // MARK: Scans and snapshots

    /// Lends the entries of a range in key order, or in reverse, as they were when the call began, until `body` returns
    /// false. Reads the disk on the calling thread. A long scan holds back memory and files that were replaced meanwhile,
    /// not writers.
    ///
    /// - Parameters:
    ///   - range: The keys.
    ///   - keyspace: Where; nil for `default`.
    ///   - reverse: Whether the last key comes first.
    ///   - limit: The most entries lent.
    ///   - snapshot: The moment; nil for now.
    ///   - body: Takes an entry, valid within the call only; returns whether to go on.
    /// - Throws: As `get`; entries may have been lent before.
    public func scan(
        _ range: KeyRange = .all, in keyspace: Keyspace? = nil, reverse: Bool = false, limit: Int = .max,
        at snapshot: Snapshot? = nil, _ body: (_ key: RawSpan, _ value: RawSpan) -> Bool
    ) throws(EngineError) {
        let scan = try openScan(range, keyspace ?? defaultKeyspace, reverse: reverse, at: snapshot)
        var left = limit
        while left > 0, let entry = try scan.next() {
            let goesOn = entry.key.withSpan { key in entry.value.withSpan { body(key, $0) } }
            if !goesOn { return }
            left -= 1
        }
    }

    /// Holds the store as it is now for reads; released with its last reference.
    public func snapshot() throws(EngineError) -> Snapshot {
        try checkOpen()
        return Snapshot(self)
    }

    /// Whether nobody can have written under `key` since a position: for those who watch what others write. False where that
    /// cannot be told: memory no longer reaches back so far, or an epoch has begun since.
    package func isUnwritten(
        _ key: borrowing some ByteSource & ~Copyable & ~Escapable, in keyspace: Keyspace, since position: Position
    ) -> Bool {
        let tree = keyspace.tree
        guard self.position.epoch == position.epoch, !tree.isDropped else { return false }
        // The view comes first: a memtable that is flushed from now on is still asked.
        let view = tree.view
        let newest = key.withBytes { key in
            key.withView { key in
                let hash = key.hash(seed: store.hashSeed)
                return EpochDomain.read {
                    view.memtables.reduce(SequenceNumber(0)) { newest, memtable in
                        let written = memtable.find(key, hash: hash, at: .max)?.sequence ?? 0
                        return max(newest, written, memtable.rangeDelete(covering: key, at: .max))
                    }
                }
            }
        }
        let flushed = store.manifest.state.keyspace(keyspace.id)?.meta.flushedThrough ?? .max
        return newest <= position.sequence && flushed <= position.sequence
    }

    // MARK: Inside

    /// The hot path: one hash, one epoch, one view; then `TreeView.findResident`. What memory cannot tell, and what
    /// needs an error, goes to `lookUpSlowly`.
    @usableFromInline
    func lookUp(
        _ key: RawSpan, _ keyspace: Keyspace, _ snapshot: Snapshot?, residentOnly: Bool, _ body: (RawSpan) -> Void
    ) throws(EngineError) -> Residence {
        try checkOpen()
        let fixed = try snapshot?.sequence()
        return try key.withView { (key) throws(EngineError) in
            let hash = key.hash(seed: store.hashSeed)
            let residence = EpochDomain.read { lookUpResident(key, hash, keyspace, fixed, body) }
            guard residence == .needsIO else { return residence }
            if keyspace.tree.isDropped { throw Engine.droppedError(keyspace.tree) }
            return residentOnly ? .needsIO : try lookUpSlowly(key, hash, keyspace, fixed, body)
        }
    }

    /// Within an epoch. A dropped keyspace needs the slow path, which says so.
    @inline(__always)
    private func lookUpResident(
        _ key: ByteView, _ hash: UInt64, _ keyspace: Keyspace, _ fixed: SequenceNumber?, _ body: (RawSpan) -> Void
    ) -> Residence {
        keyspace.withTree { tree in
            if tree.isDropped { return .needsIO }
            return tree.withView { view in
                // After the view, so that nothing the view lacks is expected of it.
                let sequence = fixed ?? store.visible.load(ordering: .acquiring)
                switch view.findResident(key, hash: hash, at: sequence) {
                case .absent: return .absent
                case .needsIO: return .needsIO
                case .found(let entry): return lend(entry, body)
                }
            }
        }
    }

    @inline(__always)
    private func lend(_ entry: Entry, _ body: (RawSpan) -> Void) -> Residence {
        if entry.deadline != 0, store.clock.now() >= entry.deadline { return .absent }
        entry.value.withSpan(body)
        return .found
    }

    @inline(never)
    private func lookUpSlowly(
        _ key: ByteView, _ hash: UInt64, _ keyspace: Keyspace, _ fixed: SequenceNumber?, _ body: (RawSpan) -> Void
    ) throws(EngineError) -> Residence {
        let view = keyspace.tree.view
        return try lookUpLoading(key, hash, view, fixed ?? store.visible.load(ordering: .acquiring), body)
    }

    /// Reads what is not resident. The caller holds the view.
    private func lookUpLoading(
        _ key: ByteView, _ hash: UInt64, _ view: TreeView, _ sequence: SequenceNumber, _ body: (RawSpan) -> Void
    ) throws(EngineError) -> Residence {
        var lent = LentBlock()
        defer { lent.release() }
        return try EpochDomain.read { () throws(EngineError) -> Residence in
            guard case .found(let entry) = try view.findLoading(key, hash: hash, at: sequence, lent: &lent) else {
                return .absent
            }
            return lend(entry, body)
        }
    }

    private func lookUpMany(
        _ keys: [some ByteSource], _ keyspace: Keyspace, _ snapshot: Snapshot?, residentOnly: Bool,
        _ body: (Int, RawSpan) -> Void, _ needsIO: (Int) -> Void
    ) throws(EngineError) {
        try checkOpen()
        if keyspace.tree.isDropped { throw Engine.droppedError(keyspace.tree) }
        // One moment for all keys: the view is held, so that what it shows stays whatever becomes visible meanwhile.
        let view = keyspace.tree.view
        let sequence = try snapshot?.sequence() ?? store.visible.load(ordering: .acquiring)
        var group = LookupGroup()
        let bytes = ByteWriter(capacity: 1024)
        var cold: [Int] = []
        var start = 0
        while start < keys.count {
            let end = min(start + LookupGroup.size, keys.count)
            gather(keys, start..<end, bytes, &group)
            EpochDomain.read {
                view.findResident(group, at: sequence)
                for index in 0..<group.count {
                    switch group[index].answer {
                    case .found(let entry): _ = lend(entry) { body(group[index].number, $0) }
                    case .needsIO: cold.append(group[index].number)
                    case .absent, nil: continue
                    }
                }
            }
            start = end
        }
        if residentOnly {
            for number in cold { needsIO(number) }
        } else if !cold.isEmpty {
            try lookUpCold(keys, cold, view, sequence, body)
        }
    }

    /// Copies keys side by side into `bytes` and puts them into the group.
    private func gather(
        _ keys: [some ByteSource], _ range: Range<Int>, _ bytes: ByteWriter, _ group: inout LookupGroup
    ) {
        bytes.reset(keeping: 64 << 10)
        group.removeAll()
        for number in range { keys[number].withBytes { $0.withView { bytes.append($0) } } }
        var offset = 0
        for number in range {
            let length = keys[number].withBytes { $0.byteCount }
            let key = bytes.view.slice(offset, length)
            group.append(key, number: number, hash: key.hash(seed: store.hashSeed))
            offset += length
        }
    }

    /// Looks those of many keys up that the disk must answer, a part at a time: first the blocks they lack are read together.
    private func lookUpCold(
        _ keys: [some ByteSource], _ cold: [Int], _ view: TreeView, _ sequence: SequenceNumber,
        _ body: (Int, RawSpan) -> Void
    ) throws(EngineError) {
        var start = 0
        while start < cold.count {
            let part = cold[start..<min(start + 64, cold.count)]
            var fetch = BlockFetch()
            for number in part {
                keys[number].withBytes { key in
                    key.withView { key in
                        EpochDomain.read { fetch.add(key, hash: key.hash(seed: store.hashSeed), in: view) }
                    }
                }
            }
            fetch.run(store.environment.fileSystem, or: coldReads)
            for number in part {
                try keys[number].withBytes { (key) throws(EngineError) in
                    try key.withView { (key) throws(EngineError) in
                        _ = try lookUpLoading(key, key.hash(seed: store.hashSeed), view, sequence) { body(number, $0) }
                    }
                }
            }
            start += 64
        }
    }

    /// Lends the entries of a range as a snapshot shows them, with their deadlines (0: none); those whose deadline is at or
    /// before `cut`, a moment of the wall clock, are left out. Until `body` returns false.
    package func scan(
        _ range: KeyRange, in keyspace: Keyspace, at snapshot: Snapshot, cut: UInt64,
        _ body: (_ key: ByteView, _ value: ByteView, _ deadline: UInt64) -> Bool
    ) throws(EngineError) {
        try checkOpen()
        let tree = keyspace.tree
        if tree.isDropped { throw Engine.droppedError(tree) }
        let scan = try Scan(tree.view, range, reverse: false, at: snapshot.sequence(), now: cut)
        while let entry = try scan.next() {
            if !body(entry.key, entry.value, entry.deadline) { return }
        }
    }

    func openScan(
        _ range: KeyRange, _ keyspace: Keyspace, reverse: Bool, at snapshot: Snapshot?
    ) throws(EngineError) -> Scan {
        try checkOpen()
        let tree = keyspace.tree
        if tree.isDropped { throw Engine.droppedError(tree) }
        let view = tree.view
        let sequence = try snapshot?.sequence() ?? store.visible.load(ordering: .acquiring)
        return try Scan(view, range, reverse: reverse, at: sequence, now: store.clock.now())
    }

    @inline(never)
    static func droppedError(_ tree: Tree) -> EngineError {
        EngineError(.notFound, "the keyspace `\(tree.name)` was dropped; create it again")
    }
}
