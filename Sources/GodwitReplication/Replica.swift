package import GodwitEngine

// The map of a replica. Bytes come in by `received`, go out as actions; `poll` does what is due.
//
//     Wire/        FrameDecoder → Message → …                                      … → FrameEncoder
//     Leader/      Handshake (the answer), Shipper (one follower, one link), Slots, LevelWaits, LagSamples
//     Follower/    FollowerSession (the one leader)
//     Bootstrap/   CopyDesk, CheckpointSender → CheckpointReceiver
//     History/     EpochHistory (forks), TailFile, TailRecovery
//     Verification/  Verification → DigestResponder

/// A node's replication: the protocol as a state machine, with neither sockets nor threads nor clocks of its own.
/// Called by one thread at a time with the monotonic time; what it wants done comes out of `takeActions`.
package final class Replica {
    /// What the node is.
    enum Role {
        case primary(Reign)
        case follower(FollowerSession)
        /// A primary that heard of a newer epoch: it serves reads, and waits to be told whom to follow.
        case deposed
    }

    let core: ReplicaCore
    var role = Role.deposed
    /// The links, in the order they were made.
    var links: [Link] = []
    /// Those who follow this node, one for each accepted link.
    var shippers: [Shipper] = []
    var levels = LevelWaits()
    var samples = LagSamples()
    let copies: CopyDesk
    var verification: Verification?
    var verifications: UInt64 = 0
    /// A tail of this node's own that it recovers as primary.
    var ownTail: (TailSender, TailRecovery)?
    var nextOwnTail: UInt64 = 0
    var isGuarding = false
    /// Why writes are refused; nil while they are taken.
    var refusing: String?
    var lastSwitchover: SwitchoverOutcome?
    /// When `poll` was last called.
    var lastPoll: UInt64
    private var dials: UInt64 = 0
    private var nextTick: UInt64 = 0
    private(set) var isClosed = false

    /// The node's data; nil while a follower has none yet, and while a full copy takes its place. Any thread may use
    /// it.
    package var engine: Engine? { core.engine }

    /// Opens the store in a directory, or makes one, and takes up the role that the node had; a new node's role is as
    /// its options say. Finishes what a crash interrupted.
    ///
    /// - Throws: `.engine` as `Engine.open`; a region other than the stored one is refused.
    package init(
        directory: String, options: ReplicaOptions, environment: EngineEnvironment, now: UInt64
    ) throws(ReplicationError) {
        lastPoll = now
        do throws(EngineError) {
            let opening = try Opening(directory: directory, options: options, environment: environment)
            core = opening.core
            copies = try CopyDesk(core)
            try core.loadReports()
            try takeUp(opening, now: now)
        } catch {
            throw ReplicationError(error)
        }
    }

    // MARK: Links

    /// The driver accepted a connection; `peer` is what its certificate says.
    package func accepted(_ link: LinkID, peer: PeerIdentity?, now: UInt64) {
        let link = Link(link, isOutgoing: false, identity: peer, now: now)
        links.append(link)
        shippers.append(Shipper(core, link, now: now))
    }

    /// Somebody connected who did not show by a certificate to be a node.
    package func turnedAway(_ reason: String) {
        core.count(refused: Refusal.notAuthorised.name, of: "somebody", reason)
    }

    /// A connection that the replica asked for is made.
    package func opened(_ link: LinkID, now: UInt64) {
        guard let link = links.first(where: { $0.id == link }) else { return }
        switch role {
        case .follower(let session): session.opened(link, now: now)
        case .primary(let reign): reign.inquiry?.opened(link, now: now)
        case .deposed: break
        }
    }

    /// Bytes came over a link, in any pieces.
    package func received(_ link: LinkID, _ bytes: [UInt8], now: UInt64) {
        guard let link = links.first(where: { $0.id == link }) else { return }
        link.decoder.feed(bytes)
        do {
            while !link.isClosed, let frame = try link.decoder.next() {
                link.heard = now
                try take(Message(frame), epoch: frame.epoch, from: link, now: now)
            }
        } catch let error as WireError {
            core.count(error, of: link.name)
            end(link, error.description, now: now)
        } catch {
            let failure = error as? EngineError
            if let failure { core.failed("go on with \(link.name)", failure) }
            end(link, failure.map { "\($0.code.rawValue)" } ?? "failed", now: now)
        }
        if case .follower(let session) = role, let link = session.link { session.acknowledge(link, now: now) }
        sweep()
        settleLevels(now: now)
    }

    /// A connection is gone, or could not be made.
    package func closed(_ link: LinkID, reason: String, now: UInt64) {
        guard let link = links.first(where: { $0.id == link }) else { return }
        if !link.isClosed { core.tell(.unlinked(node: link.name, reason: reason)) }
        link.isClosed = true
        switch role {
        case .follower(let session): session.closed(link, now: now)
        case .primary(let reign): reign.inquiry?.closed(link, now: now)
        case .deposed: break
        }
        sweep()
    }

    /// A link to dial.
    func makeLink(now: UInt64) -> Link {
        dials += 1
        let link = Link(LinkID(dials * 2), isOutgoing: true, now: now)
        links.append(link)
        return link
    }

    /// Closes a link, whoever's it is.
    func end(_ link: Link, _ reason: String, now: UInt64) {
        if case .follower(let session) = role, session.link === link { return session.drop(reason, now: now) }
        core.close(link, reason)
        if case .primary(let reign) = role { reign.inquiry?.closed(link, now: now) }
    }

    /// Forgets links that are closed.
    func sweep() {
        guard links.contains(where: \.isClosed) else { return }
        links.removeAll(where: \.isClosed)
        for shipper in shippers where shipper.link.isClosed { parted(shipper) }
        shippers.removeAll { $0.link.isClosed }
    }

    private func parted(_ shipper: Shipper) {
        verification?.parted(shipper)
    }

    /// Closes the links of all followers: the history here has changed under them.
    func dropFollowers(_ reason: String) {
        for shipper in shippers { core.close(shipper.link, reason) }
    }

    // MARK: Messages

    private func take(_ message: Message, epoch: Epoch, from link: Link, now: UInt64) throws {
        if link.isOutgoing { return try takeAnswer(message, epoch: epoch, from: link, now: now) }
        if case .ask(let asker) = message { return try tell(asker, over: link, epoch: epoch, now: now) }
        if case .goodbye(let reason) = message { return parted(link, reason) }
        guard let shipper = shippers.first(where: { $0.link === link }) else { return }
        if case .hello(let hello) = message { return try greet(hello, shipper, epoch: epoch, now: now) }
        guard link.isGreeted else { throw WireError("a \(message.type) came before a hello") }
        try learn(epoch, now: now)
        try take(message, from: shipper, now: now)
    }

    /// The other side ends a link in order.
    private func parted(_ link: Link, _ reason: String) {
        link.isClosed = true
        core.act(.close(link.id, reason: reason))
        core.tell(.unlinked(node: link.name, reason: reason))
    }

    /// What a node says that this one has dialed.
    private func takeAnswer(_ message: Message, epoch: Epoch, from link: Link, now: UInt64) throws {
        switch role {
        case .follower(let session): try session.take(message, epoch: epoch, link, now: now)
        case .primary(let reign):
            switch message {
            case .standing(let standing): try heard(standing, over: link, epoch: epoch, now: now)
            case .goodbye(let reason):
                parted(link, reason)
                reign.inquiry?.closed(link, now: now)
            default: throw WireError("a \(message.type) came in answer to a question")
            }
        case .deposed: return
        }
    }

    /// What a follower says once it is known.
    private func take(_ message: Message, from shipper: Shipper, now: UInt64) throws {
        switch message {
        case .ack(let ack):
            guard shipper.acknowledge(ack) else { throw WireError("an ack for what was not sent") }
            acknowledged(shipper, now: now)
        case .ping(let time): shipper.pinged(time, heartbeat(now: now), now: now)
        case .records(let records): try takeBack(records, from: shipper, now: now)
        case .copyRequest(let request):
            guard case .copying(let sender) = shipper.state else { return }
            guard copies.isAllowed(shipper.hello?.node) else {
                return core.close(shipper.link, "the copy has a keyspace that is kept to other nodes by now")
            }
            try sender.answer(request) { core.send($0, on: shipper.link) }
        case .copyDone:
            shipper.copied()
            copies.finish(shipper.hello?.node)
        case .tookOver(let epoch): tookOver(epoch, shipper, now: now)
        case .cancel(let reason): cancelled(reason, shipper, now: now)
        case .tailOffer(let header): try offered(header, shipper)
        case .tailData(let isLast, let records): takeTail(records, isLast: isLast, shipper)
        case .digestReply(let reply): verification?.take(reply, from: shipper)
        case .rangeRequest(let id, let range): serve(id, range, shipper)
        case .hello, .welcome, .heartbeat, .copyOffer, .copyData, .takeOver, .tailRequest, .tailReport, .digestRequest,
            .rangeReply, .ask, .standing, .goodbye:
            throw WireError("a \(message.type) came from a follower")
        }
    }

    // MARK: Time

    /// Does what is due: ships, acknowledges, beats, times out, retries. Bounded work; returns when it must be called
    /// again at the latest, at once when that is `now` or earlier.
    package func poll(now: UInt64) -> UInt64 {
        if isClosed { return .max }
        lastPoll = now
        var next = tick(now: now)
        if case .follower(let session) = role { next = min(next, session.poll(now: now)) }
        next = min(next, pollRole(now: now))
        next = min(next, copies.poll(self, now: now))
        if let verification, verification.step(core, shippers) { next = now }
        for shipper in shippers { next = min(next, poll(shipper, now: now), recoverTail(shipper, now: now)) }
        finishVerification()
        sweep()
        settleLevels(now: now)
        if let deadline = levels.nextDeadline { next = min(next, deadline) }
        return max(next, now)
    }

    private func poll(_ shipper: Shipper, now: UInt64) -> UInt64 {
        if let node = shipper.hello?.node, let bytes = core.figures[node]?.bytes {
            core.figures[node]?.throughput.note(bytes, now: now)
        }
        let silence = shipper.link.heard + core.options.silence * 1_000_000
        if now >= silence {
            core.close(shipper.link, "nothing was heard for \(core.options.silence) ms")
            return now
        }
        guard let beat = shipper.nextHeartbeat else { return silence }
        if now >= beat { shipper.beat(heartbeat(now: now), now: now) }
        return shipper.ship() ? now : min(silence, shipper.nextHeartbeat ?? silence)
    }

    /// What a second brings: slots are stored, lost ones noticed, rewind points let go.
    private func tick(now: UInt64) -> UInt64 {
        noteEnd(now: now)
        guard now >= nextTick else { return nextTick }
        nextTick = now + Slots.interval
        noticeLostSlots()
        if let floor = core.slots.all.map(\.durable).min() { samples.forget(through: floor) }
        core.attempt("store the slots") { () throws(EngineError) in
            try core.slots.save(core.fileSystem, to: core.home, now: now)
        }
        core.attempt("let go of rewind points") { () throws(EngineError) in
            let kept = core.slots.all.filter { !$0.isLost }.map(\.durable)
            if let floor = kept.min() { try core.engine?.dropRewindPoints(below: floor) }
        }
        return nextTick
    }

    /// What is to be done, in order; each action comes out once.
    package func takeActions() -> [ReplicaAction] { core.takeActions() }

    private var isRecoveringLoss: Bool {
        guard case .primary(let reign) = role, case .recovering = reign.state else { return false }
        return !reign.isWhole
    }

    /// Ends everything in order: the links, then the engine, whose log is whole afterwards.
    package func close(now: UInt64) throws(ReplicationError) {
        guard !isClosed else { return }
        giveUpLevels()
        switch role {
        case .follower(let session): session.end("this node shuts down")
        case .primary(let reign): reign.inquiry?.end()
        case .deposed: break
        }
        dropFollowers("this node shuts down")
        sweep()
        isClosed = true
        do throws(EngineError) {
            copies.close()
            try core.slots.save(core.fileSystem, to: core.home, now: now, atOnce: true)
            try core.engine?.close()
            // A primary that still waits to hear what it lost has to wait again.
            if !isRecoveringLoss { try core.remember { $0.isClean = true } }
        } catch {
            throw ReplicationError(error)
        }
    }
}
