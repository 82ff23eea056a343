package import GodwitEngine

/// What an operator asks of a node.
extension Replica {
    /// Makes this node the primary: begins an epoch at the end of what it has, and takes writes.
    ///
    /// - Parameter allowDataLoss: Also when another node was further when last heard of, when this node waits for
    /// followers
    ///   that may hold what it lost, or when a switchover is in doubt.
    /// - Returns: The epoch.
    /// - Throws: `.wrongRole` for the primary itself, `.partial`, `.noData`, `.notFurthest`, `.busy`.
    @discardableResult
    package func promote(allowDataLoss: Bool, now: UInt64) throws(ReplicationError) -> Epoch {
        guard let engine = core.engine else {
            throw ReplicationError(.noData, "this node has no data yet; wait for its full copy")
        }
        if core.isPartial {
            throw ReplicationError(.partial, "this node holds only some keyspaces; promote one that holds all")
        }
        try checkPromotion(engine, allowDataLoss: allowDataLoss)
        do throws(EngineError) {
            let epoch = try reign()
            answerHeld(now: now)
            return epoch
        } catch {
            throw ReplicationError(error)
        }
    }

    private func checkPromotion(_ engine: Engine, allowDataLoss: Bool) throws(ReplicationError) {
        switch role {
        case .primary(let reign):
            switch reign.state {
            case .open: throw ReplicationError(.wrongRole, "this node is the primary already")
            case .pausing, .handingOver: throw ReplicationError(.busy, "a switchover is under way; wait for its end")
            case .recovering where !allowDataLoss:
                throw ReplicationError(
                    .busy, "this node waits for followers that may hold writes it lost; `allowDataLoss` goes on without"
                )
            case .recovering: return
            }
        case .follower, .deposed: break
        }
        if core.state.handover != nil, !allowDataLoss {
            throw ReplicationError(
                .busy, "the node that a switchover was made to may be the primary; `allowDataLoss` goes on without")
        }
        let own = engine.historyPoint.position.sequence
        let others = core.slots.all.filter { !$0.isPartial && !$0.isPrimary && $0.received > own }
        if !allowDataLoss, let furthest = others.max(by: { ($0.received, $0.node) < ($1.received, $1.node) }) {
            throw ReplicationError(
                .notFurthest,
                "node \(furthest.node) in \(furthest.region) was at \(furthest.received) when last heard of, and this "
                    + "one is at \(own); promote that one, or accept the loss with `allowDataLoss`")
        }
    }

    /// Hands the primary's role to a follower, losing nothing: writes are refused until it is done or given up. The
    /// outcome comes as an event and stands in the status.
    ///
    /// - Parameters:
    ///   - node: The follower's id, 32 hexadecimal digits.
    ///   - limit: Milliseconds after which it is given up.
    package func switchover(to node: NodeID, limit: UInt64, now: UInt64) throws(ReplicationError) {
        guard case .primary(let reign) = role, case .open = reign.state, let engine = core.engine else {
            throw ReplicationError(.wrongRole, "this node is not the primary, or not open; ask the primary")
        }
        guard let shipper = streaming(node), let hello = shipper.hello else {
            throw ReplicationError(.notConnected, "node \(node) does not follow this one now; wait until it does")
        }
        if hello.keyspaces != nil {
            throw ReplicationError(.partial, "node \(node) holds only some keyspaces; choose one that holds all")
        }
        do throws(EngineError) {
            try fence("a switchover to \(node) is under way")
            let handover = ReplicaState.Handover(node: node, address: hello.address, end: engine.historyPoint)
            reign.state = .pausing(Reign.Handing(handover: handover, until: now + limit * 1_000_000, since: now))
            try engine.requestSync()
            tellRole()
        } catch {
            throw ReplicationError(error)
        }
    }

