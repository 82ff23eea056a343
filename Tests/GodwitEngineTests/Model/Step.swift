import GodwitSimulation

@testable import GodwitEngine

/// One operation of a random run. Says what to do without knowing what the store holds, so that the same steps can be
/// taken with other options.
enum Step {
    enum Change {
        case put(key: [UInt8], value: [UInt8], ttl: UInt64?)
        case delete(key: [UInt8])
        case deleteRange(start: [UInt8], end: [UInt8])
    }

    case write(space: Int, Change, synced: Bool)
    case batch([(space: Int, change: Change)], synced: Bool)
    /// A batch on the condition that keys are as they were in the oldest snapshot held.
    case conditional([(space: Int, change: Change)], unchanged: [(space: Int, key: [UInt8])])
    case update(space: Int, key: [UInt8], to: [UInt8]?)
    case ingest(space: Int, [(key: [UInt8], value: [UInt8])])
    case sync

    case get(space: Int, [[UInt8]], inSnapshot: Bool)
    case scan(space: Int, KeyRange, reverse: Bool, limit: Int, inSnapshot: Bool)
    case takeSnapshot
    case releaseSnapshot(Int)

    case create(space: Int, KeyspaceSettings)
    case alter(space: Int, KeyspaceSettings)
    case drop(space: Int)
    case flush
    case compact(space: Int, KeyRange)
    case pause
    case resume

    case background(steps: Int)
    case advance(milliseconds: UInt64)
    case reopen
    case crash(CrashOutcome)
    /// The power goes off in a later call of the file system.
    case powerOff(calls: Int)
}

/// Draws steps from a seed.
final class StepSource {
    struct Style {
        /// Whether power is lost now and then.
        var crashes = true
        /// Whether conditions are used: what they answer depends on what is in memory, and so on the options.
        var conditions = true
        /// Times so long that what passes while the engine waits makes no difference.
        var coarseTime = false
    }

    private let random: SeededRandom
    private let style: Style
    private let keyCount: Int
    private let prefix: [UInt8]
    private let bigValues: Int
    private let churn: Int

    init(seed: UInt64, style: Style) {
        random = SeededRandom(seed: seed)
        self.style = style
        keyCount = random.pick([4, 12, 40, 150, 600])
        prefix = random.pick([[], Array("key/".utf8), Array("a-long-common-prefix-of-all-keys/".utf8)])
        bigValues = random.pick([0, 2, 10, 30])
        churn = random.pick([0, 1, 3])
    }

    func next() -> Step {
        switch random.below(100) {
        case 0..<28: return .write(space: space(), change(), synced: random.chance(1, in: 6))
        case 28..<42: return .batch(changes(random.within(1...20)), synced: random.chance(1, in: 6))
        case 42..<45:
            guard style.conditions else { return .takeSnapshot }
            return .conditional(changes(2), unchanged: (0...random.below(2)).map { _ in (space(), key()) })
        case 45..<48: return .update(space: space(), key: key(), to: random.chance(1, in: 4) ? nil : value())
        case 48..<50: return ingest()
        case 50..<51: return .sync
        case 51..<62: return .get(space: space(), (0...random.below(4)).map { _ in key() }, inSnapshot: random.chance(1, in: 3))
        case 62..<72:
            return .scan(
                space: space(), range(), reverse: random.chance(1, in: 2),
                limit: random.chance(1, in: 2) ? .max : random.within(1...5), inSnapshot: random.chance(1, in: 3))
        case 72..<75: return .takeSnapshot
        case 75..<77: return .releaseSnapshot(random.below(8))
        case 77..<81: return .background(steps: random.within(1...12))
        case 81..<84: return .flush
        case 84..<86: return .compact(space: space(), random.chance(1, in: 2) ? .all : range())
        case 86..<88: return random.chance(1, in: 2) ? .pause : .resume
        case 88..<91: return .advance(milliseconds: pause())
        case 91..<95:
            guard random.below(3) < churn else { return .background(steps: 3) }
            let space = random.within(1...3)
            switch random.below(4) {
            case 0, 1: return .create(space: space, settings())
            case 2: return .alter(space: random.below(4), settings())
            default: return .drop(space: space)
            }
        case 95..<96: return .reopen
        case 96..<98 where style.crashes:
            if random.chance(1, in: 2) { return .crash(random.pick(CrashOutcome.allCases)) }
            return .powerOff(calls: random.within(1...60))
        default: return .background(steps: random.within(1...40))
        }
    }

