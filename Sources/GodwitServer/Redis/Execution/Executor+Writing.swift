internal import GodwitEngine

/// What commands write: into the batch of the turn, and into the overlay through which later commands see it.
extension Executor {
    /// What the present command draws by chance.
    var draws: Draws {
        if let draws = call.client.draws { return draws }
        let draws = Draws()
        call.client.draws = draws
        return draws
    }

    /// A number that no large hash has had.
    func newIncarnation() -> UInt64 { draws.incarnation(now: now) }

    @inline(__always)
    func put(_ keyspace: Keyspace, _ key: ByteSlice, deadline: UInt64 = 0, _ fill: (ByteBox) -> Void) throws(Interrupt)
    {
        guard let batch else { throw .loading }
        let entry = withoutActuallyEscaping(fill) { overlay.add(keyspace.id, key, deadline: deadline, $0) }
        do throws(EngineError) {
            try batch.put(entry.key.view, entry.value.view, deadline: deadline, in: keyspace.id)
        } catch {
            throw abandon(error)
        }
    }

    func delete(_ keyspace: Keyspace, _ key: ByteSlice) throws(Interrupt) {
        guard let batch else { throw .loading }
        let entry = overlay.add(keyspace.id, key, deadline: 0, nil)
        do throws(EngineError) { try batch.delete(entry.key.view, in: keyspace.id) } catch { throw abandon(error) }
    }

    /// Removes a range of rows. Whoever may read them asks a head first, so the overlay need not know.
    func deleteRange(_ keyspace: Keyspace, from lower: [UInt8], to upper: [UInt8]) throws(Interrupt) {
        guard let batch else { throw .loading }
        do throws(EngineError) {
            try lower.withView { (lower) throws(EngineError) in
                try upper.withView { (upper) throws(EngineError) in
                    try batch.deleteRange(from: lower, to: upper, in: keyspace.id)
                }
            }
        } catch { throw abandon(error) }
    }

    /// Removes everything in a keyspace.
    private func clear(_ keyspace: Keyspace) throws(Interrupt) {
        let last = [UInt8](repeating: 0xFF, count: Value.maximumKey)
        try deleteRange(keyspace, from: [], to: last)
        overlay.clear(keyspace.id)
        try last.withSlice { (key) throws(Interrupt) in try delete(keyspace, key) }
    }

    /// Removes everything in a database. Others are told when the command, or the transaction around it, is done.
    func clear(_ database: Database) throws(Interrupt) {
        for keyspace in [database.keys, database.fields, database.deadlines] { try clear(keyspace) }
        emptied.insert(database.number)
    }

    /// A batch that cannot take more is given up as a whole.
    private func abandon(_ error: EngineError) -> Interrupt {
        let text = Failures.text(error)
        fail(text)
        isGivenUp = true
        return .failed(text)
    }

    /// Takes back everything that was written since the last commit: a transaction cannot go on, and began with a commit.
    func takeBack() {
        emptied.removeAll()
        overlay.clear()
        batch?.clear()
    }
}