    /// Makes this node, a primary of the past or a follower, a follower of the node at an address. What it has in
    /// excess of that node's history is kept as a tail and sent there.
    package func rejoin(leader: String, now: UInt64) throws(ReplicationError) {
        guard leader != core.options.advertised, !leader.isEmpty else {
            throw ReplicationError(.invalidArgument, "a node cannot follow itself; give the primary's address")
        }
        do throws(EngineError) {
            guard case .primary(let reign) = role else { return try follow(leader, now: now) }
            dropFollowers("this node follows \(leader) now")
            try follow(leader, now: now)
            endSwitchover(of: reign)
        } catch {
            throw ReplicationError(error)
        }
    }

    /// Has a follower follow another node.
    package func setLeader(_ address: String, now: UInt64) throws(ReplicationError) {
        if case .primary = role {
            throw ReplicationError(.wrongRole, "this node is the primary; `rejoin` makes it a follower")
        }
        try rejoin(leader: address, now: now)
    }

    /// Forgets a node that will not come back: its slot goes, with the log that is kept for it, and a restart does not
    /// wait for it. Should it come all the same, it is as any other follower, with a full copy where the log does not
    /// reach back.
    ///
    /// - Throws: `.wrongRole` on a follower, `.invalidArgument` for a node without a slot, `.busy` while it follows.
    package func forget(_ node: NodeID, now: UInt64) throws(ReplicationError) {
        if case .follower = role {
            throw ReplicationError(.wrongRole, "a follower's slots are those of its leader; ask the primary")
        }
        guard let slot = core.slots[node] else {
            throw ReplicationError(.invalidArgument, "node \(node) has no slot here; `status` lists those there are")
        }
        if shippers.contains(where: { $0.hello?.node == node && !$0.link.isClosed }) {
            throw ReplicationError(.busy, "node \(node) follows this one now; stop it first")
        }
        core.forget { $0.node == slot.node }
        core.figures[node] = nil
        if case .primary(let reign) = role { reign.settled(node) }
        do throws(EngineError) {
            try core.slots.save(core.fileSystem, to: core.home, now: now, atOnce: true)
        } catch {
            throw ReplicationError(error)
        }
    }

    /// Compares this node's data with that of every follower that streams from it now, key by key where it differs:
    /// asked of the primary, and of each follower that passes the stream on. One that is connected and does not stream
    /// yet counts as not compared. The outcome comes as a `.verified` action.
    ///
    /// - Returns: The number that the action will have.
    package func verify(now: UInt64) throws(ReplicationError) -> UInt64 {
        guard let engine = core.engine, takesWrites || isRelay else {
            throw ReplicationError(.wrongRole, "this node is not the primary, and nobody follows it; ask the primary")
        }
        if verification != nil { throw ReplicationError(.busy, "another verification is under way; wait for it") }
        do throws(EngineError) {
            verifications += 1
            verification = try Verification(verifications, engine, core.selection, shippers, marks: takesWrites)
            return verifications
        } catch {
            throw ReplicationError(error)
        }
    }

    /// Whether it is a primary that takes writes, or does but for a lag.
    private var takesWrites: Bool {
        guard case .primary(let reign) = role, case .open = reign.state else { return false }
        return true
    }

    /// Whether it is a follower that others follow.
    private var isRelay: Bool {
        guard case .follower = role else { return false }
        return shippers.contains(where: \.isStreaming)
    }

    /// Waits for a level; the outcome comes as a `.level` action with this id. Only nodes count that may hold what was
    /// written.
    package func await(
        _ level: WriteLevel, at position: Position, of written: [WrittenKeyspace], id: UInt64, until: UInt64,
        now: UInt64
    ) {
        levels.add(LevelWaits.Waiter(id: id, level: level, position: position, written: written, until: until))
        settleLevels(now: now)
    }

    /// The link that a node streams over.
    func streaming(_ node: NodeID) -> Shipper? {
        shippers.first { shipper in
            guard case .streaming = shipper.state else { return false }
            return shipper.hello?.node == node && !shipper.link.isClosed
        }
    }
}
