package import GodwitEngine
package import GodwitReplication
package import GodwitSimulation

/// One machine of a simulated cluster: a disk that can lose power, a clock of its own, an executor, and the replica
/// that runs on them while the machine is up.
package final class SimulatedNode {
    package let index: Int
    package let address: String
    package let region: String
    package var options: ReplicaOptions
    /// What the certificates of other machines say, by their index.
    package var peers: [Int: PeerIdentity] = [:]
    package let disk: SimulatedFileSystem
    package let clock: SimulatedClock
    package private(set) var replica: Replica?
    private var executor: SimulatedExecutor
    private let random: SeededRandom
    private let seed: UInt64
    private var starts: UInt64 = 0
    private var accepted: UInt64 = 0
    /// Whether background work stands still, but for what somebody waits for.
    package var isBackgroundHeld = false
    /// The monotonic time at which the replica wants to be polled.
    package private(set) var due: UInt64 = 0
    /// What its replica has told of, in order.
    package private(set) var events: [ReplicationEvent] = []
    /// The end of its history when that was last looked at, or what of it survives power loss; nil where it went back.
    package var lastEnd: HistoryPoint?
    /// How much of its history is known to survive power loss.
    package var durable = HistoryPoint.start
    /// How much of each epoch it ever held durably: a node that follows another epoch gives that up, and who was told
    /// of it before cannot know.
    var everDurable: [Epoch: SequenceNumber] = [:]

    package init(index: Int, options: ReplicaOptions, seed: UInt64, wallOffset: Int64) {
        self.index = index
        self.options = options
        self.seed = seed
        address = options.advertised
        region = options.region
        disk = SimulatedFileSystem(seed: seed)
        clock = SimulatedClock(monotonicNanoseconds: 1_000_000_000 * UInt64(index + 1))
        clock.jumpWall(milliseconds: wallOffset)
        random = SeededRandom(seed: seed)
        executor = SimulatedExecutor(seed: seed, clock: clock)
    }

    /// How many steps of background work there were since the machine was switched on.
    package var backgroundSteps: Int { executor.steps }
    package var isUp: Bool { replica != nil }
    package var engine: Engine? { replica?.engine }
    package var now: UInt64 { clock.monotonicNanoseconds() }

    package var environment: EngineEnvironment {
        EngineEnvironment(fileSystem: disk, clock: clock, random: random, executor: executor)
    }

    /// Switches the machine on.
    package func start() throws(ReplicationError) {
        precondition(replica == nil)
        starts += 1
        executor = SimulatedExecutor(seed: seed &+ starts, clock: clock)
        lastEnd = durable
        replica = try Replica(directory: "/store", options: options, environment: environment, now: now)
        due = now
    }

    /// Pulls the plug: what was not synced is kept or lost by chance.
    package func crash(_ outcome: CrashOutcome = .random) {
        executor.abandonAll()
        disk.crash(outcome)
        withExtendedLifetime(replica) { replica = nil }
        executor = SimulatedExecutor(seed: seed, clock: clock)
    }

    /// Shuts down in order.
    package func stop() throws(ReplicationError) {
        try replica?.close(now: now)
        executor.abandonAll()
        replica = nil
    }

    /// The id for a connection that is accepted.
    func nextAccepted() -> LinkID {
        accepted += 1
        return LinkID.accepted(accepted)
    }

    /// Lets background work and the replica go on.
    func run(steps: Int) {
        if !isBackgroundHeld { executor.runSome(steps) }
        guard let replica, now >= due else { return }
        due = replica.poll(now: now)
    }

    /// Its history went back, or is another's: what it ended with before says nothing any more.
    func forgetEnd() {
        lastEnd = nil
        durable = engine?.durablePoint ?? .start
    }

    /// Notes what is durable now.
    func noteDurable() {
        guard let position = engine?.durablePoint.position else { return }
        everDurable[position.epoch] = max(everDurable[position.epoch] ?? 0, position.sequence)
    }

    /// Whether it ever held a position of an epoch durably.
    func everHadDurable(_ position: Position) -> Bool {
        everDurable[position.epoch].map { $0 >= position.sequence } ?? false
    }

    /// The replica has something to do before it asked to be called.
    package func touch() { due = now }

    /// What the replica wants done; events are noted.
    func takeActions() -> [ReplicaAction] {
        guard let replica else { return [] }
        let actions = replica.takeActions()
        for case .event(let event) in actions { events.append(event) }
        return actions
    }
}

extension ReplicaOptions {
    /// Small memtables, segments and tables, and short times, so that a short run sees everything.
    package static func small(region: String, advertised: String, leader: String?) -> ReplicaOptions {
        var options = ReplicaOptions(region: region, advertised: advertised, leader: leader)
        options.engine.memoryBudget = 8 << 20
        options.engine.memtableSize = 64 << 10
        options.engine.segmentSize = 64 << 10
        options.engine.logSize = 256 << 10
        options.engine.tableSize = 32 << 10
        options.engine.baseLevelSize = 128 << 10
        options.engine.rewindInterval = 0
        options.engine.diskReserve = 0
        options.retentionSize = 1 << 20
        options.frameBytes = 4 << 10
        options.creditBytes = 32 << 10
        options.restartWait = 5_000
        return options
    }
}
