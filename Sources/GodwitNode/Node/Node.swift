public import GodwitEngine
public import GodwitReplication
internal import NIOConcurrencyHelpers
internal import NIOCore
internal import NIOPosix

/// An engine with a role: a primary that other nodes follow, or a follower that may take over. Embeds in a program as
/// `Engine` does; its use is free to any thread.
///
/// ```swift
/// var options = NodeOptions(directory: "./data", region: "eu-west")
/// options.follow = HostPort("us-east.example:7400")
/// let node = try await Node.start(options)
/// ```
public final class Node: Sendable {
    /// The region the node stands in.
    public let region: String
    /// Where other nodes connect to, with the port that was picked.
    public let address: HostPort

    private let inbox: Inbox
    private let state: NodeState
    private let transport: Transport
    private let loops: MultiThreadedEventLoopGroup
    private let threads: NIOThreadPool
    private let isClosed = NIOLockedValueBox(false)

    private init(
        region: String, address: HostPort, inbox: Inbox, state: NodeState, transport: Transport,
        loops: MultiThreadedEventLoopGroup, threads: NIOThreadPool
    ) {
        self.region = region
        self.address = address
        self.inbox = inbox
        self.state = state
        self.transport = transport
        self.loops = loops
        self.threads = threads
    }

    /// Opens or makes the store, takes up its role, and listens.
    ///
    /// - Throws: What keeps the node from starting; nothing is left open then.
    public static func start(_ options: NodeOptions) async throws(NodeError) -> Node {
        try options.validate()
        let tls = try options.tls?.watched(options.logger)
        let inbox = Inbox()
        let loops = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let threads = NIOThreadPool(numberOfThreads: 1)
        threads.start()
        let transport = Transport(group: loops, tls: tls) { inbox.post(.network($0)) }
        do {
            let port = try await transport.listen(at: options.listen)
            let state = NodeState()
            try await open(options, port: port, inbox, transport, state, on: threads)
            tls?.watch(on: loops.next())
            return Node(
                region: options.region, address: HostPort(host: options.listen.host, port: port), inbox: inbox,
                state: state, transport: transport, loops: loops, threads: threads)
        } catch {
            await transport.stop()
            try? await loops.shutdownGracefully()
            try? await threads.shutdownGracefully()
            throw error
        }
    }

    /// Starts the thread, which opens the replica; returns once it is open.
    private static func open(
        _ options: NodeOptions, port: Int, _ inbox: Inbox, _ transport: Transport, _ state: NodeState,
        on threads: NIOThreadPool
    ) async throws(NodeError) {
        let replicaOptions = options.replicaOptions(port: port)
        let opened: Result<Void, NodeError> = await withCheckedContinuation { continuation in
            threads.submit { _ in
                do throws(ReplicationError) {
                    let replica = try Replica(
                        directory: options.directory, options: replicaOptions, environment: .system,
                        now: ReplicationThread.now())
                    let thread = ReplicationThread(
                        replica, inbox: inbox, transport: transport, state: state, logger: options.logger)
                    thread.show()
                    continuation.resume(returning: .success(()))
                    thread.run()
                } catch {
                    continuation.resume(returning: .failure(NodeError(error)))
                }
            }
        }
        try opened.get()
    }

    /// Says farewell to the other nodes, closes the store and stops listening. A second close does nothing.
    public func close() async throws(NodeError) {
        let wasClosed = isClosed.withLockedValue { isClosed in
            defer { isClosed = true }
            return isClosed
        }
        if wasClosed { return }
        let outcome: Result<Void, NodeError> = await withCheckedContinuation { continuation in
            inbox.post(
                .command { thread, now in
                    let result = Result { () throws(ReplicationError) in try thread.stop(now: now) }
                    continuation.resume(returning: result.mapError(NodeError.init))
                })
        }
        try? await threads.shutdownGracefully()
        await transport.stop()
        try? await loops.shutdownGracefully()
        try outcome.get()
    }

    // MARK: The data

