internal import GodwitEngine

/// Step 2: the greeting, and what follows from its answer.
extension FollowerSession {
    /// The dial succeeded.
    func opened(_ link: Link, now: UInt64) {
        guard case .dialing(let dialed) = state, dialed === link else { return }
        link.heard = now
        greet(link, now: now)
    }

    func greet(_ link: Link, now: UInt64) {
        state = .greeting(link)
        lastAck = nil
        errands.stop()
        backlog = Backlog()
        nextPing = now + core.options.heartbeat * 1_000_000
        let history = core.history
        let selection = core.selection
        core.send(
            .hello(
                Hello(
                    node: core.node, store: core.engine?.storeID, region: core.options.region,
                    address: core.options.advertised, needsCopy: needsCopy, end: history?.end ?? .start,
                    durable: core.engine?.durablePoint.position.sequence ?? 0, time: now,
                    epochs: history?.epochs ?? [],
                    lacks: core.engine?.keyspaces.filter { !selection.takes($0) }.map(\.id) ?? [],
                    keyspaces: core.options.keyspaces)), on: link)
    }

    /// The leader's answer.
    func welcomed(_ welcome: Welcome, _ link: Link, epoch: Epoch, now: UInt64) throws(EngineError) {
        if let refusal = welcome.refusal {
            core.count(refusal: refusal, of: welcome.node.description, welcome.reason)
            // A refusal by a node of this store may tell of an epoch.
            if let engine = core.engine, engine.storeID == welcome.store { try replica.learn(epoch, now: now) }
            core.close(link, "refused: \(refusal.name)")
            return rest(now: now)
        }
        if let engine = core.engine, engine.storeID != welcome.store {
            core.count(refusal: .otherStore, of: welcome.node.description, "that node is of store \(welcome.store)")
            core.close(link, "another store")
            return rest(now: now)
        }
        guard epoch >= core.state.newest else {
            core.count(refusal: .newerEpoch, of: welcome.node.description, "that node is of an older epoch, \(epoch)")
            core.close(link, "a newer epoch, \(core.state.newest), has begun")
            return rest(now: now)
        }
        link.greet(Link.Peer(node: welcome.node, region: welcome.region, address: welcome.address))
        try replica.learn(epoch, now: now)
        if !figures.node.isEmpty, !figures.isConnected { figures.reconnects += 1 }
        figures.isConnected = true
        figures.node = welcome.node.description
        figures.region = welcome.region
        core.tell(.linked(node: figures.node, region: welcome.region, answer: "\(welcome.answer)"))
        try follow(welcome, link, now: now)
    }

    private func follow(_ welcome: Welcome, _ link: Link, now: UInt64) throws(EngineError) {
        switch welcome.answer {
        case .stream:
            guard let engine = core.engine, engine.historyPoint == welcome.point else {
                return drop("the leader streams from \(welcome.point), where this node is not", now: now)
            }
            figures.partialSyncs += 1
            needsCopy = false
            keepSlot(of: welcome, at: welcome.point.position.sequence)
            state = .streaming(link)
            errands.began(now: now)
            acknowledge(link, now: now)
        case .rewind:
            figures.rewinds += 1
            needsCopy = try !replica.goBack(to: welcome.point, now: now)
            greet(link, now: now)
        case .bootstrap:
            figures.fullSyncs += 1
            if let engine = core.engine { try replica.saveTail(of: engine, after: welcome.point) }
            state = .copying(link, CheckpointReceiver(core, from: welcome.node, figures.node))
        case .sendBack:
            guard let engine = core.engine else { return drop("there is nothing to send back", now: now) }
            let end = engine.historyPoint.position.sequence
            state = .sendingBack(link, try RecordFeed(engine, after: welcome.point, nil), through: end)
        case .refuse: break
        }
    }

    /// The log is kept for the leader too, from the first moment on: this node may be promoted in its place.
    private func keepSlot(of welcome: Welcome, at sequence: SequenceNumber) {
        guard core.slots[welcome.node] == nil else { return }
        core.keep(
            Slot(
                node: welcome.node, region: welcome.region, address: welcome.address, isPartial: false,
                durable: sequence, received: sequence, isLost: false))
    }
}
