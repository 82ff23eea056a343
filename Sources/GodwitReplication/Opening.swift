internal import GodwitEngine

/// Opens what a replica works on.
///
/// 1. Finish an install of a full copy that a crash interrupted.
/// 2. Read what the node remembers; a new node's role comes from its options, and so does the leader when the options
///    name another than they did.
/// 3. Open the store with the holds of all slots, unless this is a follower without data.
/// 4. An epoch that was begun just before a crash counts: the promotion took place.
struct Opening {
    let core: ReplicaCore
    /// Whether the node was closed in order the last time.
    let wasClean: Bool

    init(directory: String, options: ReplicaOptions, environment: EngineEnvironment) throws(EngineError) {
        let fileSystem = environment.fileSystem
        let home = directory + "/replication"
        try fileSystem.createDirectory(home)
        let incoming = directory + "/incoming"
        if try CheckpointInstall.isPending(incoming, fileSystem) {
            try CheckpointInstall.run(from: incoming, to: directory, environment)
        }
        let node = try NodeID.ensure(in: directory, region: options.region, environment)
        let stored = try ReplicaState.load(fileSystem, from: home)
        wasClean = stored?.isClean ?? false
        core = ReplicaCore(
            directory: directory, options: options, environment: environment, node: node,
            state: Self.state(stored, options), slots: try Slots(fileSystem, from: home))
        if try fileSystem.exists(directory + "/CURRENT") || core.state.role == .primary { try open() }
        try settle()
    }

    private static func state(_ stored: ReplicaState?, _ options: ReplicaOptions) -> ReplicaState {
        guard var state = stored else {
            return ReplicaState(
                role: options.leader == nil ? .primary : .follower, leader: options.leader,
                configured: options.leader)
        }
        if options.leader != state.configured {
            state.configured = options.leader
            // Told to follow another node than before, an old primary comes back as a follower: it rejoins.
            if let leader = options.leader { (state.role, state.leader) = (.follower, leader) }
        }
        return state
    }

    private func open() throws(EngineError) {
        core.engine = try Self.open(core)
    }

    /// Opens the store for a replica.
    static func open(_ core: ReplicaCore) throws(EngineError) -> Engine {
        var options = core.options.engine
        options.region = core.options.region
        options.beginsEpochs = false
        options.rewindInterval = options.rewindInterval ?? 10_000
        options.retentionSize = core.options.retentionSize
        for slot in core.slots.all where !slot.isLost { options.holds[slot.holdName] = slot.durable }
        return try Engine.open(at: core.directory, options: options, environment: core.environment)
    }

    /// Brings the memory in line with the history.
    private func settle() throws(EngineError) {
        let epoch = core.engine?.historyPoint.position.epoch ?? .none
        try core.remember { state in
            if let intent = state.intent, intent == epoch {
                state.role = .primary
                state.handover = nil
            }
            state.intent = nil
            state.newest = max(state.newest, epoch)
            state.isClean = false
        }
    }
}
