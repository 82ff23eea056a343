/// Finds the command that a request names, and whether the client may call it now: the checks in Redis' order.
enum Dispatch {
    /// The command of a request; throws for one that is not there or is called with the wrong number of arguments.
    @inline(__always)
    static func command(_ arguments: Arguments) throws(Interrupt) -> Command {
        guard let found = CommandTable.shared.find(arguments[0]) else { throw unknown(arguments) }
        var command = found
        if arguments.count > 1, !command.flags.isData, command.arity < 0 {
            let subcommands = CommandTable.shared.subcommands(of: command)
            if !subcommands.isEmpty {
                guard let subcommand = CommandTable.shared.subcommand(arguments[1], of: command) else {
                    throw .failed(
                        "ERR unknown subcommand '\(clipped(arguments[1], 128))'. Try \(command.name.uppercased()) HELP."
                    )
                }
                command = subcommand
            }
        }
        let count = arguments.count
        if command.arity > 0 ? count != command.arity : count < -command.arity {
            throw .failed("ERR wrong number of arguments for '\(command.name)' command")
        }
        return command
    }

    /// Whether a request begins as HTTP does: a web page that posts to this address must not get its lines carried out.
    static func isOfHTTP(_ name: ByteSlice) -> Bool {
        ["post", "host:"].contains(String(decoding: name.array.prefix(6), as: UTF8.self).lowercased())
    }

    private static func unknown(_ arguments: Arguments) -> Interrupt {
        var rest: ErrorText = ""
        var index = 1
        while index < arguments.count, rest.bytes.count < 128 {
            rest = rest + "'\(clipped(arguments[index], 128 - rest.bytes.count))' "
            index += 1
        }
        return .failed(
            "ERR unknown command '\(clipped(arguments[0], 128))', with args beginning with: \(rest)")
    }

    /// The first bytes as C prints them: up to a zero byte.
    static func clipped(_ bytes: ByteSlice, _ limit: Int) -> ErrorText {
        ErrorText(bytes: Array(bytes.array.prefix(limit).prefix { $0 != 0 }))
    }

    /// Throws where the client may not call the command now.
    @inline(__always)
    static func admit(_ command: Command, _ client: Client, _ executor: Executor) throws(Interrupt) {
        if let user = client.user, user.mayDoEverything {
        } else {
            try authorize(command, client, client.arguments, executor)
        }
        if client.transaction != nil, command.flags.contains(.notInTransaction) {
            throw .failed("ERR Command not allowed inside a transaction")
        }
    }

    /// Throws where nobody has logged in, or who has may not call the command, or not with these keys: which is noted.
    static func authorize(
        _ command: Command, _ client: Client, _ arguments: Arguments, _ executor: Executor, isQueued: Bool = false,
        isNoted: Bool = false
    ) throws(Interrupt) {
        guard let user = client.user else {
            if command.flags.contains(.needsNoUser) { return }
            throw .failed("NOAUTH Authentication required.")
        }
        if user.mayDoEverything { return }
        guard let denial = user.denial(command, arguments) else { return }
        if !isNoted { executor.access.note(denial, client, inTransaction: client.transaction != nil || isQueued) }
        throw .failed(isQueued ? denial.textWhenQueued : denial.text)
    }

    /// Stands for a container, which is never carried out itself.
    static func container(_ call: Call) throws(Interrupt) { throw call.wrongArity }
}