    /// The node's data, for reads, scans and snapshots. Nil while a follower has none yet or takes a full copy.
    ///
    /// Ask again for each piece of work: a full copy replaces the engine, and the old one then answers `.unavailable`.
    public var engine: Engine? { state.now.engine }

    /// The engine and whether the node is the primary, of one moment.
    package var present: (engine: Engine?, isPrimary: Bool) {
        let picture = state.now
        return (picture.engine, picture.isPrimary)
    }

    /// Whether it is known as of when reads of this node show everything.
    package var knowsFreshness: Bool { state.now.freshness?.asOf != nil }

    /// Whether the node is the primary, as far as it knows.
    public var isPrimary: Bool { state.now.isPrimary }

    /// The engine, once it shows what the reader demands: served at once where it does, waited for up to `limit` where
    /// it does not yet, and refused clearly after that.
    ///
    /// - Parameters:
    ///   - after: A position that must be seen, such as that of the reader's own last write.
    ///   - maxStaleness: How old the moment may be as of which all of the primary's commits must be seen. Measured by
    ///     this node's own monotonic clock against the primary of its epoch.
    ///   - limit: How long to wait.
    /// - Throws: `.stale` when the node is behind for longer than `limit`, `.positionLost` when `after` will never be
    ///   seen, `.notReady` when there is no data yet.
    public func readable(
        after: Position? = nil, maxStaleness: Duration? = nil, limit: Duration = .zero
    ) async throws(NodeError) -> Engine {
        let demand = ReadDemand(after: after, maxStaleness: maxStaleness?.nanoseconds)
        switch demand.judge(state.now, now: ReplicationThread.now()) {
        case .served(let engine): return engine
        case .refused(let error): throw error
        case .wait(let error):
            if limit <= .zero { throw error }
        }
        let deadline = ReplicationThread.now() + limit.nanoseconds
        return try await answer { continuation in
            .command { thread, _ in thread.reads.add(demand, until: deadline, continuation) }
        }
    }

    /// Writes a batch: all of it or nothing. Returns once it has come as far as `level` says, or the limit is over.
    ///
    /// - Parameters:
    ///   - batch: Made by this node's `engine`.
    ///   - level: Which other nodes must have the write; each counts once.
    ///   - durability: How far it must have come on this node.
    ///   - limit: How long to wait for other nodes. Past it the outcome is `.unconfirmed`: the write stands here and
    ///     may survive. It has not failed.
    /// - Throws: `.notWritable` on a node that is not the primary; `.engine` for what the engine refuses. After a throw
    ///   nothing was written, but for a poisoned engine.
    @discardableResult
    public func write(
        _ batch: WriteBatch, level: WriteLevel = .local, durability: Durability = .synced,
        limit: Duration = .seconds(5)
    ) async throws(NodeError) -> WriteOutcome {
        guard let engine else { throw NodeError.notReady }
        let written = level == .local ? [] : engine.keyspaces(of: batch).map { WrittenKeyspace($0) }
        let position: Position
        do throws(EngineError) {
            position = try await engine.writeAsync(batch, durability: durability)
        } catch {
            throw NodeError(error)
        }
        if level == .local { return .confirmed(position, heldBy: [region]) }
        switch await reach(level, at: position, of: written, limit: limit) {
        case .reached(let heldBy): return .confirmed(position, heldBy: heldBy)
        case .unconfirmed(_, let heldBy): return .unconfirmed(position, heldBy: heldBy)
        }
    }

    /// The regions of the nodes that have a position and may hold the keyspaces that were written to, this node's
    /// first: once as many have it as `level` says, or the limit is over.
    package func confirm(
        _ position: Position, of keyspaces: [Keyspace], level: WriteLevel, limit: Duration
    ) async throws(NodeError) -> LevelOutcome {
        if isClosed.withLockedValue({ $0 }) { throw NodeError.closed }
        return await reach(level, at: position, of: keyspaces.map { WrittenKeyspace($0) }, limit: limit)
    }

