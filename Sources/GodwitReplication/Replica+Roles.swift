internal import GodwitEngine

/// How a node's role changes. What is remembered is durable before it takes effect; a fence stands wherever the role is
/// not that of an open primary.
extension Replica {
    /// Takes up the remembered role.
    func takeUp(_ opening: Opening, now: UInt64) throws(EngineError) {
        try fence("the node is starting")
        switch core.state.role {
        case .follower: try follow(core.state.leader ?? "", core.state.handover, now: now)
        case .deposed: try fence("a newer epoch, \(core.state.newest), has begun elsewhere")
        case .primary:
            guard let engine = core.engine else { return }
            if let handover = core.state.handover { return try doubt(handover, now: now) }
            try recover(isWhole: opening.wasClean && !engine.epochHistory.isEmpty, now: now)
        }
    }

    /// Asks the nodes in the slots, which may hold what was lost here, or have another primary by now; without any,
    /// goes on at once.
    ///
    /// - Parameter isWhole: Whether nothing can be lost here. Then it waits no longer than for a silent link.
    func recover(isWhole: Bool, now: UInt64) throws(EngineError) {
        let pending = core.slots.all.filter { !$0.isLost && !$0.isPartial }.map(\.node)
        if pending.isEmpty { return try goOn(isWhole: isWhole) }
        let wait = isWhole ? min(core.options.silence, core.options.restartWait) : core.options.restartWait
        role = .primary(
            Reign(
                .recovering(until: now + wait * 1_000_000, pending: pending), Inquiry(core, self, now: now),
                isWhole: isWhole))
        try fence("the node asks its followers, which may hold writes that it lost, or follow another primary by now")
        tellRole()
    }

    /// Takes writes after a restart: under the present epoch where nothing was lost, else under a new one.
    func goOn(isWhole: Bool) throws(EngineError) {
        guard isWhole, let engine = core.engine else {
            try reign()
            return
        }
        role = .primary(Reign(.open))
        try fence(nil)
        try engine.abandonIngests()
        tellRole()
    }

    /// Only the target of a switchover knows whether it has begun an epoch: this node follows it, and takes no writes,
    /// until the target says so by its epoch, or greets as a follower itself.
    func doubt(_ handover: ReplicaState.Handover, now: UInt64) throws(EngineError) {
        try follow(handover.address, handover, now: now)
    }

    /// Refuses callers' writes, or takes them again for nil.
    func fence(_ reason: String?) throws(EngineError) {
        isGuarding = false
        ownTail = nil
        refusing = reason
        try core.engine?.fenceWrites(
            reason.map { EngineError(.notWritable, "this node takes no writes now: \($0)") })
    }

    func tellRole() {
        let (name, stage) = roleNames
        core.tell(.roleChanged(role: name, stage: stage))
    }

    var roleNames: (role: String, stage: String) {
        switch role {
        case .primary(let reign): ("primary", reign.stage)
        case .follower(let session): ("follower", session.stage)
        case .deposed: ("deposed", "waiting")
        }
    }

    // MARK: Primary

    /// Begins an epoch and takes writes.
    @discardableResult
    func reign() throws(EngineError) -> Epoch {
        guard let engine = core.engine else { throw EngineError(.unavailable, "there is no data to be primary of") }
        let fork = engine.historyPoint
        let number = max(core.state.newest, fork.position.epoch).number + 1
        let epoch = Epoch(number: number, tag: UInt32(truncatingIfNeeded: core.environment.random.next()))
        try core.remember { $0.intent = epoch }
        try engine.beginEpoch(epoch)
        try core.remember { state in
            state.role = .primary
            state.newest = epoch
            state.intent = nil
            state.handover = nil
        }
        if case .follower(let session) = role { session.end("this node is the primary now") }
        for var slot in core.slots.all {
            slot.received = min(slot.received, fork.position.sequence)
            slot.durable = min(slot.durable, fork.position.sequence)
            slot.isPrimary = false
            core.keep(slot)
        }
        role = .primary(Reign(.open))
        try fence(nil)
        core.tell(.epochBegan(epoch))
        tellRole()
        return epoch
    }

