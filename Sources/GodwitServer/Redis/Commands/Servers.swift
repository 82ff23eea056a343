internal import GodwitEngine
internal import GodwitNode
internal import GodwitReplication
internal import NIOCore

/// Commands on the server.
enum Servers {
    /// The version of Redis whose commands these are.
    static let version = "7.0.15"

    static func time(_ call: Call) throws(Interrupt) {
        let now = Wall.now
        call.reply.array(2)
        call.reply.bulk("\(now.seconds)")
        call.reply.bulk("\(now.microseconds)")
    }

    // MARK: CONFIG

    static func configGet(_ call: Call) throws(Interrupt) {
        var found: [(name: [UInt8], setting: Configuration.Setting)] = []
        func add(_ name: [UInt8], _ setting: Configuration.Setting) {
            if !found.contains(where: { $0.setting.name == setting.name }) { found.append((name, setting)) }
        }
        for index in 2..<call.count {
            let pattern = call[index].array
            if pattern.contains(where: { "[*?".utf8.contains($0) }) {
                for setting in Configuration.settings {
                    let name = Array(setting.name.utf8)
                    if Glob.matches(pattern, name, ignoringCase: true) { add(name, setting) }
                }
            } else if let setting = Configuration.find(call[index].text) {
                // A name comes back as it was asked.
                add(pattern, setting)
            }
        }
        call.reply.map(found.count)
        for (name, setting) in found {
            call.reply.bulk(name)
            call.reply.bulk(setting.read(call.executor))
        }
    }

    static func configSet(_ call: Call) throws(Interrupt) {
        if call.count % 2 == 1 { throw .syntax }
        var named: [(setting: Configuration.Setting, value: String)] = []
        for index in stride(from: 2, to: call.count, by: 2) {
            let name = call[index].text
            guard let setting = Configuration.find(name) else {
                throw .failed(
                    "ERR Unknown option or number of arguments for CONFIG SET - '\(Dispatch.clipped(call[index], .max))'"
                )
            }
            if named.contains(where: { $0.setting.name == setting.name }) {
                throw failure(name, "duplicate parameter")
            }
            if setting.change == nil { throw failure(name, "can't set immutable config") }
            guard let value = String(validating: call[index + 1].array, as: UTF8.self) else {
                throw failure(name, "argument must be UTF-8 text")
            }
            named.append((setting, value))
        }
        // All are looked at before the first is changed.
        var changes: [() -> Void] = []
        for (setting, value) in named {
            switch setting.change?(call.executor, value) {
            case .accepted(let change): changes.append(change)
            case .refused(let reason): throw failure(setting.name, reason)
            case nil: continue
            }
        }
        for change in changes { change() }
        call.reply.ok()
    }

    private static func failure(_ name: String, _ reason: String) -> Interrupt {
        .failed("ERR CONFIG SET failed (possibly related to argument '\(name)') - \(reason)")
    }

    static func configResetstat(_ call: Call) throws(Interrupt) {
        call.executor.statistics.reset()
        call.reply.ok()
    }

    static func configHelp(_ call: Call) throws(Interrupt) {
        Help.reply(
            call, "CONFIG",
            [
                "GET <pattern>", "    Return parameters matching the glob-like <pattern> and their values.",
                "SET <directive> <value>", "    Set the configuration <directive> to <value>.", "RESETSTAT",
                "    Reset statistics reported by the INFO command.",
            ])
    }

    // MARK: Replication

    static func role(_ call: Call) throws(Interrupt) {
        let status = try call.executor.status()
        let reply = call.reply
        if status.role == "primary" {
            reply.array(3)
            reply.bulk("master")
            reply.integer(Int(status.sequence))
            let followers = status.followers.filter(\.isConnected)
            reply.array(followers.count)
            for follower in followers {
                let address = HostPort(follower.address)
                reply.array(3)
                reply.bulk(address?.host ?? follower.address)
                reply.bulk("\(address?.port ?? 0)")
                reply.bulk("\(follower.received)")
            }
        } else {
            let leader = status.leader.flatMap(HostPort.init)
            reply.array(5)
            reply.bulk("slave")
            reply.bulk(leader?.host ?? status.leader ?? "")
            reply.integer(leader?.port ?? 0)
            reply.bulk(linkState(status))
            reply.integer(Int(status.sequence))
        }
    }

    private static func linkState(_ status: ReplicaStatus) -> String {
        guard let link = status.upstream else { return "connect" }
        if !link.isConnected { return "connect" }
        return link.stage == "bootstrap" ? "sync" : "connected"
    }

    static func wait(_ call: Call) throws(Interrupt) {
        if !call.executor.isPrimary { throw onReplica("WAIT") }
        let count = try call.integer(1)
        let limit = try timeout(call, 2)
        let held = try call.executor.confirmed(.received(max(1, count)), local: 0, count <= 0 ? .zero : limit)
        call.reply.integer(held.others)
    }

