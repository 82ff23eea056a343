internal import GodwitEngine

/// What a node does for those who follow it.
extension Replica {
    // MARK: Handshakes

    /// A follower says hello.
    func greet(_ hello: Hello, _ shipper: Shipper, epoch: Epoch, now: UInt64) throws {
        if let name = shipper.link.identity?.name, name != hello.region, name != hello.node.description {
            let reason = "the certificate is for `\(name)`, and the node says it is \(hello.node) in `\(hello.region)`"
            return shipper.refuse(.notAuthorised, reason, hello, core.engine)
        }
        if let store = core.engine?.storeID, hello.store == store { try learn(epoch, now: now) }
        // One link a node: an older one is dead, whether that was noticed or not.
        for other in shippers where other !== shipper && other.hello?.node == hello.node {
            core.close(other.link, "the node has connected anew")
        }
        shipper.greet(hello)
        try resolve(hello, now: now)
        answer(hello, shipper, now: now)
    }

    /// The target of a switchover greets as a follower under the old epoch: it did not take over, and will not.
    private func resolve(_ hello: Hello, now: UInt64) throws(EngineError) {
        guard let handover = core.state.handover, handover.node == hello.node, hello.store == core.engine?.storeID
        else { return }
        switch role {
        case .primary(let reign): try abort(reign)
        case .deposed: return
        case .follower(let session):
            try core.remember { state in
                state.role = .primary
                state.handover = nil
            }
            session.end("the switchover did not take place")
            // It may have restarted since, and lost what the target has.
            try recover(isWhole: false, now: now)
            finishSwitchover(handover.node, .aborted)
        }
    }

    /// Answers a hello, as things stand now.
    func answer(_ hello: Hello, _ shipper: Shipper, now: UInt64) {
        guard let engine = core.engine, let history = core.history else {
            return shipper.refuse(.notReady, "this node has no data yet", hello, nil)
        }
        if let name = lacking(hello.selection, engine) {
            let reason = "this node does not hold `\(name)`, which that one takes: have it follow one that does"
            return shipper.refuse(.partial, reason, hello, engine)
        }
        let handshake = Handshake(
            store: engine.storeID, region: core.options.region, history: history, standing: standing,
            newest: core.state.newest, keyspaces: core.options.keyspaces)
        var answer = handshake.answer(hello, allowed: shipper.link.identity?.keyspaces)
        if case .stream(let point) = answer, let owed = core.owesCopy[hello.node] {
            // It may be past that by a copy whose end was never heard of here.
            let isPast = point.position.sequence >= owed
            if isPast { core.owesCopy[hello.node] = nil } else { answer = .bootstrap(fork: point) }
        }
        if case .sendBack = answer, shippers.contains(where: { $0.isReceivingBack }) { answer = .hold }
        shipper.answer(answer, to: hello, engine: engine, now: now)
        if case .awaitingCopy = shipper.state { copies.serve(shipper, hello, engine) }
    }

    /// A keyspace that somebody takes and this node, as a follower, does not: whoever follows it would lack it too.
    private func lacking(_ selection: KeyspaceSelection, _ engine: Engine) -> String? {
        guard case .follower = role else { return nil }
        let own = core.selection
        return engine.keyspaces.first { selection.takes($0) && !own.takes($0) }?.name
    }

    /// Keyspaces were made or changed here, on a follower: whoever takes one that this node does not is to follow
    /// another.
    func keyspacesChanged() {
        guard let engine = core.engine else { return }
        for shipper in shippers {
            guard let hello = shipper.hello, let name = lacking(hello.selection, engine) else { continue }
            core.close(shipper.link, "this node does not hold `\(name)`")
        }
    }

    private var standing: Handshake.Standing {
        switch role {
        case .follower: return .relay
        case .deposed: return .deposed
        case .primary(let reign):
            switch reign.state {
            case .recovering: return .recovering
            case .open, .pausing, .handingOver: return .open
            }
        }
    }

    // MARK: A restarted primary

    /// Records that this primary lost come back.
    func takeBack(_ records: ByteView, from shipper: Shipper, now: UInt64) throws(EngineError) {
        guard case .receivingBack = shipper.state, case .primary = role, let engine = core.engine else { return }
        try records.withSpan { (span) throws(EngineError) in
            _ = try engine.apply(records: span, durability: .buffered)
        }
    }

    /// Waits for the nodes in the slots; then takes writes.
    private func recover(_ reign: Reign, until: UInt64, now: UInt64) throws(EngineError) -> UInt64 {
        guard let engine = core.engine else { return until }
        let next = min(until, reign.inquiry?.poll(now: now) ?? until)
        let end = engine.historyPoint.position.sequence
        for shipper in shippers {
            switch shipper.state {
            case .receivingBack(let hello) where end >= hello.end.position.sequence: shipper.hold(hello)
            default: break
            }
        }
        for shipper in shippers {
            guard case .held(let hello) = shipper.state else { continue }
            // It may have more than what came back meanwhile.
            if now < until { answer(hello, shipper, now: now) }
            if case .held = shipper.state, !shippers.contains(where: { $0.isReceivingBack }) {
                reign.settled(hello.node)
            }
        }
        guard case .recovering(_, let pending) = reign.state else { return now }
        guard now >= until || pending.isEmpty && !shippers.contains(where: { $0.isReceivingBack }) else { return next }
        reign.inquiry?.end()
        try goOn(isWhole: reign.isWhole)
        for shipper in shippers where shipper.isReceivingBack {
            core.close(shipper.link, "the time for sending back is over")
        }
        answerHeld(now: now)
        return now
    }