    private func space() -> Int { random.chance(2, in: 3) ? 0 : random.within(1...3) }

    private func key() -> [UInt8] {
        switch random.below(60) {
        case 0: return []
        case 1: return [0xFF, 0xFF]
        case 2: return prefix + Array("\(random.below(keyCount))".utf8) + Array(repeating: 0x61, count: 300)
        default: return prefix + Array("\(random.below(keyCount))".utf8)
        }
    }

    private func value() -> [UInt8] {
        if random.below(100) < bigValues { return random.bytes(random.pick([1000, 5000, 20_000])) }
        return Array(repeating: UInt8(random.below(256)), count: random.below(20)) + random.bytes(random.below(30))
    }

    private func change() -> Step.Change {
        switch random.below(20) {
        case 0..<13: return .put(key: key(), value: value(), ttl: random.chance(1, in: 5) ? lifetime() : nil)
        case 13..<18: return .delete(key: key())
        default:
            let (first, second) = (key(), key())
            if first.precedes(second) { return .deleteRange(start: first, end: second) }
            if second.precedes(first) { return .deleteRange(start: second, end: first) }
            return .deleteRange(start: first, end: first + [0])
        }
    }

    private func changes(_ count: Int) -> [(space: Int, change: Step.Change)] {
        (0..<count).map { _ in (space(), change()) }
    }

    private func ingest() -> Step {
        var entries: [[UInt8]: [UInt8]] = [:]
        for _ in 0..<random.within(0...40) { entries[key()] = value() }
        let sorted = entries.sorted { $0.key.precedes($1.key) }
        return .ingest(space: space(), sorted.map { ($0.key, $0.value) })
    }

    private func range() -> KeyRange {
        KeyRange(from: random.chance(1, in: 3) ? nil : key(), to: random.chance(1, in: 3) ? nil : key())
    }

    /// For how long a value lives. Coarse ones end halfway between two moments that `pause` can reach.
    private func lifetime() -> UInt64 {
        style.coarseTime ? UInt64(random.within(0...4)) * 10_000_000 + 5_000_000 : pause()
    }

    /// How much time passes.
    private func pause() -> UInt64 {
        style.coarseTime
            ? UInt64(random.within(1...3)) * 10_000_000 : UInt64(random.pick([1, 10, 1000, 20_000, 700_000]))
    }

    private func settings() -> KeyspaceSettings {
        KeyspaceSettings(
            defaultTTL: random.chance(1, in: 4) ? lifetime() : 0, compression: random.pick([.none, .lz4]),
            blockSize: random.pick([256, 1024, 4096]), filterBitsPerKey: random.pick([0, 10]))
    }
}

extension EngineOptions {
    /// Options within which everything happens early, the rest left to chance.
    static func random(_ random: SeededRandom) -> EngineOptions {
        var options = EngineOptions.small
        options.memtableSize = random.pick([64 << 10, 128 << 10])
        options.segmentSize = random.pick([64 << 10, 256 << 10])
        options.logSize = random.pick([256 << 10, 1 << 20])
        options.tableSize = random.pick([16 << 10, 64 << 10])
        options.baseLevelSize = random.pick([64 << 10, 256 << 10])
        options.expiryGrace = random.pick([0, 1000, 600_000])
        options.syncInterval = random.pick([nil, 5, 1000])
        options.rewindInterval = random.pick([nil, 0, 100])
        options.retentionSize = random.pick([0, 1 << 20])
        options.directReads = random.chance(1, in: 2)
        options.stepEntries = random.pick([3, 50, 4096])
        return options
    }
}
