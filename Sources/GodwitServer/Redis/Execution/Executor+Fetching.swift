internal import GodwitEngine
internal import GodwitReplication
internal import NIOCore

/// What the disk or the node must be asked, off the event loop, while a client pauses.
extension Executor {
    /// Has what the client's command wants fetched; returns why not where it is refused.
    func fetch(_ client: Client) -> ErrorText? {
        guard let engine else { return "LOADING Redis is loading the dataset in memory" }
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
        if client.attempts > 3, favoured == nil { favoured = client }
        let needs = wanted
        let guardians = needs.map(guardian)
        fetches += 1
        client.handler?.wait(.fetching)
        if needs.contains(where: {
            if case .status = $0 { true } else if case .confirmation = $0 { true } else { false }
        }) {
            ask(needs, guardians, engine, client)
        } else {
            pool.fetch(needs, from: engine, at: client.moment) { result in
                self.loop.execute { self.take(result, needs, guardians, client) }
            }
        }
        return nil
    }

    /// Has the node answer what only it knows.
    private func ask(_ needs: [Need], _ guardians: [Guardian], _ engine: Engine, _ client: Client) {
        let write = client.lastWrite
        Task {
            var outcomes: [FetchPool.Outcome] = []
            for need in needs { outcomes.append(await FetchPool.ask(need, self.node, engine, after: write) ?? .done) }
            let all = outcomes
            self.loop.execute { self.take(.success(all), needs, guardians, client) }
        }
    }

    /// Where the node's replication stands.
    func status() throws(Interrupt) -> ReplicaStatus {
        guard let status = call.client.fetched?.status else { throw needs(.status) }
        return status
    }

    /// Who has the client's last write. Within a transaction nobody waits.
    func confirmed(_ level: WriteLevel, local: Int, _ limit: Duration) throws(Interrupt) -> Confirmation {
        guard let confirmation = call.client.fetched?.confirmation else {
            throw needs(.confirmation(level, local: local, isInTransaction ? .zero : limit))
        }
        return confirmation
    }

    private func guardian(_ need: Need) -> Guardian {
        switch need {
        case .value(let keyspace, let key):
            let isField = databases.contains { $0?.fields.id == keyspace.id }
            return key.withSlice {
                versions.guardian(WriteVersions.stripe(keyspace.id, $0, isField: isField))
            }
        case .scan(let request):
            guard let lower = request.lower, databases.contains(where: { $0?.fields.id == request.keyspace.id }) else {
                return Guardian(stripe: -1, version: 0)
            }
            return lower.withSlice {
                versions.guardian(WriteVersions.stripe(request.keyspace.id, $0, isField: true))
            }
        case .database, .status, .confirmation: return Guardian(stripe: -1, version: 0)
        }
    }

    private func take(
        _ result: Result<[FetchPool.Outcome], EngineError>, _ needs: [Need], _ guardians: [Guardian], _ client: Client
    ) {
        fetches -= 1
        switch result {
        case .success(let outcomes):
            let fetched = client.fetched ?? Fetched()
            for (index, outcome) in outcomes.enumerated() {
                switch (needs[index], outcome) {
                case (.value(let keyspace, let key), .value(let value)):
                    fetched.add(value, keyspace.id, key, guardians[index])
                case (.scan(let request), .scan(let rows)):
                    fetched.scans.append(.init(request: request, result: rows, guardian: guardians[index]))
                case (_, .status(let status)): fetched.status = status
                case (_, .confirmation(let confirmation)): fetched.confirmation = confirmation
                case (.database(let number), _):
                    lookedFor[number] = 0
                    if databases[number] == nil { largeKeys.isNew(number) }
                default: continue
                }
            }
            client.fetched = fetched
            client.handler?.resume()
        case .failure(let error):
            client.fetched = nil
            client.attempts = 0
            client.handler?.refuseRequest(Failures.text(error))
        }
    }
}
