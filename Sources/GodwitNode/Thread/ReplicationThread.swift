internal import GodwitEngine
internal import GodwitReplication
internal import Logging
internal import NIOCore

/// The one thread that owns a node's replica.
///
/// Each round:
/// 1. take what the network did and what callers ask for, and tell the replica
/// 2. let the replica do what is due
/// 3. carry out its actions: sends of one link leave together
/// 4. answer callers whose wait is over
/// 5. sleep until something is due, the engine's log moved, or somebody posts
final class ReplicationThread {
    /// A caller that waits for its write to reach a level.
    typealias LevelWaiter = CheckedContinuation<LevelOutcome, Never>
    /// A caller that waits for a verification.
    typealias VerificationWaiter = CheckedContinuation<Result<NodeVerification, NodeError>, Never>
    /// A caller that waits for a switchover.
    typealias SwitchoverWaiter = CheckedContinuation<Result<SwitchoverOutcome, NodeError>, Never>

    /// How long a round may be put off when the engine has failed.
    private static let idle: UInt64 = 10_000_000

    private let replica: Replica
    /// Readers that wait for the node to be fresh enough.
    let reads = ReadWaiters()
    private let inbox: Inbox
    private let transport: Transport
    private let state: NodeState
    private let logger: Logger
    private var levels: [UInt64: LevelWaiter] = [:]
    private var nextLevel: UInt64 = 0
    private var verifications: [UInt64: VerificationWaiter] = [:]
    private var switchovers: [SwitchoverWaiter] = []
    /// Links that the replica closed: what still comes of them is nobody's.
    private var abandoned: Set<LinkID> = []
    private var isRunning = true
    /// Where the log stood when it was last left alone.
    private var slept: LogMark?

    init(_ replica: Replica, inbox: Inbox, transport: Transport, state: NodeState, logger: Logger) {
        self.replica = replica
        self.inbox = inbox
        self.transport = transport
        self.state = state
        self.logger = logger
    }

    /// Nanoseconds after which links may have been heard of in the meantime.
    private static let longRound: UInt64 = 100_000_000

    /// Nanoseconds for which the log is left alone after it has grown, so that what is written meanwhile goes in one piece and
    /// its writers have nobody to wake. The network is heard all the time.
    private static let linger: UInt64 = 100_000

    /// Nanoseconds of the clock that the replica is driven by.
    static func now() -> UInt64 { NIODeadline.now().uptimeNanoseconds }

    /// Runs until `stop`.
    func run() {
        inbox.attach(replica.engine)
        while isRunning {
            let began = Self.now()
            takeMessages()
            // What came while those took long is heard before anybody is judged silent.
            if Self.now() - began > Self.longRound { takeMessages() }
            // Before the replica looks at the log: what is written after that ends the sleep at once.
            let seen = replica.engine.map(LogMark.init)
            let due = isRunning ? replica.poll(now: Self.now()) : 0
            carryOut(replica.takeActions())
            show()
            if isRunning { sleep(until: min(due, reads.deadline ?? .max), seen) }
        }
        leave()
    }

    /// Tells the replica to close, sends its farewells and ends the thread after this round.
    func stop(now: UInt64) throws(ReplicationError) {
        guard isRunning else { return }
        isRunning = false
        try replica.close(now: now)
    }

    /// Begins a wait for a level.
    func await(
        _ level: WriteLevel, at position: Position, of written: [WrittenKeyspace], limit: UInt64, now: UInt64,
        _ waiter: LevelWaiter
    ) {
        guard isRunning else { return waiter.resume(returning: .unconfirmed(position: position, heldBy: [])) }
        nextLevel += 1
        levels[nextLevel] = waiter
        replica.await(level, at: position, of: written, id: nextLevel, until: now + limit, now: now)
    }

    /// Begins a verification.
    func verify(now: UInt64, _ waiter: VerificationWaiter) {
        switch call({ (replica) throws(ReplicationError) in try replica.verify(now: now) }) {
        case .success(let id): verifications[id] = waiter
        case .failure(let error): waiter.resume(returning: .failure(error))
        }
    }

    /// Begins a planned switchover to a node, named by its id or its region.
    func switchover(to name: String, limit: UInt64, now: UInt64, _ waiter: SwitchoverWaiter) {
        let begun = call { (replica) throws(ReplicationError) in
            try replica.switchover(to: Self.follower(name, of: replica), limit: limit, now: now)
        }
        switch begun {
        case .success: switchovers.append(waiter)
        case .failure(let error): waiter.resume(returning: .failure(error))
        }
    }

    /// The follower that a node id or a region names.
    private static func follower(_ name: String, of replica: Replica) throws(ReplicationError) -> NodeID {
        if let node = NodeID(name) { return node }
        let found = replica.status.followers.filter { $0.region == name && $0.isConnected }
        guard found.count == 1, let node = NodeID(found[0].node) else {
            throw ReplicationError(
                .notConnected,
                found.isEmpty
                    ? "no follower in `\(name)` is connected; wait until one is, or give a node id"
                    : "\(found.count) followers in `\(name)` are connected; give a node id")
        }
        return node
    }

    /// The node with a slot that a node id or a region names.
    static func slot(_ name: String, of replica: Replica) throws(ReplicationError) -> NodeID {
        if let node = NodeID(name) { return node }
        let found = replica.status.slots.filter { $0.region == name }
        guard found.count == 1, let node = NodeID(found[0].node) else {
            throw ReplicationError(
                .invalidArgument,
                found.isEmpty
                    ? "no slot is of `\(name)`; `status` lists them"
                    : "\(found.count) slots are of `\(name)`; give a node id"
            )
        }
        return node
    }

