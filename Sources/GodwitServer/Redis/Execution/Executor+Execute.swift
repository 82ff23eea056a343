internal import GodwitEngine
internal import NIOCore

/// One request: whether it may be carried out now, and what is said of it.
extension Executor {
    /// Carries out the request that a client's arguments name.
    func execute(_ client: Client) -> Outcome {
        let arguments = client.arguments
        wanted.removeAll(keepingCapacity: true)
        client.replyStart = client.reply.bytes.count
        let started = statistics.clock
        let command: Command
        do throws(Interrupt) {
            command = try Dispatch.command(arguments)
            try Dispatch.admit(command, client, self)
        } catch {
            guard case .failed(let text) = error else { return interrupted(client, started) }
            refuse(client, CommandTable.shared.find(arguments[0]), text)
            if Dispatch.isOfHTTP(arguments[0]) { client.handler?.closeAfterReplies() }
            return .done
        }
        client.lastCommand = command
        isGivenUp = false
        let writes =
            command.flags.contains(.write)
            || command.flags.contains(.transaction) && (client.transaction?.writes ?? false)
        if let refusal = refusal(command, writes: writes) {
            refuse(client, command, refusal)
            return .done
        }
        if pause.holds(writes: writes) {
            putAside(client)
            block(client)
            return .waits
        }
        if let transaction = client.transaction, !command.flags.contains(.runsInTransaction) {
            guard transaction.isFlawed || transaction.hasRoom(for: arguments, within: settings.maximumRequest) else {
                refuse(client, command, "ERR the transaction takes more than \(settings.maximumRequest) bytes")
                return .done
            }
            transaction.append(command, arguments)
            client.reply.bytes.append("+QUEUED\r\n" as StaticString)
            finish(client)
            return .done
        }
        if writes {
            if mustWait(client) {
                block(client)
                return .waits
            }
            if configuration.syncsAlways, !statistics.syncedWrites.admits() {
                refuse(client, command, "BUSY overloaded, retry")
                return .done
            }
            makeRoom(arguments)
        }
        // What a transaction takes back when it must wait is its own, so others' writes are committed before it.
        if command.flags.contains(.transaction), isDirty { commit() }
        // A commit that waits for its sync is one of before: this request comes after it, in a turn of its own.
        if client.isWaitingForCommit { return .waits }
        if isCommitting, writes || command.flags.contains(.watches) {
            block(client)
            return .waits
        }
        client.replyStart = client.reply.bytes.count
        let before = overlay.entries.count
        do throws(Interrupt) {
            if client.moment != nil { takeUpMoment(client) }
            if let draws = client.draws { draws.rewind() }
            call.begin(client, command, arguments)
            try command.run(call)
            if client.reply.isOver { throw tooLargeReply }
        } catch {
            if case .failed(let text) = error {
                client.reply.truncate(to: client.replyStart)
                client.reply.error(text)
                statistics.countError(text)
                statistics.countFailure(command)
            } else {
                return interrupted(client, started)
            }
        }
        if overlay.entries.count > before { written(client, from: before) }
        statistics.count(command, arguments, client.isFetching ? client.began ?? started : started, client)
        finish(client)
        return .done
    }

    private func interrupted(_ client: Client, _ started: UInt64) -> Outcome {
        client.reply.truncate(to: client.replyStart)
        if moment != nil { moment = nil }
        guard let refusal = fetch(client, since: started) else { return .waits }
        refuse(client, client.lastCommand, refusal)
        return .done
    }

    /// Answers a request that is not carried out by an error. A transaction that it was to be part of is spoiled; one that
    /// it was to carry out is given up.
    func refuse(_ client: Client, _ command: Command?, _ text: ErrorText) {
        var text = text
        if command?.flags.contains(.transaction) ?? false {
            client.transaction = nil
            watchers.remove(client)
            text = "EXECABORT Transaction discarded because of: \(text.withoutGenericCode)"
        } else {
            client.transaction?.isFlawed = true
        }
        client.reply.truncate(to: client.replyStart)
        client.reply.error(text)
        statistics.countError(text)
        if let command { statistics.countRejection(command) }
        finish(client)
    }

    private func finish(_ client: Client) {
        if client.isFetching { forgetFetched(client) }
        client.attempts = 0
        if client.draws != nil { client.draws = nil }
        if client.moment != nil {
            client.moment = nil
            moment = nil
        }
        if favoured != nil { release(client) }
        switch client.replies {
        case .on: return
        case .off, .skip: client.reply.truncate(to: client.replyStart)
        case .skipNext: break
        }
        if client.replies == .skip { client.replies = .on }
        if client.replies == .skipNext {
            client.reply.truncate(to: client.replyStart)
            client.replies = .skip
        }
    }

    /// Runs a queued command within a transaction. It is counted from when it first began; not at all if that was done.
    func runQueued(
        _ command: Command, _ client: Client, _ arguments: Arguments, since started: UInt64?
    ) throws(Interrupt) {
        call.begin(client, command, arguments)
        let start = client.reply.bytes.count
        do throws(Interrupt) {
            try Dispatch.authorize(command, client, arguments, self, isQueued: true, isNoted: started == nil)
            try command.run(call)
        } catch {
            guard case .failed(let text) = error, !isGivenUp else { throw error }
            client.reply.truncate(to: start)
            client.reply.error(text)
            if started != nil {
                statistics.countError(text)
                statistics.countFailure(command)
            }
        }
        if let started { statistics.count(command, arguments, started, client) }
    }

    /// A reply that is cut short would be none.
    var tooLargeReply: Interrupt {
        .failed("ERR the reply would take more than \(limitsOfOutput.reply) bytes: ask for less at a time")
    }

    /// Why the node does not take a command now, queued or not; nil where it does.
    @inline(__always)
    private func refusal(_ command: Command, writes: Bool) -> ErrorText? {
        if engine == nil, !command.flags.contains(.runsWhileLoading) {
            return "LOADING Redis is loading the dataset in memory"
        }
        return writes && !isPrimary ? "READONLY You can't write against a read only replica." : nil
    }

    /// Commits what others have written when that is much, so that a command that fails half-way takes only its own
    /// along, and a batch stays within its bounds.
    private func makeRoom(_ arguments: Arguments) {
        guard let batch, !batch.isEmpty else { return }
        if batch.byteCount > 1 << 20 || arguments.count > 1024 { commit() }
    }

    /// Tells watchers and waiting fetches what was written.
    private func written(_ client: Client, from index: Int) {
        client.lastWrite = Self.unknownPosition
        if !emptied.isEmpty {
            watchers.touch(emptied)
            versions.bumpAll()
            emptied.removeAll()
        }
        guard fetches > 0 || !watchers.isEmpty else { return }
        for entry in overlay.entries[index...] {
            let key = overlay.key(of: entry)
            guard
                let database = databases.lazy.compactMap({ $0 }).first(where: {
                    $0.keys.id == entry.keyspace || $0.fields.id == entry.keyspace
                })
            else { continue }
            let isField = database.fields.id == entry.keyspace
            versions.bump(WriteVersions.stripe(entry.keyspace, key, isField: isField))
            if !isField { versions.bump(WriteVersions.all(of: database.number)) }
            if !isField, !watchers.isEmpty { watchers.touch(WatchKey(database: database.number, key: key.array)) }
        }
    }
}