    // MARK: Switchover

    /// Does what the primary's stage asks for; returns when there is more.
    func pollRole(now: UInt64) -> UInt64 {
        guard case .primary(let reign) = role else { return .max }
        do throws(EngineError) {
            switch reign.state {
            case .recovering(let until, _): return try recover(reign, until: until, now: now)
            case .open:
                guard let engine = core.engine else { return .max }
                let next = try guardLag(now: now)
                return isGuarding ? next : min(next, try recoverOwnTail(engine, now: now))
            case .pausing(let handing): return try pause(reign, handing, now: now)
            case .handingOver(let handing):
                guard now >= handing.until || streaming(handing.handover.node) == nil else { return handing.until }
                // What is asked over the old link is void from here on.
                for shipper in shippers where shipper.hello?.node == handing.handover.node {
                    core.close(shipper.link, "the switchover is in doubt")
                }
                try doubt(handing.handover, now: now)
                finishSwitchover(handing.handover.node, .inDoubt)
                return now
            }
        } catch {
            core.failed("go on as primary", error)
            return now + 1_000_000_000
        }
    }

    private func pause(_ reign: Reign, _ handing: Reign.Handing, now: UInt64) throws(EngineError) -> UInt64 {
        let handover = handing.handover
        guard now < handing.until, let shipper = streaming(handover.node) else {
            try abort(reign)
            return now
        }
        guard shipper.progress.durable >= handover.end.position.sequence else { return handing.until }
        // From here on only the target knows who is the primary, until it says so.
        try core.remember { $0.handover = handover }
        reign.state = .handingOver(handing)
        core.send(.takeOver(handover.end), on: shipper.link)
        return handing.until
    }

    /// The switchover is off: this node goes on as before.
    func abort(_ reign: Reign) throws(EngineError) {
        let node: NodeID
        switch reign.state {
        case .pausing(let handing), .handingOver(let handing): node = handing.handover.node
        case .open, .recovering: return
        }
        try core.remember { $0.handover = nil }
        reign.state = .open
        try fence(nil)
        finishSwitchover(node, .aborted)
    }

    /// The target has begun an epoch.
    func handedOver(_ handover: ReplicaState.Handover, now: UInt64) throws(EngineError) {
        var since: UInt64?
        if case .primary(let reign) = role, case .handingOver(let handing) = reign.state { since = handing.since }
        try follow(handover.address, freshAsOf: since, now: now)
        finishSwitchover(handover.node, .done)
    }

    /// A switchover under way ends with the reign: nobody was told to take over while writes were pausing, and only the
    /// target knows whether it did after that.
    func endSwitchover(of reign: Reign) {
        switch reign.state {
        case .open, .recovering: return
        case .pausing(let handing): finishSwitchover(handing.handover.node, .aborted)
        case .handingOver(let handing): finishSwitchover(handing.handover.node, .inDoubt)
        }
    }

    private func finishSwitchover(_ node: NodeID, _ outcome: SwitchoverOutcome) {
        lastSwitchover = outcome
        core.tell(.switchover(to: node.description, outcome: outcome))
        tellRole()
    }

    /// The target says that it took over; its epoch has said so already, unless this node knew one as high.
    func tookOver(_ epoch: Epoch, _ shipper: Shipper, now: UInt64) {
        guard case .primary = role, let handover = core.state.handover, handover.node == shipper.hello?.node,
            epoch >= core.state.newest
        else { return }
        core.attempt("follow the new primary") { () throws(EngineError) in try handedOver(handover, now: now) }
    }

    /// A follower will not do what it was asked for.
    func cancelled(_ reason: String, _ shipper: Shipper, now: UInt64) {
        guard case .primary(let reign) = role, core.state.handover?.node == shipper.hello?.node,
            core.state.handover != nil
        else { return }
        core.tell(.failed("node \(shipper.link.name) does not take over: \(reason)"))
        core.attempt("go on as primary") { () throws(EngineError) in try abort(reign) }
    }

    /// The primary hands over to this node. Returns why not, or nil once it is done.
    func takeOver(after point: HistoryPoint, over link: Link, now: UInt64) -> String? {
        guard let engine = core.engine, engine.historyPoint == point else { return "this node is not at \(point)" }
        if core.isPartial { return "this node holds only some keyspaces" }
        do throws(EngineError) {
            let epoch = try begin(over: link)
            core.send(.tookOver(epoch), on: link)
            core.close(link, "this node is the primary now")
            return nil
        } catch {
            core.failed("take over", error)
            return "the epoch could not begin: \(error.code.rawValue)"
        }
    }

