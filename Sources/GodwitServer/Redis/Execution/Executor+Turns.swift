internal import GodwitEngine
internal import GodwitNode
internal import NIOCore

/// Turns of the loop: what is committed at the end of one, and which replies wait for it.
extension Executor {
    /// Called before the requests of a connection are looked at.
    func beginTurn(_ handler: ClientHandler) {
        takeNote()
        statistics.clock = NIODeadline.now().uptimeNanoseconds
        running = handler
        foreseen.clear()
    }

    /// Takes note of where the node stands.
    func takeNote() {
        let (now, writes) = node.present
        if now !== engine || writes != isPrimary { change(now, writes) }
        turnNumber &+= 1
    }

    private func change(_ now: Engine?, _ writes: Bool) {
        if now !== engine {
            // What an engine that is gone was to be told is gone with it.
            fail("LOADING the node's data is being replaced")
            for client in clients.values {
                client.fetched = nil
                client.moment = nil
            }
        } else if isDirty {
            // What was written under the role of before is committed or refused by the engine, not forgotten.
            commit()
        }
        // Whoever watches did so of other data, or where others wrote.
        watchers.touchAll()
        engine = now
        isPrimary = writes
        databases = ContiguousArray(repeating: nil, count: Database.count)
        batch = now.flatMap { try? $0.makeBatch() }
        largeKeys.forget()
        if writes, let now { largeKeys.load(now, on: pool, loop) }
    }

    /// Called when the requests of a connection that could be were carried out.
    func endTurn(_ handler: ClientHandler) {
        running = nil
        foreseen.clear()
        if handler.isInTurn { return }
        if isDirty {
            handler.isInTurn = true
            turn.append(handler)
        } else {
            answered.append(handler)
            if answered.count == Self.answeredLimit { sendAnswered() }
        }
        if hasTask { return }
        hasTask = true
        loop.execute {
            self.hasTask = false
            self.sendAnswered()
            self.commit()
        }
    }

    /// Connections whose replies wait for the loop to have looked at all that have sent something. To wake a client costs
    /// more than to answer it, and one that is being woken for each reply is woken more often.
    private static let answeredLimit = 64

    /// Sends the replies that depend on no commit. Those of a client that has written since then leave with its others.
    private func sendAnswered() {
        swap(&answered, &sending)
        for handler in sending where !handler.isInTurn { handler.flush() }
        sending.removeAll(keepingCapacity: true)
    }

    /// Sends what a client's requests have brought so far, though there are more of them.
    func sendNow(_ handler: ClientHandler) {
        if isDirty { commit() }
        if !handler.isInTurn { handler.flush() }
    }

    /// Whether something is written and not committed.
    @inline(__always)
    var isDirty: Bool { !overlay.isEmpty }

    /// Commits what the turn has written. Replies that depend on it leave when it is done.
    func commit() {
        var members = turn
        turn.removeAll(keepingCapacity: true)
        // The replies that the present client has so far depend on the commit too.
        if isDirty, let running, !running.isInTurn {
            running.isInTurn = true
            members.append(running)
        }
        commit(members)
    }

    private func commit(_ members: [ClientHandler]) {
        foreseen.clear()
        guard isDirty, let engine, let batch else { return settle(members, .success(nil)) }
        defer {
            batch.clear()
            overlay.clear()
        }
        do throws(EngineError) {
            if let position = try engine.tryWrite(batch) { return settle(members, .success(position)) }
            try engine.writeLater(batch, durability: .buffered) { result in
                self.loop.execute {
                    self.isCommitting = false
                    self.settle(members, result.map { $0 })
                    self.unblock()
                }
            }
            // Only now, for what was not taken is settled at once. The outcome comes in a turn of the loop's own.
            isCommitting = true
            for member in members { member.wait(.commit) }
        } catch {
            settle(members, .failure(error))
        }
    }

    /// Lets the replies of a turn go once what they depend on is as safe as was asked.
    private func settle(_ members: [ClientHandler], _ result: Result<Position?, EngineError>) {
        switch result {
        case .success(let position):
            if let position {
                for member in members where member.client.lastWrite == Self.unknownPosition {
                    member.client.lastWrite = position
                }
                if configuration.syncsAlways, let engine { return settle(members, whenSynced: position, engine) }
            }
            for member in members { letGo(member) }
        case .failure(let error):
            let text = Failures.text(error)
            statistics.failedCommits += 1
            for member in members {
                if member.client.lastWrite == Self.unknownPosition { member.client.lastWrite = nil }
                member.refuse(text)
                letGo(member)
            }
        }
    }

    /// Holds replies back until the log is synced.
    private func settle(_ members: [ClientHandler], whenSynced position: Position, _ engine: Engine) {
        for member in members { member.wait(.commit) }
        let ticket = statistics.syncedWrites.enter()
        syncs += 1
        engine.whenSynced(position) { result in
            self.loop.execute {
                self.statistics.syncedWrites.begin(ticket)
                if case .failure(let error) = result {
                    for member in members { member.refuse(Failures.text(error)) }
                }
                for member in members { self.letGo(member) }
                self.syncs -= 1
            }
        }
    }

    private func letGo(_ member: ClientHandler) {
        member.isInTurn = false
        if member === running { return member.forgetMarks() }
        member.flush()
        if member.pause == .commit { member.resume() }
    }

    /// Where a client's write stands before it is known.
    static let unknownPosition = Position(epoch: Epoch(number: 0, tag: 0), sequence: .max)

    /// Everything that was not committed is refused.
    func fail(_ text: ErrorText) {
        var members = turn
        turn.removeAll()
        if let running, !running.isInTurn { members.append(running) }
        takeBack()
        for member in members {
            member.refuse(text)
            letGo(member)
        }
    }
}
