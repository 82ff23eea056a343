internal import Synchronization

extension Engine {
    // MARK: Keyspaces

    /// All keyspaces, in the order of their ids.
    public var keyspaces: [Keyspace] { store.allTrees.map { Keyspace($0) } }

    /// The keyspace of a name; nil when there is none.
    public func keyspace(_ name: String) -> Keyspace? {
        store.allTrees.first { $0.name == name }.map { Keyspace($0) }
    }

    /// Name and settings of the keyspace of an id; those that it had last, where it was dropped. Nil for one that there
    /// never was, or whose drop was too many drops ago.
    package func keyspaceEver(_ id: KeyspaceID) -> (name: String, settings: KeyspaceSettings)? {
        if let tree = store.treeEver(id) { return (tree.name, tree.settings) }
        return store.manifest.state.dropped.first { $0.id == id }.map { ($0.name, $0.settings) }
    }

    /// Whether something holds of every keyspace that there ever was; false where one is not known any more.
    package func allKeyspacesEver(_ holds: (String, KeyspaceSettings) -> Bool) -> Bool {
        let state = store.manifest.state
        let known = Set(state.keyspaces.map(\.meta.id) + state.dropped.map(\.id))
        guard known.count > Int(state.lastKeyspace) else { return false }
        return state.keyspaces.allSatisfy { holds($0.meta.name, $0.meta.settings) }
            && state.dropped.allSatisfy { holds($0.name, $0.settings) }
    }

    /// The keyspaces that a batch writes to.
    package func keyspaces(of batch: WriteBatch) -> [Keyspace] {
        batch.keyspaces.compactMap { id in store.treeEver(id).map { Keyspace($0) } }
    }

    /// Makes a keyspace. Durable when it returns.
    ///
    /// - Parameters:
    ///   - name: 1 to 255 bytes of UTF-8, not in use.
    ///   - settings: What it decides for its data.
    /// - Throws: `.invalidArgument` for a name in use or settings out of bounds, or past 1,024 keyspaces.
    @discardableResult
    public func createKeyspace(
        _ name: String, settings: KeyspaceSettings = KeyspaceSettings()
    ) throws(EngineError) -> Keyspace {
        let side = try writable()
        try settings.validate()
        guard (1...255).contains(name.utf8.count) else {
            throw EngineError(.invalidArgument, "a keyspace's name has 1 to 255 bytes; this one has \(name.utf8.count)")
        }
        let bytes = ByteWriter()
        settings.encode(into: bytes)
        let encoded = bytes.array
        let (store, pipeline) = (store, side.pipeline)
        _ = try pipeline.exclusively(isWrite: true) { () throws(EngineError) in
            let state = store.manifest.state
            guard state.keyspace(named: name) == nil else {
                throw EngineError(
                    .invalidArgument, "there is a keyspace `\(name)` already; open it, or choose another name")
            }
            guard state.keyspaces.count < BatchFormat.maximumSections else {
                throw EngineError(.invalidArgument, "a store has at most 1,024 keyspaces; drop one first")
            }
            let id = state.lastKeyspace + 1
            try pipeline.append(.keyspaceCreate) {
                KeyspaceCreate(id: id, name: name, settings: encoded).encode(into: $0)
            }
            return pipeline.currentPoint.position
        }
        guard let made = keyspace(name) else {
            throw EngineError(.notFound, "the keyspace `\(name)` was dropped as soon as it was made")
        }
        return made
    }

    /// Changes what a keyspace decides for data written from now on. Durable when it returns.
    public func alterKeyspace(_ keyspace: Keyspace, settings: KeyspaceSettings) throws(EngineError) {
        let side = try writable()
        try settings.validate()
        let bytes = ByteWriter()
        settings.encode(into: bytes)
        let encoded = bytes.array
        let pipeline = side.pipeline
        _ = try pipeline.exclusively(isWrite: true) { () throws(EngineError) in
            guard !keyspace.tree.isDropped else { throw Engine.droppedError(keyspace.tree) }
            try pipeline.append(.keyspaceAlter) { KeyspaceAlter(id: keyspace.id, settings: encoded).encode(into: $0) }
            return pipeline.currentPoint.position
        }
    }

    /// Drops a keyspace and everything in it. Durable when it returns; the space comes back in the background.
    ///
    /// - Throws: `.invalidArgument` for `default`, `.notFound` when it was dropped before.
    public func dropKeyspace(_ keyspace: Keyspace) throws(EngineError) {
        let side = try writable()
        guard keyspace.id != 0 else {
            throw EngineError(.invalidArgument, "the keyspace `default` cannot be dropped; delete its range instead")
        }
        let pipeline = side.pipeline
        _ = try pipeline.exclusively(isWrite: true) { () throws(EngineError) in
            guard !keyspace.tree.isDropped else { throw Engine.droppedError(keyspace.tree) }
            try pipeline.append(.keyspaceDrop) { KeyspaceDrop(id: keyspace.id).encode(into: $0) }
            return pipeline.currentPoint.position
        }
    }

    // MARK: Shape

    /// Turns what memory holds into tables. Blocks until it is done.
    ///
    /// - Throws: `.unavailable` while background work is paused.
    public func flush() throws(EngineError) { try writable().flushAll() }

    /// Rewrites the tables of a range so that no deleted, expired or replaced entry is left that nobody needs. Blocks.
    ///
    /// - Throws: `.unavailable` while background work is paused.
    public func compact(_ range: KeyRange = .all, in keyspace: Keyspace? = nil) throws(EngineError) {
        let side = try writable()
        let tree = (keyspace ?? defaultKeyspace).tree
        if tree.isDropped { throw Engine.droppedError(tree) }
        try side.flushAll()
        let request = side.compactions.request(tree, range)
        side.wakeCompaction()
        var outcome: Result<Bool, EngineError> = .success(false)
        try side.wait {
            outcome = Result { () throws(EngineError) in try side.compactions.isDone(request) }
            if case .success(false) = outcome { return false }
            return true
        }
        _ = try outcome.get()
    }

    /// Holds flushes and compactions back until as many calls of `resumeBackgroundWork` have been made. Until then
    /// `flush`, `compact` and `ingest` throw `.unavailable`, and so does a write once memory is full: it would wait for the
    /// resumption, which may be its own thread's to make.
    public func pauseBackgroundWork() throws(EngineError) { try writable().pause() }

    /// Undoes one `pauseBackgroundWork`.
    public func resumeBackgroundWork() throws(EngineError) { try writable().resume() }

    /// About how many bytes of tables a range takes on disk; what is in memory is not counted. Reads indexes only.
    public func approximateSize(_ range: KeyRange = .all, in keyspace: Keyspace? = nil) throws(EngineError) -> UInt64 {
        try checkOpen()
        let tree = (keyspace ?? defaultKeyspace).tree
        if tree.isDropped { throw Engine.droppedError(tree) }
        var bytes: UInt64 = 0
        for level in tree.view.levels {
            for table in level.tables where table.meta.span.overlaps(range) {
                let start = Self.offset(of: range.lower, in: table, unbounded: 0)
                let end = Self.offset(of: range.upper, in: table, unbounded: table.meta.size)
                bytes += end - min(start, end)
            }
        }
        return bytes
    }

    private static func offset(
        of key: [UInt8]?, in table: TableHandle, unbounded: UInt64
    ) -> UInt64 {
        guard let key else { return unbounded }
        return key.withView { table.reader.approximateOffset(of: $0) }
    }
}
