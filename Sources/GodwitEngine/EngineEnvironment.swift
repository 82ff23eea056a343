/// The components an engine is built from. Handing in others replaces the disk, the clock, chance and the threads:
/// one seed then decides everything that happens.
public struct EngineEnvironment: Sendable {
    /// Where files live.
    public var fileSystem: any FileSystem
    /// What time it is.
    public var clock: any Clock
    /// Where random bits come from (store ids, node ids, epoch tags, table ids).
    public var random: any RandomSource
    /// Who runs background work and how callers wait for it.
    public var executor: any Executor

    /// Puts an environment together.
    public init(
        fileSystem: any FileSystem, clock: any Clock, random: any RandomSource, executor: any Executor
    ) {
        self.fileSystem = fileSystem
        self.clock = clock
        self.random = random
        self.executor = executor
    }

    /// The computer's own files, clocks, random bits and threads.
    public static let system = EngineEnvironment(
        fileSystem: PosixFileSystem(), clock: SystemClock(), random: SystemRandom(), executor: ThreadExecutor())
}

/// What time it is, twice. (`Swift.Clock` suspends tasks; this one only tells.)
public protocol Clock: Sendable {
    /// Milliseconds since 1970 by the wall clock. May jump.
    func wallMilliseconds() -> UInt64
    /// Nanoseconds since some fixed moment. Never goes back.
    func monotonicNanoseconds() -> UInt64
}

/// Where random bits come from.
public protocol RandomSource: Sendable {
    /// 64 random bits.
    func next() -> UInt64
}