    /// Calls the replica, unless the node was closed.
    func call<R>(_ body: (Replica) throws(ReplicationError) -> R) -> Result<R, NodeError> {
        guard isRunning else { return .failure(NodeError.closed) }
        return Result { () throws(ReplicationError) in try body(replica) }.mapError(NodeError.init)
    }

    // MARK: A round

    private func takeMessages() {
        for message in inbox.take() {
            switch message {
            case .network(let event): tell(event)
            case .command(let command): command(self, Self.now())
            }
        }
    }

    private func tell(_ event: NetworkEvent) {
        let now = Self.now()
        switch event {
        case .accepted(let link, let peer): replica.accepted(link, peer: peer, now: now)
        case .opened(let link):
            if !abandoned.contains(link) { replica.opened(link, now: now) }
        case .received(let link, let bytes):
            if !abandoned.contains(link) { replica.received(link, bytes, now: now) }
            transport.consumed(link, bytes.count)
        case .turnedAway(let reason): replica.turnedAway(reason)
        case .closed(let link, let reason):
            if abandoned.remove(link) == nil { replica.closed(link, reason: reason, now: now) }
        }
    }

    private func carryOut(_ actions: [ReplicaAction]) {
        var sends = SendBatches()
        for action in actions {
            switch action {
            case .dial(let link, let address): transport.dial(link, address)
            case .send(let link, let bytes): sends.add(bytes, to: link)
            case .close(let link, let reason):
                sends.flush(link, to: transport)
                logger.debug("closing a link", metadata: ["link": "\(link)", "reason": "\(reason)"])
                abandoned.insert(link)
                transport.close(link)
            case .level(let id, let outcome): levels.removeValue(forKey: id)?.resume(returning: outcome)
            case .verified(let id, let outcome):
                verifications.removeValue(forKey: id)?.resume(returning: .success(outcome))
            case .engineChanged(let engine): change(engine)
            case .event(let event): take(event)
            }
        }
        sends.flushAll(to: transport)
    }

    private func change(_ engine: Engine?) {
        inbox.attach(engine)
        // Readers get the new one, or none, from here on: an engine that the replica closed is not handed out any more.
        show()
    }

    /// Lets others see where the node stands, and answers readers who waited for it.
    func show() {
        var picture = NodeState.Picture()
        picture.engine = isRunning ? replica.engine : nil
        picture.freshness = replica.freshness
        picture.isPrimary = replica.isPrimary
        picture.isClosed = !isRunning
        state.show(picture)
        reads.answer(picture, now: Self.now())
    }

    private func sleep(until due: UInt64, _ seen: LogMark?) {
        let now = Self.now()
        guard due > now else { return }
        guard let engine = replica.engine, let seen else { return inbox.wait(nanoseconds: due - now) }
        let followsLog = replica.followsLog
        if followsLog, seen != slept {
            slept = seen
            return inbox.wait(nanoseconds: min(due - now, Self.linger))
        }
        let inbox = inbox
        do throws(EngineError) {
            _ = try engine.waitForProgress(until: due) {
                !inbox.isEmpty || followsLog && LogMark(engine) != seen
            }
        } catch {
            // The engine has failed and cannot be waited at; what the network brings still has to be answered.
            inbox.wait(nanoseconds: Self.idle)
        }
    }

    /// Answers everybody who still waits.
    private func leave() {
        for message in inbox.take(closing: true) {
            if case .command(let command) = message { command(self, Self.now()) }
        }
        for waiter in levels.values { waiter.resume(returning: .unconfirmed(position: .start, heldBy: [])) }
        for waiter in verifications.values { waiter.resume(returning: .failure(NodeError.closed)) }
        for waiter in switchovers { waiter.resume(returning: .failure(NodeError.closed)) }
        reads.leave()
    }

    private func take(_ event: ReplicationEvent) {
        if case .switchover(_, let outcome) = event {
            show()
            for waiter in switchovers { waiter.resume(returning: .success(outcome)) }
            switchovers = []
        }
        log(event)
    }

    private func log(_ event: ReplicationEvent) {
        switch event {
        case .deposed, .slotLost, .refused, .failed, .rewound, .lagGuard: logger.warning("\(event)")
        default: logger.info("\(event)")
        }
    }
}

/// How far the log goes, and how far it is safe.
private struct LogMark: Equatable {
    let end: Position
    let durable: Position

    init(_ engine: Engine) { (end, durable) = (engine.historyPoint.position, engine.durablePoint.position) }
}

/// The pieces to send in one round, by link, so that each link is flushed once.
private struct SendBatches {
    private var links: [LinkID] = []
    private var pieces: [LinkID: [[UInt8]]] = [:]

    mutating func add(_ bytes: [UInt8], to link: LinkID) {
        if pieces[link] == nil { links.append(link) }
        pieces[link, default: []].append(bytes)
    }

    mutating func flush(_ link: LinkID, to transport: Transport) {
        if let pieces = pieces.removeValue(forKey: link) { transport.send(link, pieces) }
        links.removeAll { $0 == link }
    }

    func flushAll(to transport: Transport) {
        for link in links {
            if let pieces = pieces[link] { transport.send(link, pieces) }
        }
    }
}
