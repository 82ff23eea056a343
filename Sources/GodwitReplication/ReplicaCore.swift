internal import GodwitEngine

/// What the parts of a replica share: the engine, what the node remembers, and where actions go.
final class ReplicaCore {
    /// The store's directory, and what the replica keeps within it.
    let directory: String
    var home: String { directory + "/replication" }
    let environment: EngineEnvironment
    let options: ReplicaOptions
    let node: NodeID
    var engine: Engine?
    private(set) var state: ReplicaState
    var slots: Slots
    private(set) var actions: [ReplicaAction] = []
    private(set) var refusals: [String: UInt64] = [:]
    private(set) var errors: [String: UInt64] = [:]
    /// The reports of tails, the latest last.
    private(set) var reports: [RecoveryReport] = []
    /// How many are kept, the oldest going first.
    static let keptReports = 256
    /// Saved tails that were found damaged: left alone until a restart, so that later ones get their turn.
    var damagedTails: Set<String> = []
    /// Followers that cannot be sent the record of a sequence number: only a full copy takes them past it.
    var owesCopy: [NodeID: SequenceNumber] = [:]
    /// What happened on the links with followers.
    var figures: [NodeID: PeerFigures] = [:]

    init(
        directory: String, options: ReplicaOptions, environment: EngineEnvironment, node: NodeID, state: ReplicaState,
        slots: Slots
    ) {
        self.directory = directory
        self.options = options
        self.environment = environment
        self.node = node
        self.state = state
        self.slots = slots
    }

    var fileSystem: any FileSystem { environment.fileSystem }
    /// Whether this node takes only some keyspaces.
    var isPartial: Bool { options.keyspaces != nil }
    /// What this node takes as a follower.
    var selection: KeyspaceSelection { KeyspaceSelection(options.keyspaces, region: options.region) }
    /// This node's history; nil without data.
    var history: EpochHistory? {
        engine.map { EpochHistory(epochs: $0.epochHistory, end: $0.historyPoint) }
    }

    // MARK: Memory

    /// Changes what the node remembers: durable before it takes effect.
    func remember(_ change: (inout ReplicaState) -> Void) throws(EngineError) {
        var changed = state
        change(&changed)
        if changed == state { return }
        try changed.save(fileSystem, to: home)
        state = changed
    }

    /// Keeps the log for a node, and remembers that.
    func keep(_ slot: Slot) {
        guard slot.node != node else { return }
        let old = slots[slot.node]
        if old == slot { return }
        slots.update(slot)
        // That a node is to be waited for after a power loss is stored before anything it says counts.
        if old?.isLost != slot.isLost {
            attempt("store the slots") { () throws(EngineError) in
                try slots.save(fileSystem, to: home, now: 0, atOnce: true)
            }
        }
        guard !slot.isLost else { return }
        attempt("hold the log") { () throws(EngineError) in try engine?.hold(slot.holdName, after: slot.durable) }
    }

    /// Forgets the nodes for which `isGone` says so.
    func forget(where isGone: (Slot) -> Bool) {
        for slot in slots.all where isGone(slot) {
            attempt("let go of the log") { () throws(EngineError) in try engine?.releaseHold(slot.holdName) }
        }
        slots.remove(where: isGone)
    }

    /// This node, as it tells others.
    var member: Member {
        Member(
            node: node, region: options.region, address: options.advertised, isPartial: isPartial,
            isPrimary: state.role == .primary, received: engine?.historyPoint.position.sequence ?? 0,
            durable: engine?.durablePoint.position.sequence ?? 0)
    }

    // MARK: Actions

    func act(_ action: ReplicaAction) { actions.append(action) }

    func tell(_ event: ReplicationEvent) { actions.append(.event(event)) }

    func takeActions() -> [ReplicaAction] {
        defer { actions = [] }
        return actions
    }

    /// Sends a message, unless the link is closed.
    func send(_ message: Message, on link: Link) {
        guard !link.isClosed else { return }
        let isBulk = message.type == .records || message.type == .tailData
        actions.append(
            .send(link.id, link.encoder.encode(message, epoch: state.newest, compressing: options.compress && isBulk)))
    }

    /// Ends a link, telling the other side why.
    func close(_ link: Link, _ reason: String) {
        guard !link.isClosed else { return }
        send(.goodbye(reason: reason), on: link)
        link.isClosed = true
        actions.append(.close(link.id, reason: reason))
        tell(.unlinked(node: link.name, reason: reason))
    }

    // MARK: Reports

    /// Takes up the reports that are stored with this node's own tails.
    func loadReports() throws(EngineError) { reports = try RecoveryReport.load(self) }

    /// Keeps the report of a tail, in the place of one of the same tail: a link that broke before the report came
    /// over has it classified again.
    func add(_ report: RecoveryReport) {
        reports.removeAll { $0.node == report.node && $0.end == report.end }
        reports.append(report)
        reports.removeFirst(max(0, reports.count - Self.keptReports))
        tell(.recovered(report))
    }

    // MARK: Failures

    func count(refusal: Refusal, of node: String, _ reason: String) {
        count(refused: refusal.name, of: node, reason)
    }

    /// Counts a handshake that is refused by a name for the counters.
    func count(refused name: String, of node: String, _ reason: String) {
        refusals[name, default: 0] += 1
        tell(.refused(node: node, reason: "\(name): \(reason)"))
    }

    func count(error: String) { errors[error, default: 0] += 1 }

    /// Counts what is no message; of another version's it is a handshake that is refused.
    func count(_ error: WireError, of node: String) {
        guard error.isOtherVersion else { return count(error: "wire") }
        count(refused: "version", of: node, error.description)
    }

    /// Does what may fail and is tried again later; tells of a failure.
    @discardableResult
    func attempt<R>(_ what: String, _ body: () throws(EngineError) -> R) -> R? {
        do throws(EngineError) {
            return try body()
        } catch {
            failed(what, error)
            return nil
        }
    }

    func failed(_ what: String, _ error: EngineError) {
        count(error: error.code.rawValue)
        tell(.failed("could not \(what): \(error)"))
    }
}
