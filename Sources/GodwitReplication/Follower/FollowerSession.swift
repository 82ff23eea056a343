internal import GodwitEngine

/// Follows another node, over one link at a time.
///
/// 1. *Connect*, after a pause that doubles with each failure and is jittered, so that followers do not come all at
///    once.
/// 2. *Greet*: say what this node has; the leader answers.
/// 3. *Rewind*, when this node's history left the leader's: what it has in excess is saved as a tail first; then greet
///    again.
/// 4. *Copy*, when the log does not reach back, or nothing can be rewound; then greet again.
/// 5. *Send back* what a restarted primary lost; then wait for its answer.
/// 6. *Stream*: append and apply records as they come, or once writers are no longer held back (`Backlog`), acknowledge,
///    ask for syncs; do errands (`FollowerErrands`).
///
/// Orderings: nothing is acknowledged under an epoch older than the newest that this node remembers; a tail is durable
/// before the rewind; a copy is complete and verified before the old data goes; `received` is said after the append,
/// and `durable` after the sync.
final class FollowerSession {
    enum State {
        case resting(until: UInt64)
        case dialing(Link)
        case greeting(Link)
        case copying(Link, CheckpointReceiver)
        case sendingBack(Link, RecordFeed, through: SequenceNumber)
        case streaming(Link)
    }

    unowned let core: ReplicaCore
    unowned let replica: Replica
    var state: State
    /// The address that is dialed.
    let leader: String
    /// How many attempts there were since records were last applied, or nothing was missing. The answer `stream` alone
    /// is no success: what it brings may be what this node cannot take.
    private(set) var failures: UInt64 = 0
    var needsCopy = false
    var nextPing: UInt64 = 0
    var lastAck: Acknowledgement?
    var figures = LinkStatus()
    private(set) var throughput = Throughput()
    private(set) var freshness: FreshnessTracker
    private(set) var leaderEnd: HistoryPoint?
    let errands: FollowerErrands
    /// What came while writers are held back here.
    var backlog = Backlog()

    init(_ core: ReplicaCore, _ replica: Replica, leader: String, freshAsOf: UInt64? = nil, now: UInt64) {
        self.core = core
        self.replica = replica
        self.leader = leader
        state = .resting(until: now)
        figures.address = leader
        errands = FollowerErrands(core)
        freshness = FreshnessTracker(asOf: freshAsOf)
    }

    /// The link, once there is one.
    var link: Link? {
        switch state {
        case .resting: nil
        case .dialing(let link), .greeting(let link), .copying(let link, _), .sendingBack(let link, _, _),
            .streaming(let link):
            link
        }
    }

    /// Whether records come as they are written.
    var isStreaming: Bool { if case .streaming = state { true } else { false } }

    /// What it is doing, for people.
    var stage: String {
        switch state {
        case .resting: "disconnected"
        case .dialing: "connecting"
        case .greeting: "handshake"
        case .copying: "bootstrapping"
        case .sendingBack: "sending back"
        case .streaming: "streaming"
        }
    }

    /// The full copy that is being received.
    var copyStatus: CopyStatus? {
        guard case .copying(_, let receiver) = state else { return nil }
        return CopyStatus(node: receiver.name, direction: "from", bytes: receiver.bytes, done: receiver.done)
    }

    // MARK: 1. Connect

    /// Dials when the pause is over.
    private func connect(now: UInt64) {
        let link = replica.makeLink(now: now)
        state = .dialing(link)
        core.act(.dial(link.id, leader))
    }

    /// The pause before the next attempt: doubled with each failure, and anything from half of it to all.
    func rest(now: UInt64) {
        let longest = core.options.maximumBackoff
        let pause = min(core.options.minimumBackoff << min(failures, 20), longest) * 1_000_000
        failures += 1
        state = .resting(until: now + pause / 2 + core.environment.random.next() % max(1, pause / 2))
        errands.stop()
        backlog = Backlog()
        lastAck = nil
        figures.isConnected = false
    }

    /// The link is gone.
    func closed(_ link: Link, now: UInt64) {
        guard link === self.link else { return }
        rest(now: now)
    }

    /// Ends the link, to try again after a pause.
    func drop(_ reason: String, now: UInt64) {
        guard let link else { return }
        core.close(link, reason)
        rest(now: now)
    }