    /// Begins the epoch without ending the link over which it is to be told.
    private func begin(over link: Link) throws(EngineError) -> Epoch {
        let session = role
        role = .deposed
        do throws(EngineError) {
            return try reign()
        } catch {
            role = session
            throw error
        }
    }

    // MARK: Heartbeats and members

    /// What this node says of itself and the others.
    func heartbeat(now: UInt64) -> Heartbeat {
        let end = core.engine?.historyPoint ?? .start
        let durable = core.engine?.durablePoint.position.sequence ?? 0
        var age: UInt64?
        switch role {
        case .primary(let reign):
            if case .recovering = reign.state { age = nil } else { age = 0 }
        case .follower(let session): age = session.freshness.asOf.map { now - min($0, now) }
        case .deposed: age = nil
        }
        let kept = core.slots.all.filter { !$0.isLost }.map(\.durable)
        let members = [core.member] + core.slots.all.prefix(ReplicationFormat.maximumMembers - 1).map(\.member)
        return Heartbeat(
            echo: 0, age: age, end: end, durable: durable, keepFrom: min(durable, kept.min() ?? durable),
            members: members)
    }

    /// The nodes that follow this one, as it tells its leader.
    var followersAsMembers: [Member] {
        shippers.compactMap { shipper in
            guard case .streaming = shipper.state, let hello = shipper.hello else { return nil }
            return core.slots[hello.node]?.member
        }
    }

    /// Takes the leader's word for how far the others are; of its own followers this node knows more.
    func takeMembers(_ members: [Member]) {
        let own = shippers.compactMap { $0.hello?.node }
        for member in members where member.node != core.node && !own.contains(member.node) {
            let old = core.slots[member.node]
            core.keep(Slot(member, isLost: old.map { $0.isLost && $0.durable == member.durable } ?? false))
        }
        core.forget { slot in !own.contains(slot.node) && !members.contains { $0.node == slot.node } }
    }

    func noticeLostSlots() {
        guard let engine = core.engine else { return }
        let held = engine.holds.map(\.name)
        for var slot in core.slots.all where !slot.isLost && !held.contains(slot.holdName) {
            slot.isLost = true
            core.keep(slot)
            core.tell(.slotLost(node: slot.node.description))
        }
    }

    // MARK: Levels and lag

    /// The nodes that count for levels: those without a selection of keyspaces.
    private var holders: [LevelWaits.Holder] {
        core.slots.all.filter { !$0.isPartial }.map {
            LevelWaits.Holder(region: $0.region, received: $0.received, durable: $0.durable)
        }
    }

    /// The settings that a keyspace has by now.
    private func settings(_ id: KeyspaceID) -> KeyspaceSettings? { core.engine?.keyspaceEver(id)?.settings }

    /// Tells the writers whose level is reached, or whose time is over.
    func settleLevels(now: UInt64) {
        if levels.isEmpty { return }
        guard case .primary = role else { return giveUpLevels() }
        for (id, outcome) in levels.settle(holders, own: core.options.region, now: now, settings) {
            core.act(.level(id, outcome))
        }
    }

    /// Nothing more can be confirmed here.
    func giveUpLevels() {
        let outcomes = levels.giveUp(holders, own: core.options.region, settings)
        for (id, outcome) in outcomes { core.act(.level(id, outcome)) }
    }

    /// A follower's acknowledgement was taken.
    func acknowledged(_ shipper: Shipper, now: UInt64) {
        guard let node = shipper.hello?.node else { return }
        if let age = samples.age(of: shipper.progress.received, now: now) {
            core.figures[node, default: PeerFigures()].lag.add(age / 1_000_000)
        }
    }

    func noteEnd(now: UInt64) {
        guard let engine = core.engine else { return }
        samples.note(engine.historyPoint.position.sequence, bytes: engine.appendedBytes, now: now) { engine.logPieces }
    }

    /// Refuses writes while the furthest follower lags past the bound.
    private func guardLag(now: UInt64) throws(EngineError) -> UInt64 {
        guard let limit = core.options.lagGuard,
            let furthest = core.slots.all.filter({ !$0.isPartial }).map(\.received).max()
        else { return .max }
        let lag = samples.lag(of: furthest, now: now)
        let bound = limit.milliseconds.map { $0 * 1_000_000 }
        let isPast = lag.nanoseconds >= bound ?? .max || lag.bytes > limit.bytes ?? .max
        if isPast != isGuarding {
            try fence(isPast ? "followers lag \(lag.nanoseconds / 1_000_000) ms and \(lag.bytes) bytes behind" : nil)
            isGuarding = isPast
            core.tell(.lagGuard(isRefusing: isPast))
        }
        guard let bound, lag.records > 0, !isPast else { return .max }
        return now + (bound - lag.nanoseconds)
    }
}
