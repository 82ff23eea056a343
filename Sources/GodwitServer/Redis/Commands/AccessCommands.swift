/// ACL and its subcommands.
enum AccessCommands {
    static func aclWhoami(_ call: Call) throws(Interrupt) { call.reply.bulk(call.client.user?.name ?? "default") }

    static func aclUsers(_ call: Call) throws(Interrupt) {
        let users = call.executor.access.sorted
        call.reply.array(users.count)
        for user in users { call.reply.bulk(user.name) }
    }

    static func aclList(_ call: Call) throws(Interrupt) {
        let users = call.executor.access.sorted
        call.reply.array(users.count)
        for user in users { call.reply.bulk(user.line) }
    }

    static func aclGetuser(_ call: Call) throws(Interrupt) {
        guard let user = call.executor.access.user(call[2].text) else { return call.reply.null() }
        let reply = call.reply
        reply.map(6)
        reply.bulk("flags")
        reply.set(user.flags.count)
        for flag in user.flags { reply.bulk(flag) }
        reply.bulk("passwords")
        reply.array(user.passwords.count)
        for password in user.passwords { reply.bulk(password) }
        reply.bulk("commands")
        reply.bulk(user.commandText)
        reply.bulk("keys")
        reply.bulk(Array(user.keyRules.joined(separator: [32])))
        reply.bulk("channels")
        reply.bulk(Array(user.channelRules.joined(separator: [32])))
        reply.bulk("selectors")
        reply.array(0)
    }

    static func aclSetuser(_ call: Call) throws(Interrupt) {
        if !User.isName(call[2].array[...]) {
            throw .failed("ERR Usernames can't contain spaces or null characters")
        }
        let name = call[2].text
        let access = call.executor.access
        let user = access.user(name)?.copy() ?? User(name)
        for index in 3..<max(3, call.count) {
            if let problem = user.apply(call[index].array) {
                throw .failed("ERR Error in ACL SETUSER modifier '\(Dispatch.clipped(call[index], .max))': \(problem)")
            }
        }
        if let refusal = access.refusal(of: user) { throw .failed("ERR Error in ACL SETUSER: \(refusal)") }
        access.set(user)
        call.reply.ok()
    }

    static func aclDeluser(_ call: Call) throws(Interrupt) {
        let access = call.executor.access
        var removed = 0
        for index in 2..<call.count where call[index].text == "default" {
            throw .failed("ERR The 'default' user cannot be removed")
        }
        for index in 2..<call.count {
            guard let user = access.remove(call[index].text) else { continue }
            removed += 1
            for client in call.executor.clients.values where client.user === user {
                if client === call.client { client.handler?.closeAfterReplies() } else { client.handler?.close() }
            }
        }
        call.reply.integer(removed)
    }

    static func aclCat(_ call: Call) throws(Interrupt) {
        guard call.count > 2 else {
            call.reply.array(Command.Categories.names.count)
            for name in Command.Categories.names { call.reply.bulk(name) }
            return
        }
        if call.count > 3 { throw call.wrongSubcommand }
        let category = Command.Categories(words: ["@" + call[2].lowercasedText])
        if category.isEmpty { throw .failed("ERR Unknown category '\(Dispatch.clipped(call[2], 128))'") }
        let found = CommandTable.shared.commands.filter { !$0.categories.isDisjoint(with: category) }
        call.reply.array(found.count)
        for command in found { call.reply.bulk(command.name) }
    }

    static func aclGenpass(_ call: Call) throws(Interrupt) {
        if call.count > 3 { throw call.wrongSubcommand }
        var bits = 256
        if call.count == 3 {
            bits = try call.integer(2)
            guard (1...4096).contains(bits) else {
                throw .failed(
                    "ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up "
                        + "to 4096")
            }
        }
        var random = SystemRandomNumberGenerator()
        let digits = (0..<(bits + 3) / 4).map { _ in String(Int.random(in: 0..<16, using: &random), radix: 16) }
        call.reply.bulk(digits.joined())
    }

