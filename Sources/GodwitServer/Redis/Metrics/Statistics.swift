internal import NIOCore

/// What the listener has done: counts and times by command, refusals, slow commands. Kept on the event loop.
final class Statistics {
    /// What one command has done.
    struct Use {
        var calls = 0
        var nanoseconds: UInt64 = 0
        var failed = 0
        /// Calls that were refused before they began.
        var rejected = 0
        /// Calls by the power of two above their nanoseconds.
        var histogram: [UInt32] = []
    }

    /// A command that took long.
    struct SlowCall {
        let id: Int
        let at: Int
        let microseconds: Int
        let arguments: [[UInt8]]
        let address: String
        let name: [UInt8]
    }

    /// Reads that wait for the disk, and writes that wait for a sync.
    let coldReads: Admission
    let syncedWrites = Admission(target: 500_000_000, limit: 1 << 16)

    /// The moment at which the last command ended, or the turn began: one reading of the clock for each command.
    var clock: UInt64 {
        @inline(__always) get { hot.value.clock }
        @inline(__always) set { hot.value.clock = newValue }
    }

    /// What every command changes.
    private struct Hot {
        var clock: UInt64 = 0
        var commands = 0
        var slowThreshold = 10_000
        var uses = ContiguousArray(repeating: Use(), count: CommandTable.shared.commands.count + 1)
        /// For each command its histogram, one behind another.
        var histograms = ContiguousArray<UInt32>(
            repeating: 0, count: buckets * (CommandTable.shared.commands.count + 1))
    }

    private static let buckets = 40
    private let hot = LoopOwned(Hot())
    var connections = 0
    var rejectedConnections = 0
    var slowReadersCut = 0
    var failedCommits = 0
    var commands: Int { hot.value.commands }
    private(set) var errors: [String: Int] = [:]
    private(set) var errorReplies = 0
    private(set) var slowCalls: [SlowCall] = []
    private var nextSlowCall = 0
    /// Microseconds from which a command is slow; negative for never.
    var slowThreshold: Int {
        get { hot.value.slowThreshold }
        set { hot.value.slowThreshold = newValue }
    }
    var slowLimit = 128
    let start = NIODeadline.now()

    init(coldReads: Admission) { self.coldReads = coldReads }

    /// Counts a call that began at `started` and has just ended.
    @inline(__always)
    func count(_ command: Command, _ arguments: Arguments, _ started: UInt64, _ client: Client) {
        let now = NIODeadline.now().uptimeNanoseconds
        let took = now &- started
        let number = command.number
        hot.value.clock = now
        hot.value.commands &+= 1
        hot.value.uses[number].calls &+= 1
        hot.value.uses[number].nanoseconds &+= took
        let bucket = min(Self.buckets - 1, 64 - took.leadingZeroBitCount)
        hot.value.histograms[number &* Self.buckets &+ bucket] &+= 1
        if slowThreshold >= 0, took / 1000 >= UInt64(slowThreshold), !command.flags.contains(.skipsSlowlog) {
            noteSlow(command, arguments, Int(took / 1000), client)
        }
    }

    func countFailure(_ command: Command) { hot.value.uses[command.number].failed += 1 }

    func countRejection(_ command: Command) { hot.value.uses[command.number].rejected += 1 }

    /// What a command has done, its histogram included.
    func use(of command: Command) -> Use {
        var use = hot.value.uses[command.number]
        let start = command.number * Self.buckets
        use.histogram = Array(hot.value.histograms[start..<start + Self.buckets])
        return use
    }

    /// Counts an error by its code.
    func countError(_ text: ErrorText) {
        errorReplies += 1
        let code = text.code
        if errors[code] != nil || errors.count < 128 { errors[code, default: 0] += 1 }
    }

    private func noteSlow(_ command: Command, _ arguments: Arguments, _ microseconds: Int, _ client: Client) {
        guard slowLimit > 0 else { return }
        slowCalls.insert(
            SlowCall(
                id: nextSlowCall, at: Wall.seconds, microseconds: microseconds,
                arguments: Self.shown(arguments, of: command),
                address: client.address, name: client.name), at: 0)
        nextSlowCall += 1
        trimSlowCalls()
    }

    /// At most 32 arguments of at most 128 bytes, and none that is secret, as SLOWLOG shows them.
    private static func shown(_ arguments: Arguments, of command: Command) -> [[UInt8]] {
        let secrets = Secrets.places(in: arguments, of: command)
        var shown: [[UInt8]] = []
        for index in 0..<arguments.count {
            if index == 31, arguments.count > 32 {
                shown.append(Array("... (\(arguments.count - 31) more arguments)".utf8))
                break
            }
            if secrets.contains(index) {
                shown.append(Array("(redacted)".utf8))
                continue
            }
            let bytes = arguments[index]
            shown.append(
                bytes.count <= 128
                    ? bytes.array : bytes.slice(0, 128).array + Array("... (\(bytes.count - 128) more bytes)".utf8))
        }
        return shown
    }

    /// The most slow calls kept, whatever is asked for.
    private static let maximumSlowCalls = 10_000

    func trimSlowCalls() {
        let limit = min(slowLimit, Self.maximumSlowCalls)
        if slowCalls.count > limit { slowCalls.removeLast(slowCalls.count - limit) }
    }

    func forgetSlowCalls() { slowCalls.removeAll() }

    /// Begins to count anew (CONFIG RESETSTAT).
    func reset() {
        var fresh = Hot()
        fresh.clock = clock
        fresh.slowThreshold = slowThreshold
        hot.value = fresh
        errors = [:]
        errorReplies = 0
        connections = 0
        rejectedConnections = 0
        slowReadersCut = 0
        failedCommits = 0
    }
}
