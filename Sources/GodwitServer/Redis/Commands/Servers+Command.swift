/// COMMAND and its subcommands.
extension Servers {
    private static let table = CommandTable.shared

    private static var top: [Command] { table.commands.filter { !$0.name.contains("|") } }

    static func command(_ call: Call) throws(Interrupt) {
        call.reply.array(top.count)
        for command in top { describe(command, call.reply) }
    }

    static func commandCount(_ call: Call) throws(Interrupt) { call.reply.integer(top.count) }

    static func commandInfo(_ call: Call) throws(Interrupt) {
        if call.count == 2 { return try command(call) }
        call.reply.array(call.count - 2)
        for index in 2..<call.count {
            if let command = table.named(call[index].text) {
                describe(command, call.reply)
            } else {
                call.reply.null()
            }
        }
    }

    private static func describe(_ command: Command, _ reply: Reply) {
        reply.array(10)
        reply.bulk(command.name)
        reply.integer(command.arity)
        words(command.flagWords, reply)
        let range = command.keyRange
        reply.integer(range.first)
        reply.integer(range.last)
        reply.integer(range.step)
        words(command.categoryWords, reply)
        reply.set(command.tips.count)
        for tip in command.tips { reply.bulk(tip) }
        reply.set(command.keys.count)
        for spec in command.keys { describe(spec, reply) }
        let subcommands = table.subcommands(of: command)
        // Of none Redis makes a set.
        if subcommands.isEmpty { return reply.set(0) }
        reply.array(subcommands.count)
        for subcommand in subcommands { describe(subcommand, reply) }
    }

    private static func words(_ words: [String], _ reply: Reply) {
        reply.set(words.count)
        for word in words {
            reply.bytes.append(UInt8(ascii: "+"))
            reply.bytes.append(word)
            reply.bytes.append("\r\n" as StaticString)
        }
    }

    private static func describe(_ spec: Command.KeySpec, _ reply: Reply) {
        reply.map(spec.notes == nil ? 3 : 4)
        if let notes = spec.notes {
            reply.bulk("notes")
            reply.bulk(notes)
        }
        reply.bulk("flags")
        words(spec.flags, reply)
        reply.bulk("begin_search")
        reply.map(2)
        reply.bulk("type")
        reply.bulk("index")
        reply.bulk("spec")
        reply.map(1)
        reply.bulk("index")
        reply.integer(spec.first)
        reply.bulk("find_keys")
        reply.map(2)
        reply.bulk("type")
        reply.bulk("range")
        reply.bulk("spec")
        reply.map(3)
        reply.bulk("lastkey")
        reply.integer(spec.last)
        reply.bulk("keystep")
        reply.integer(spec.step)
        reply.bulk("limit")
        reply.integer(0)
    }

    static func commandDocs(_ call: Call) throws(Interrupt) {
        let wanted = call.count == 2 ? top : (2..<call.count).compactMap { table.named(call[$0].text) }
        call.reply.map(wanted.count)
        for command in wanted { document(command, call.reply) }
    }

    private static func document(_ command: Command, _ reply: Reply) {
        let subcommands = table.subcommands(of: command)
        reply.bulk(command.name)
        reply.map(subcommands.isEmpty ? 3 : 4)
        reply.bulk("summary")
        reply.bulk(command.summary)
        reply.bulk("since")
        reply.bulk(command.since)
        reply.bulk("group")
        reply.bulk(command.group)
        if subcommands.isEmpty { return }
        reply.bulk("subcommands")
        reply.map(subcommands.count)
        for subcommand in subcommands { document(subcommand, reply) }
    }

    static func commandList(_ call: Call) throws(Interrupt) {
        var listed = table.commands
        if call.count == 5, call[2].isWord("FILTERBY") {
            let value = call[4]
            if call[3].isWord("MODULE") {
                listed = []
            } else if call[3].isWord("ACLCAT") {
                let category = Command.Categories(words: ["@" + value.lowercasedText])
                listed = category.isEmpty ? [] : listed.filter { !$0.categories.isDisjoint(with: category) }
            } else if call[3].isWord("PATTERN") {
                listed = listed.filter { Glob.matches(value.array, Array($0.name.utf8), ignoringCase: true) }
            } else {
                throw .syntax
            }
        } else if call.count != 2 {
            throw .syntax
        }
        call.reply.array(listed.count)
        for command in listed { call.reply.bulk(command.name) }
    }

    static func commandGetkeys(_ call: Call) throws(Interrupt) {
        let places = try keyPlaces(call)
        call.reply.array(places.count)
        for (place, _) in places { call.reply.bulk(call[place + 2]) }
    }

    static func commandGetkeysandflags(_ call: Call) throws(Interrupt) {
        let places = try keyPlaces(call)
        call.reply.array(places.count)
        for (place, spec) in places {
            call.reply.array(2)
            call.reply.bulk(call[place + 2])
            words(spec.flags(of: call.arguments, from: 2), call.reply)
        }
    }

    /// Where the keys of the command stand that follows COMMAND GETKEYS.
    private static func keyPlaces(_ call: Call) throws(Interrupt) -> [(place: Int, spec: Command.KeySpec)] {
        guard var command = table.find(call[2]) else { throw .failed("ERR Invalid command specified") }
        let count = call.count - 2
        if count > 1, let subcommand = table.subcommand(call[3], of: command) { command = subcommand }
        if command.keys.isEmpty { throw .failed("ERR The command has no key arguments") }
        if command.arity > 0 ? count != command.arity : count < -command.arity {
            throw .failed("ERR Invalid number of arguments specified for command")
        }
        let places = command.keyPlaces(count)
        if places.isEmpty { throw .failed("ERR Invalid arguments specified for command") }
        return places
    }

    static func commandHelp(_ call: Call) throws(Interrupt) {
        Help.reply(
            call, "COMMAND",
            [
                "(no subcommand)", "    Return details about all Redis commands.", "COUNT",
                "    Return the total number of commands in this Redis server.", "LIST",
                "    Return a list of all commands in this Redis server.", "INFO [<command-name> ...]",
                "    Return details about multiple Redis commands.",
                "    If no command names are given, documentation details for all", "    commands are returned.",
                "DOCS [<command-name> ...]", "    Return documentation details about multiple Redis commands.",
                "    If no command names are given, documentation details for all", "    commands are returned.",
                "GETKEYS <full-command>", "    Return the keys from a full Redis command.",
                "GETKEYSANDFLAGS <full-command>", "    Return the keys and the access flags from a full Redis command.",
            ])
    }
}