    /// Answers those who had to wait, now that the log is known to be whole.
    func answerHeld(now: UInt64) {
        for shipper in shippers {
            if case .held(let hello) = shipper.state { answer(hello, shipper, now: now) }
        }
    }

    // MARK: Follower

    /// Follows the node at an address. `freshAsOf`: when everything that was committed was surely here.
    func follow(
        _ leader: String, _ handover: ReplicaState.Handover? = nil, freshAsOf: UInt64? = nil, now: UInt64
    ) throws(EngineError) {
        try core.remember { state in
            state.role = .follower
            state.leader = leader
            state.handover = handover
        }
        giveUpLevels()
        switch role {
        case .follower(let session): session.end("this node follows another")
        case .primary(let reign): reign.inquiry?.end()
        case .deposed: break
        }
        role = .follower(FollowerSession(core, self, leader: leader, freshAsOf: freshAsOf, now: now))
        try fence("the node is a follower")
        tellRole()
    }

    // MARK: Epochs

    /// Takes note of an epoch that another node of this store has heard of.
    func learn(_ epoch: Epoch, now: UInt64) throws(EngineError) {
        guard epoch > core.state.newest else { return }
        try core.remember { $0.newest = epoch }
        if let handover = core.state.handover { return try handedOver(handover, now: now) }
        guard case .primary(let reign) = role else { return }
        reign.inquiry?.end()
        let own = core.engine?.historyPoint.position.epoch ?? .none
        try fence("a newer epoch, \(epoch), has begun elsewhere")
        try core.remember { $0.role = .deposed }
        giveUpLevels()
        role = .deposed
        dropFollowers("a newer epoch, \(epoch), has begun")
        core.tell(.deposed(by: epoch, own: own))
        tellRole()
        endSwitchover(of: reign)
    }

    // MARK: Going back, and full copies

    /// Takes this node's history back to a point of its own; what comes after it is saved as a tail. False when only a
    /// full copy will help.
    func goBack(to point: HistoryPoint, now: UInt64) throws(EngineError) -> Bool {
        guard let engine = core.engine else { return false }
        try saveTail(of: engine, after: point)
        dropFollowers("this node goes back to \(point.position)")
        let end = engine.historyPoint
        do throws(EngineError) {
            try engine.rewind(to: point)
        } catch {
            guard error.code == .history else { throw error }
            return false
        }
        for var slot in core.slots.all {
            slot.received = min(slot.received, point.position.sequence)
            slot.durable = min(slot.durable, point.position.sequence)
            core.keep(slot)
        }
        if case .follower(let session) = role { session.forgetFreshness() }
        core.tell(.rewound(to: point.position, records: end.position.sequence - point.position.sequence))
        return true
    }

    /// Saves what this node has after a point of its history, unless that is nothing that anybody wrote.
    func saveTail(of engine: Engine, after point: HistoryPoint) throws(EngineError) {
        guard point.position.sequence < engine.historyPoint.position.sequence else { return }
        try TailFile.save(core, engine, after: point)
    }

    /// Puts a full copy that was received in the place of the data here.
    func install(_ receiver: CheckpointReceiver, now: UInt64) throws(EngineError) {
        dropFollowers("this node takes a full copy")
        copies.close()
        let old = core.engine
        core.engine = nil
        core.act(.engineChanged(nil))
        try? old?.close()
        try receiver.install()
        let engine = try Opening.open(core)
        core.engine = engine
        core.act(.engineChanged(engine))
        try fence("the node is a follower")
        if case .follower(let session) = role { session.forgetFreshness() }
        core.tell(.copied(node: receiver.name, bytes: receiver.bytes))
    }
}
