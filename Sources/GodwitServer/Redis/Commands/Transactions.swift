internal import GodwitEngine

/// MULTI and its kin.
enum Transactions {
    static func multi(_ call: Call) throws(Interrupt) {
        if call.client.transaction != nil { throw .failed("ERR MULTI calls can not be nested") }
        call.client.transaction = Transaction()
        call.reply.ok()
    }

    static func discard(_ call: Call) throws(Interrupt) {
        if call.client.transaction == nil { throw .failed("ERR DISCARD without MULTI") }
        end(call)
        call.reply.ok()
    }

    static func watch(_ call: Call) throws(Interrupt) {
        if call.client.transaction != nil { throw .failed("ERR WATCH inside MULTI is not allowed") }
        let since = call.executor.isPrimary ? nil : call.executor.engine?.position
        var watches: [Client.Watch] = []
        var seen = Set<WatchKey>()
        try call.readAll(1..<call.count) { (index, value) throws(Interrupt) in
            let key = WatchKey(database: call.client.database, key: call[index].array)
            if call.executor.watchers.contains(key, by: call.client) || !seen.insert(key).inserted { return }
            watches.append(
                Client.Watch(key: key, deadline: value?.deadline ?? 0, existed: value != nil, since: since))
        }
        // A client that is touched already has lost; what it watches more does not matter.
        for watch in watches { call.executor.watchers.add(watch, call.client) }
        call.reply.ok()
    }

    static func unwatch(_ call: Call) throws(Interrupt) {
        call.executor.watchers.remove(call.client)
        call.reply.ok()
    }

    /// Runs what was queued, all in one batch. A command that must wait makes the whole wait: what was written so far is
    /// taken back, and everything runs again once it is there.
    static func exec(_ call: Call) throws(Interrupt) {
        let client = call.client
        guard let transaction = client.transaction else { throw .failed("ERR EXEC without MULTI") }
        if transaction.isFlawed {
            end(call)
            throw .failed("EXECABORT Transaction discarded because of previous errors.")
        }
        // What is watched is looked at as of the moment at which is read, too.
        if transaction.count > 1 || !client.watched.isEmpty { try call.executor.holdMoment() }
        if client.isTouched || hasExpired(call) || isOvertaken(call) {
            end(call)
            return call.reply.nullArray()
        }
        let executor = call.executor
        let arguments = Arguments()
        call.reply.array(transaction.count)
        var number = 0
        let begin = client.identity
        executor.isInTransaction = true
        defer { executor.isInTransaction = false }
        do throws(Interrupt) {
            // Within, commands are carried out and not queued.
            client.transaction = nil
            while number < transaction.count {
                try run(transaction, number, arguments, call)
                if client.reply.isOver { throw executor.tooLargeReply }
                number += 1
            }
        } catch {
            if case .failed(let text) = error {
                client.identity = begin
                executor.takeBack()
                executor.watchers.remove(client)
                throw .failed("EXECABORT Transaction discarded because of: \(text.withoutGenericCode)")
            }
            transaction.wait(number, executor.statistics.clock)
            // What the commands behind it will want is fetched along.
            for later in (number + 1)..<max(number + 1, transaction.count) where !executor.hasEnoughWanted {
                executor.want(transaction.load(later, into: arguments), arguments)
            }
            // It runs again from the start, as who and where the client was.
            client.identity = begin
            client.transaction = transaction
            executor.takeBack()
            throw error
        }
        executor.watchers.remove(client)
    }

    /// Runs one queued command; one that is not of data only the first time.
    private static func run(
        _ transaction: Transaction, _ number: Int, _ arguments: Arguments, _ call: Call
    ) throws(Interrupt) {
        let client = call.client
        if let outcome = transaction[number] {
            client.reply.bytes.append(outcome.reply)
            client.identity = outcome.identity
            return
        }
        let start = client.reply.bytes.count
        let command = transaction.load(number, into: arguments)
        let began = transaction.start(of: number, now: call.executor.statistics.clock)
        try call.executor.runQueued(command, client, arguments, since: began)
        if command.flags.isData { return }
        transaction[number] = .init(reply: client.reply.bytes.slice(from: start).array, identity: client.identity)
    }

    private static func hasExpired(_ call: Call) -> Bool {
        call.client.watched.contains { $0.deadline != 0 && $0.deadline <= call.now }
    }

    /// Whether replication may have written what is watched.
    private static func isOvertaken(_ call: Call) -> Bool {
        guard !call.executor.isPrimary, let engine = call.executor.engine else { return false }
        return call.client.watched.contains { watch in
            guard let since = watch.since, let database = call.executor.database(watch.key.database) else {
                return false
            }
            return !engine.isUnwritten(watch.key.key, in: database.keys, since: since)
        }
    }

    private static func end(_ call: Call) {
        call.client.transaction = nil
        call.executor.watchers.remove(call.client)
    }
}
