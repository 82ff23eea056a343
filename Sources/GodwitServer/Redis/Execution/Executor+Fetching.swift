internal import GodwitEngine
internal import GodwitReplication
internal import NIOCore

/// What the disk or the node must be asked, off the event loop, while a client pauses.
extension Executor {
    /// What a fetch was begun under: its answer means nothing to another engine or role.
    private struct Origin {
        let engine: Engine?
        let generation: Int
    }

    /// Has what the client's command wants fetched, a command that has now run since `started`; returns why not where it
    /// is refused.
    func fetch(_ client: Client, since started: UInt64) -> ErrorText? {
        if engine == nil, wanted.contains(where: \.needsData) {
            return "LOADING Redis is loading the dataset in memory"
        }
        let readsDisk = wanted.contains { $0.readsDisk }
        guard client.attempts < 1024, client.attempts > 0 || !readsDisk || pool.admission.admits() else {
            return "BUSY overloaded, retry"
        }
        // Scans and confirmations are of what is committed.
        if isDirty { commit() }
        if client.isWaitingForCommit { return nil }
        if isCommitting {
            block(client)
            return nil
        }
        if readsDisk, let database = database(client.database) {
            for key in client.ahead { wanted.append(.value(keyspace: database.keys, key: key)) }
            client.ahead.removeAll()
        }
        client.attempts += 1
        client.fetched?.countOvertaking()
        // Who reads at a moment is overtaken by nobody, and who has only asked for more has not been.
        if favoured == nil, client.moment == nil, client.fetched?.wasOvertakenOften ?? false { favoured = client }
        let needs = wanted
        let guardians = needs.map { guardian($0, client) }
        // Until its command is done, writes say what of the answers they have overtaken.
        if !client.isFetching {
            client.isFetching = true
            fetches += 1
        }
        // What its command waits for the disk is the command's own time; for other nodes it waits as it was told to.
        let waitsForOthers = needs.contains { if case .confirmation = $0 { true } else { false } }
        if client.began == nil, !waitsForOthers { client.began = started }
        client.handler?.wait(.fetching)
        let origin = Origin(engine: engine, generation: largeKeys.generation)
        if needs.contains(where: \.isOfNode) {
            ask(needs, guardians, origin, client, waitsForOthers: waitsForOthers)
        } else {
            pool.fetch(needs, from: engine, at: client.moment) { result in
                self.loop.execute { self.take(result, needs, guardians, origin, client) }
            }
        }
        return nil
    }

    /// Has the node answer what only it knows.
    private func ask(
        _ needs: [Need], _ guardians: [Guardian], _ origin: Origin, _ client: Client, waitsForOthers: Bool
    ) {
        let write = client.lastWrite
        let node = node
        client.waitsForOthers = waitsForOthers
        let waiting = waitsForOthers ? 1 : 0
        questions += 1
        waits += waiting
        client.question = Task {
            var outcomes: [FetchPool.Outcome] = []
            for need in needs {
                outcomes.append(await FetchPool.ask(need, node, origin.engine, after: write) ?? .done)
            }
            let (all, hasGone) = (outcomes, Task.isCancelled)
            self.loop.execute {
                self.questions -= 1
                self.waits -= waiting
                if !hasGone { self.take(.success(all), needs, guardians, origin, client) }
            }
        }
    }

    /// Forgets what a client fetches or has fetched.
    func forgetFetched(_ client: Client) {
        client.fetched = nil
        client.question?.cancel()
        client.question = nil
        client.waitsForOthers = false
        guard client.isFetching else { return }
        client.isFetching = false
        client.began = nil
        fetches -= 1
    }

    /// Where the node's replication stands.
    func status() throws(Interrupt) -> ReplicaStatus {
        guard let status = call.client.fetched?.status else { throw needs(.status) }
        return status
    }