    private func reach(
        _ level: WriteLevel, at position: Position, of written: [WrittenKeyspace], limit: Duration
    ) async -> LevelOutcome {
        await withCheckedContinuation { continuation in
            let isTaken = inbox.post(
                .command { thread, now in
                    thread.await(
                        level, at: position, of: written, limit: limit.nanoseconds, now: now, continuation)
                })
            if !isTaken { continuation.resume(returning: .unconfirmed(position: position, heldBy: [region])) }
        }
    }

    // MARK: The operator

    /// Everything there is to know about the node's replication.
    public func status() async throws(NodeError) -> ReplicaStatus {
        try await perform { (replica, _) throws(ReplicationError) in replica.status }
    }

    /// What became of the writes of rejoined nodes' tails, batch by batch, the latest report last.
    public func recoveryReports() async throws(NodeError) -> [RecoveryReport] {
        try await perform { (replica, _) throws(ReplicationError) in replica.reports }
    }

    /// Makes this follower the primary: it begins a new epoch and takes writes. The old primary, if it still runs, is
    /// fenced off as soon as it hears of it.
    ///
    /// - Parameter allowDataLoss: Promotes the node though another is known to be further.
    @discardableResult
    public func promote(allowDataLoss: Bool = false) async throws(NodeError) -> Epoch {
        try await perform { (replica, now) throws(ReplicationError) in
            try replica.promote(allowDataLoss: allowDataLoss, now: now)
        }
    }

    /// Hands the role of primary to a connected follower without losing a write: pauses writes, drains, hands over, and
    /// follows. Returns once that is done, or was aborted within `limit` with this node the primary as before.
    ///
    /// - Parameter node: The follower's node id, or its region when it is the only one there.
    public func switchover(to node: String, limit: Duration = .seconds(10)) async throws(NodeError) -> SwitchoverOutcome
    {
        try await answer { continuation in
            .command { thread, now in
                thread.switchover(to: node, limit: limit.nanoseconds / 1_000_000, now: now, continuation)
            }
        }
    }

    /// Makes this node follow another one. What it alone has written is set aside, sent there to be classified, and
    /// rewound.
    public func rejoin(_ leader: HostPort) async throws(NodeError) {
        try await perform { (replica, now) throws(ReplicationError) in
            try replica.rejoin(leader: leader.description, now: now)
        }
    }

    /// Forgets a node that will not come back: its slot goes, with the log that is kept for it.
    ///
    /// - Parameter node: Its node id, or its region when only one slot is of there.
    public func forget(_ node: String) async throws(NodeError) {
        try await perform { (replica, now) throws(ReplicationError) in
            try replica.forget(try ReplicationThread.slot(node, of: replica), now: now)
        }
    }

    /// Compares this node's data with that of every follower that is connected to it, at one position and one moment of
    /// expiry. For a primary, and for a follower that is followed.
    public func verify() async throws(NodeError) -> NodeVerification {
        try await answer { continuation in .command { thread, now in thread.verify(now: now, continuation) } }
    }

    // MARK: Inside

    /// Calls the replica on its thread.
    private func perform<R: Sendable>(
        _ body: @escaping @Sendable (Replica, UInt64) throws(ReplicationError) -> R
    ) async throws(NodeError) -> R {
        try await answer { (continuation: CheckedContinuation<Result<R, NodeError>, Never>) in
            .command { thread, now in
                let result = thread.call { (replica) throws(ReplicationError) in try body(replica, now) }
                // Whoever promoted the node finds it promoted.
                thread.show()
                continuation.resume(returning: result)
            }
        }
    }

    /// Posts a message that answers a continuation, and waits for the answer.
    private func answer<R: Sendable>(
        _ message: (CheckedContinuation<Result<R, NodeError>, Never>) -> Inbox.Message
    ) async throws(NodeError) -> R {
        if isClosed.withLockedValue({ $0 }) { throw NodeError.closed }
        let result = await withCheckedContinuation { continuation in
            if !inbox.post(message(continuation)) { continuation.resume(returning: .failure(NodeError.closed)) }
        }
        return try result.get()
    }
}