    static func aclDryrun(_ call: Call) throws(Interrupt) {
        guard let user = call.executor.access.user(call[2].text) else {
            throw .failed("ERR User '\(Dispatch.clipped(call[2], .max))' not found")
        }
        guard var command = CommandTable.shared.find(call[3]) else {
            throw .failed("ERR Command '\(Dispatch.clipped(call[3], .max))' not found")
        }
        if call.count > 4, let subcommand = CommandTable.shared.subcommand(call[4], of: command) {
            command = subcommand
        }
        let count = call.count - 3
        if command.arity > 0 ? count != command.arity : count < -command.arity {
            throw .failed("ERR wrong number of arguments for '\(command.name)' command")
        }
        let arguments = Arguments()
        let bytes = ByteBox()
        for index in 3..<call.count {
            arguments.append(start: bytes.count, length: call[index].count)
            bytes.append(call[index])
        }
        arguments.attach(bytes.slice)
        switch user.denial(command, arguments) {
        case nil: call.reply.ok()
        case .command(let name): call.reply.bulk("This user has no permissions to run the '\(name)' command")
        case .key(let key): call.reply.bulk("This user has no permissions to access the '\(key)' key")
        }
    }

    // MARK: File and log

    private static let noFile = Interrupt.failed(
        "ERR This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL SETUSER "
            + "command and then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in order to store "
            + "users in the Redis configuration.")

    static func aclLoad(_ call: Call) throws(Interrupt) {
        let access = call.executor.access
        guard let file = access.file else { throw noFile }
        let content = try call.executor.usersRead(from: file)
        do throws(AccessFile.Problem) { try access.load(content.get()) } catch { throw .failed("ERR \(error.text)") }
        // Whoever is not there any more is cut off.
        for client in call.executor.clients.values {
            guard let user = client.user, access.user(user.name) !== user else { continue }
            if client === call.client { client.handler?.closeAfterReplies() } else { client.handler?.close() }
        }
        call.reply.ok()
    }

    static func aclSave(_ call: Call) throws(Interrupt) {
        guard let file = call.executor.access.file else { throw noFile }
        let content = AccessFile.content(call.executor.access.sorted)
        if case .failure = try call.executor.usersWritten(content, to: file) {
            throw .failed(
                "ERR There was an error trying to save the ACLs. Please check the server logs for more information")
        }
        call.reply.ok()
    }

    static func aclLog(_ call: Call) throws(Interrupt) {
        if call.count > 3 { throw call.wrongSubcommand }
        if call.count == 3, call[2].isWord("RESET") {
            call.executor.access.forgetLog()
            return call.reply.ok()
        }
        let limit = call.count == 3 ? max(0, try call.integer(2)) : 10
        let entries = call.executor.access.log.prefix(limit)
        let time = Wall.now
        let now = Double(time.seconds) + Double(time.microseconds) / 1e6
        call.reply.array(entries.count)
        for entry in entries { describe(entry, now, call.reply) }
    }

    private static func describe(_ entry: Access.Entry, _ now: Double, _ reply: Reply) {
        reply.map(7)
        reply.bulk("count")
        reply.integer(entry.count)
        reply.bulk("reason")
        reply.bulk(entry.reason)
        reply.bulk("context")
        reply.bulk(entry.context)
        reply.bulk("object")
        reply.bulk(entry.object)
        reply.bulk("username")
        reply.bulk(entry.user)
        reply.bulk("age-seconds")
        reply.double(((now - entry.at) * 1000).rounded() / 1000)
        reply.bulk("client-info")
        reply.bulk(entry.client)
    }

    static func aclHelp(_ call: Call) throws(Interrupt) {
        Help.reply(
            call, "ACL",
            [
                "CAT [<category>]", "    List all commands that belong to <category>, or all command categories",
                "    when no category is specified.", "DELUSER <username> [<username> ...]",
                "    Delete a list of users.",
                "DRYRUN <username> <command> [<arg> ...]",
                "    Returns whether the user can execute the given command without executing the command.",
                "GETUSER <username>", "    Get the user's details.", "GENPASS [<bits>]",
                "    Generate a secure 256-bit user password. The optional `bits` argument can",
                "    be used to specify a different size.", "LIST", "    Show users details in config file format.",
                "LOAD", "    Reload users from the ACL file.", "LOG [<count> | RESET]", "    Show the ACL log entries.",
                "SAVE", "    Save the current config to the ACL file.",
                "SETUSER <username> <attribute> [<attribute> ...]",
                "    Create or modify a user with the specified attributes.", "USERS",
                "    List all the registered usernames.", "WHOAMI", "    Return the current connection username.",
            ])
    }
}