    /// Who has the client's last write; once, for the next command may ask otherwise. Within a transaction nobody waits.
    func confirmed(_ level: WriteLevel, local: Int, _ limit: Duration) throws(Interrupt) -> Confirmation {
        guard let fetched = call.client.fetched, let confirmation = fetched.confirmation else {
            throw needs(.confirmation(level, local: local, isInTransaction ? .zero : limit))
        }
        fetched.confirmation = nil
        return confirmation
    }

    /// The content of the file of users.
    func usersRead(from path: String) throws(Interrupt) -> Result<[UInt8], AccessFile.Problem> {
        try userFile(.readUsers(path))
    }

    /// Writes the file of users.
    func usersWritten(_ content: [UInt8], to path: String) throws(Interrupt) -> Result<[UInt8], AccessFile.Problem> {
        try userFile(.writeUsers(content, path))
    }

    /// What has become of the file; once, for the next command wants it anew.
    private func userFile(_ need: Need) throws(Interrupt) -> Result<[UInt8], AccessFile.Problem> {
        guard let fetched = call.client.fetched, let outcome = fetched.userFile else { throw needs(need) }
        fetched.userFile = nil
        return outcome
    }

    private func guardian(_ need: Need, _ client: Client) -> Guardian {
        switch need {
        case .value(let keyspace, let key), .head(let keyspace, let key):
            let isField = databases.contains { $0?.fields.id == keyspace.id }
            return key.withSlice {
                versions.guardian(WriteVersions.stripe(keyspace.id, $0, isField: isField))
            }
        case .scan(let request):
            if let lower = request.lower, databases.contains(where: { $0?.fields.id == request.keyspace.id }) {
                return lower.withSlice {
                    versions.guardian(WriteVersions.stripe(request.keyspace.id, $0, isField: true))
                }
            }
            // A scan alone is of the moment at which it was made. Within a transaction it is of the moment of all.
            guard client.lastCommand?.flags.contains(.transaction) ?? false,
                let database = databases.lazy.compactMap({ $0 }).first(where: { $0.keys.id == request.keyspace.id })
            else { return .none }
            return versions.guardian(WriteVersions.all(of: database.number))
        case .database, .status, .confirmation, .readUsers, .writeUsers: return .none
        }
    }

    private func take(
        _ result: Result<[FetchPool.Outcome], EngineError>, _ needs: [Need], _ guardians: [Guardian], _ origin: Origin,
        _ client: Client
    ) {
        takeNote()
        // Of data that is gone: the command asks again.
        guard origin.engine === engine else {
            client.handler?.resume()
            return
        }
        switch result {
        case .success(let outcomes):
            let fetched = client.fetched ?? Fetched()
            for (index, outcome) in outcomes.enumerated() {
                switch (needs[index], outcome) {
                case (.value(let keyspace, let key), .value(let value)):
                    fetched.add(value, keyspace.id, key, guardians[index])
                case (.head(let keyspace, let key), .value(let value)):
                    fetched.add(value, keyspace.id, key, guardians[index], isHead: true)
                case (.scan(let request), .scan(let rows)):
                    fetched.add(rows, request, guardians[index])
                case (_, .status(let status)): fetched.status = status
                case (_, .confirmation(let confirmation)): fetched.confirmation = confirmation
                case (_, .userFile(let outcome)): fetched.userFile = outcome
                case (.database(let number), .database(let isNew)):
                    lookedFor[number] = 0
                    // Where others made it, or had it meanwhile, something may be in it.
                    if isNew, origin.generation == largeKeys.generation {
                        largeKeys.isNew(number)
                    } else if let engine {
                        largeKeys.load(number, engine, on: pool, loop)
                    }
                default: continue
                }
            }
            client.fetched = fetched
            if fetched.byteCount > pool.total {
                client.fetched = nil
                client.attempts = 0
                client.handler?.refuseRequest(
                    "ERR the command would read more than \(pool.total) bytes from the disk: ask for less at a time")
                return
            }
            client.handler?.resume()
        case .failure(let error):
            client.fetched = nil
            client.attempts = 0
            client.handler?.refuseRequest(Failures.text(error))
        }
    }
}