    /// Tries again now: the leader is there.
    func hurry(now: UInt64) {
        guard case .resting = state else { return }
        failures = 0
        state = .resting(until: now)
    }

    /// The history here changed its past: what was known of it is void.
    func forgetFreshness() { freshness = FreshnessTracker() }

    /// Ends the session for good.
    func end(_ reason: String) {
        errands.stop()
        if let link { core.close(link, reason) }
    }

    // MARK: Messages

    /// Takes a message of the leader.
    func take(_ message: Message, epoch: Epoch, _ link: Link, now: UInt64) throws(EngineError) {
        guard link === self.link else { return }
        if link.isGreeted {
            guard epoch >= core.state.newest else {
                return drop("a newer epoch, \(core.state.newest), has begun", now: now)
            }
            try replica.learn(epoch, now: now)
        }
        switch message {
        case .goodbye(let reason): parted(reason, link, now: now)
        case .heartbeat(let heartbeat): heard(heartbeat, link, now: now)
        case .welcome(let welcome):
            guard case .greeting = state else { return unexpected(message, now: now) }
            try welcomed(welcome, link, epoch: epoch, now: now)
        default: try takeInOrder(message, link, now: now)
        }
    }

    /// What may come in some states only.
    private func takeInOrder(_ message: Message, _ link: Link, now: UInt64) throws(EngineError) {
        if case .streaming = state, let engine = core.engine, backlog.keeps(message, engine) {
            if backlog.isOverfull { drop("more came than was asked for", now: now) }
            return
        }
        try perform(message, link, now: now)
    }

    private func perform(_ message: Message, _ link: Link, now: UInt64) throws(EngineError) {
        switch (state, message) {
        case (.streaming, .records(let records)): try apply(records, now: now)
        case (.streaming, .takeOver(let point)):
            if let refusal = replica.takeOver(after: point, over: link, now: now) {
                core.send(.cancel(reason: refusal), on: link)
            }
        case (.streaming, .cancel): errands.cancelTail()
        case (.streaming, .tailRequest): try errands.sendTail(link)
        case (.streaming, .tailReport(let verdicts)): try errands.reported(verdicts, now: now)
        case (.streaming, .digestRequest(let request)): errands.digest(request, link)
        case (.streaming, .rangeReply(let id, let piece)): errands.take(id, piece, link, now: now)
        case (.copying(_, let receiver), .copyOffer(let description)):
            try receiver.offered(description, over: link)
        case (.copying(_, let receiver), .copyData(let file, let offset, let bytes)):
            try receiver.received(file, offset, bytes)
        default: unexpected(message, now: now)
        }
    }

    private func unexpected(_ message: Message, now: UInt64) { drop("a \(message.type) came while \(stage)", now: now) }

    private func parted(_ reason: String, _ link: Link, now: UInt64) {
        link.isClosed = true
        core.act(.close(link.id, reason: reason))
        core.tell(.unlinked(node: link.name, reason: reason))
        rest(now: now)
    }

    private func install(_ receiver: CheckpointReceiver, _ link: Link, now: UInt64) throws(EngineError) {
        try replica.install(receiver, now: now)
        core.send(.copyDone, on: link)
        needsCopy = false
        greet(link, now: now)
    }

    // MARK: 6. Stream

    private func apply(_ records: ByteView, now: UInt64) throws(EngineError) {
        guard let engine = core.engine else { return }
        let news = try KeyspaceNews(of: records, engine, core.selection)
        if let name = news.turned {
            needsCopy = true
            return drop("what this node takes of `\(name)` changes here: a full copy has to follow", now: now)
        }
        try records.withSpan { (span) throws(EngineError) in
            do throws(EngineError) {
                _ = try engine.apply(records: span, durability: .buffered)
            } catch {
                if engine.lacksChunks(for: span) { needsCopy = true }
                throw error
            }
        }
        failures = 0
        figures.bytes += UInt64(records.count)
        try engine.requestSync()
        freshness.applied(engine.historyPoint.position.sequence)
        if news.isAny { replica.keyspacesChanged() }
    }