    static func waitaof(_ call: Call) throws(Interrupt) {
        let local = try call.integer(1)
        guard (0...1).contains(local) else {
            throw .failed("ERR value is out of range, value must between 0 and 1")
        }
        let count = try call.integer(2)
        if count < 0 { throw .failed("ERR value is out of range, must be positive") }
        let limit = try timeout(call, 3)
        if !call.executor.isPrimary { throw onReplica("WAITAOF") }
        let held = try call.executor.confirmed(.durable(max(1, count)), local: local, count == 0 ? .zero : limit)
        call.reply.array(2)
        call.reply.integer(held.isLocal ? 1 : 0)
        call.reply.integer(held.others)
    }

    private static func onReplica(_ name: String) -> Interrupt {
        .failed(
            "ERR \(name) cannot be used with replica instances. Please also note that since Redis 4.0 if a replica is "
                + "configured to be writable (which is not the default) writes to replicas are just local and are not "
                + "propagated.")
    }

    private static func timeout(_ call: Call, _ index: Int) throws(Interrupt) -> Duration {
        guard let milliseconds = Decimal.parse(call[index]) else {
            throw .failed("ERR timeout is not an integer or out of range")
        }
        if milliseconds < 0 { throw .failed("ERR timeout is negative") }
        // 0 waits for as long as it takes: a hundred years.
        return milliseconds == 0 ? .seconds(3_155_760_000) : .milliseconds(min(milliseconds, 3_155_760_000_000))
    }

    static func replicaof(_ call: Call) throws(Interrupt) {
        throw .failed(
            "ERR Godwit's roles are changed by `godwit rejoin` and `godwit promote` on the admin address, not over Redis"
        )
    }

    static func slaveof(_ call: Call) throws(Interrupt) { try replicaof(call) }

    static func failover(_ call: Call) throws(Interrupt) {
        throw .failed(
            "ERR Godwit fails over by `godwit switchover` or `godwit promote` on the admin address, not over Redis")
    }

    // MARK: SLOWLOG and LATENCY

    static func slowlogGet(_ call: Call) throws(Interrupt) {
        if call.count > 3 { throw call.wrongSubcommand }
        var limit = 10
        if call.count == 3 {
            guard let count = Decimal.parse(call[2]), count >= -1 else {
                throw .failed("ERR count should be greater than or equal to -1")
            }
            limit = count
            if limit == -1 { limit = .max }
        }
        let calls = call.executor.statistics.slowCalls.prefix(limit)
        call.reply.array(calls.count)
        for slow in calls {
            call.reply.array(6)
            call.reply.integer(slow.id)
            call.reply.integer(slow.at)
            call.reply.integer(slow.microseconds)
            call.reply.array(slow.arguments.count)
            for argument in slow.arguments { call.reply.bulk(argument) }
            call.reply.bulk(slow.address)
            call.reply.bulk(slow.name)
        }
    }

    static func slowlogLen(_ call: Call) throws(Interrupt) {
        call.reply.integer(call.executor.statistics.slowCalls.count)
    }

    static func slowlogReset(_ call: Call) throws(Interrupt) {
        call.executor.statistics.forgetSlowCalls()
        call.reply.ok()
    }

    static func slowlogHelp(_ call: Call) throws(Interrupt) {
        Help.reply(
            call, "SLOWLOG",
            [
                "GET [<count>]",
                "    Return top <count> entries from the slowlog (default: 10, -1 mean all).",
                "    Entries are made of:",
                "    id, timestamp, time in microseconds, arguments array, client IP and port,",
                "    client name", "LEN", "    Return the length of the slowlog.", "RESET", "    Reset the slowlog.",
            ])
    }

    static func latencyHistogram(_ call: Call) throws(Interrupt) {
        let statistics = call.executor.statistics
        var wanted: [Command] = CommandTable.shared.commands
        if call.count > 2 {
            wanted = []
            for index in 2..<call.count {
                guard let command = CommandTable.shared.named(call[index].text) else { continue }
                wanted.append(command)
                wanted += CommandTable.shared.subcommands(of: command)
            }
        }
        let shown = wanted.filter { statistics.use(of: $0).calls > 0 }
        call.reply.map(shown.count)
        for command in shown {
            let use = statistics.use(of: command)
            call.reply.bulk(command.name)
            call.reply.map(2)
            call.reply.bulk("calls")
            call.reply.integer(use.calls)
            call.reply.bulk("histogram_usec")
            let buckets = Self.buckets(use)
            call.reply.map(buckets.count)
            for (bound, count) in buckets {
                call.reply.integer(bound)
                call.reply.integer(count)
            }
        }
    }

    /// How many calls took at most so many microseconds, for each power of two at which the number changes.
    private static func buckets(_ use: Statistics.Use) -> [(bound: Int, count: Int)] {
        var sum = 0
        var last = 0
        var buckets: [(bound: Int, count: Int)] = []
        for (power, count) in use.histogram.enumerated() {
            sum += Int(count)
            // Up to 1,024 ns is one microsecond, as in Redis.
            guard power >= 10, sum > last else { continue }
            last = sum
            buckets.append((max(1, (1 << power) / 1000), sum))
        }
        return buckets
    }

    static func latencyHelp(_ call: Call) throws(Interrupt) {
        Help.reply(
            call, "LATENCY",
            [
                "HISTOGRAM [COMMAND ...]",
                "    Return a cumulative distribution of latencies in the format of a histogram for the specified "
                    + "command names.",
                "    If no commands are specified then all histograms are replied",
            ])
    }
}
