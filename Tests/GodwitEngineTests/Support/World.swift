import GodwitEngine
import GodwitSimulation

/// A simulated machine: a disk that can lose power, a clock, and an executor, all driven by one seed.
final class World {
    let clock = SimulatedClock()
    let disk: SimulatedFileSystem
    let random: SeededRandom
    private(set) var executor: SimulatedExecutor
    private let seed: UInt64

    init(seed: UInt64) {
        self.seed = seed
        disk = SimulatedFileSystem(seed: seed)
        random = SeededRandom(seed: seed)
        executor = SimulatedExecutor(seed: seed, clock: clock)
    }

    /// A machine whose disk is as another's is now; the two then go on apart.
    init(copying other: World, seed: UInt64 = 1) {
        self.seed = seed
        disk = other.disk.clone(seed: seed)
        random = SeededRandom(seed: seed)
        executor = SimulatedExecutor(seed: seed, clock: clock)
    }

    var environment: EngineEnvironment {
        EngineEnvironment(fileSystem: disk, clock: clock, random: random, executor: executor)
    }

    /// Opens the machine's store with options that make everything happen early.
    func open(_ options: EngineOptions = .small) throws -> Engine {
        try Engine.open(at: "/store", options: options, environment: environment)
    }

    /// Pulls the plug: unsynced bytes and names are kept or lost by chance; what ran is gone.
    func crash(_ outcome: CrashOutcome = .random) {
        executor.abandonAll()
        disk.crash(outcome)
        executor = SimulatedExecutor(seed: seed &+ 1, clock: clock)
    }
}

extension EngineOptions {
    /// Small memtables, segments and tables, so that short tests flush, rotate and compact.
    static var small: EngineOptions {
        var options = EngineOptions()
        options.memoryBudget = 8 << 20
        options.memtableSize = 64 << 10
        options.segmentSize = 256 << 10
        options.logSize = 1 << 20
        options.tableSize = 32 << 10
        options.baseLevelSize = 128 << 10
        return options
    }
}