    /// Says how far this node has come, where that is news.
    func acknowledge(_ link: Link, now: UInt64) {
        guard case .streaming = state, let engine = core.engine, !link.isClosed else { return }
        let end = engine.historyPoint
        let durable = min(engine.durablePoint.position.sequence, end.position.sequence)
        let ack = Acknowledgement(
            received: end, durable: durable, applied: end.position.sequence, time: engine.now,
            members: replica.followersAsMembers)
        guard ack.received != lastAck?.received || ack.durable != lastAck?.durable || ack.members != lastAck?.members
        else { return }
        lastAck = ack
        figures.received = end.position.sequence
        figures.durable = durable
        figures.applied = end.position.sequence
        core.send(.ack(ack), on: link)
    }

    private func heard(_ heartbeat: Heartbeat, _ link: Link, now: UInt64) {
        guard link.isGreeted else { return }
        leaderEnd = heartbeat.end
        guard case .streaming = state, let engine = core.engine else { return }
        if heartbeat.end == engine.historyPoint { failures = 0 }
        replica.takeMembers(heartbeat.members)
        if let age = heartbeat.age, heartbeat.echo <= now {
            let asOf = heartbeat.echo - min(age, heartbeat.echo)
            freshness.heard(end: heartbeat.end.position.sequence, asOf: asOf)
            freshness.applied(engine.historyPoint.position.sequence)
        }
    }

    // MARK: Time

    /// Does what is due; returns when there is more, at once when at `now`.
    func poll(now: UInt64) -> UInt64 {
        if case .resting(let until) = state {
            if now < until { return until }
            connect(now: now)
        }
        guard let link else { return now }
        let silence = link.heard + core.options.silence * 1_000_000
        if now >= silence {
            drop("nothing was heard for \(core.options.silence) ms", now: now)
            return now
        }
        throughput.note(figures.bytes, now: now)
        if case .dialing = state { return silence }
        if now >= nextPing {
            nextPing = now + core.options.heartbeat * 1_000_000
            core.send(.ping(now), on: link)
        }
        return min(silence, nextPing, work(link, now: now))
    }

    /// Does a bounded part of what the state asks for; returns when there is more.
    private func work(_ link: Link, now: UInt64) -> UInt64 {
        switch state {
        case .resting, .dialing, .greeting: return .max
        case .sendingBack(_, let feed, let through):
            sendBack(link, feed, through: through, now: now)
            return .max
        case .copying(_, let receiver):
            do throws(EngineError) {
                switch try receiver.work(over: link) {
                case .more: return now
                case .waiting: return .max
                case .syncing: return now + FileSyncs.pause
                case .complete: try install(receiver, link, now: now)
                }
            } catch {
                core.failed("receive a full copy", error)
                drop("the full copy failed", now: now)
            }
            return now
        case .streaming:
            let next = goOn(link, now: now)
            acknowledge(link, now: now)
            return min(next, errands.poll(link, now: now))
        }
    }

    /// Takes what came while writers were held back; returns when to look again.
    private func goOn(_ link: Link, now: UInt64) -> UInt64 {
        guard !backlog.isEmpty, let engine = core.engine else { return .max }
        do throws(EngineError) {
            for _ in 0..<Backlog.atOnce {
                if engine.holdsWriters { return now + Backlog.pause }
                switch backlog.pop() {
                case nil: return now
                case .message(let message): try perform(message, link, now: now)
                case .records(let records):
                    try records.withView { (view) throws(EngineError) in
                        try perform(.records(view), link, now: now)
                    }
                }
            }
        } catch {
            core.failed("go on with \(link.name)", error)
            drop("\(error.code.rawValue)", now: now)
        }
        return now
    }

    /// 5. Sends what the primary lost; its answer to the hello follows when it has it.
    private func sendBack(_ link: Link, _ feed: RecordFeed, through: SequenceNumber, now: UInt64) {
        do throws(EngineError) {
            while feed.point.position.sequence < through {
                let sent: Void? = try feed.next(maxBytes: core.options.frameBytes) { records, _ in
                    core.send(.records(records), on: link)
                }
                if sent == nil { break }
            }
            state = .greeting(link)
        } catch {
            core.failed("send back what the primary lost", error)
            drop("the log cannot be read", now: now)
        }
    }
}
