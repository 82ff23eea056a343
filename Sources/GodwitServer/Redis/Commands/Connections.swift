internal import NIOCore

/// Commands on the connection itself.
enum Connections {
    static func ping(_ call: Call) throws(Interrupt) {
        if call.count > 2 { throw call.wrongArity }
        if call.count == 2 { call.reply.bulk(call[1]) } else { call.reply.simple("PONG") }
    }

    static func echo(_ call: Call) throws(Interrupt) { call.reply.bulk(call[1]) }

    static func quit(_ call: Call) throws(Interrupt) {
        call.reply.ok()
        call.client.handler?.closeAfterReplies()
    }

    static func select(_ call: Call) throws(Interrupt) {
        call.client.database = try database(call, 1)
        call.reply.ok()
    }

    /// A database's number.
    static func database(_ call: Call, _ argument: Int) throws(Interrupt) -> Int {
        let number = try call.integer(argument)
        guard Int(Int32.min)...Int(Int32.max) ~= number else {
            throw .failed("ERR value is out of range, value must between \(Int32.min) and \(Int32.max)")
        }
        guard 0..<Database.count ~= number else { throw .failed("ERR DB index is out of range") }
        return number
    }

    static func reset(_ call: Call) throws(Interrupt) {
        let client = call.client
        client.transaction = nil
        call.executor.watchers.remove(client)
        client.database = 0
        client.reply.version = 2
        client.replies = .on
        client.name = []
        client.isProtectedFromEviction = false
        client.user = call.executor.access.initialUser
        call.reply.simple("RESET")
    }

    // MARK: Who is there

    static func auth(_ call: Call) throws(Interrupt) {
        if call.count > 3 { throw .syntax }
        let access = call.executor.access
        if call.count == 2, access.defaultUser.needsNoPassword {
            throw .failed(
                "ERR AUTH <password> called without any password configured for the default user. "
                    + "Are you sure your configuration is correct?")
        }
        let name = call.count == 2 ? "default" : call[1].text
        try logIn(call, name, call[call.count - 1].array)
        call.reply.ok()
    }

    private static func logIn(_ call: Call, _ name: String, _ password: [UInt8]) throws(Interrupt) {
        guard let user = call.executor.access.logIn(name, password) else {
            call.executor.access.noteFailedLogin(name, call)
            throw .failed("WRONGPASS invalid username-password pair or user is disabled.")
        }
        call.client.user = user
    }

    static func hello(_ call: Call) throws(Interrupt) {
        var version = call.client.reply.version
        var index = 1
        if call.count > 1 {
            guard let number = Decimal.parse(call[1]) else {
                throw .failed("ERR Protocol version is not an integer or out of range")
            }
            guard number == 2 || number == 3 else { throw .failed("NOPROTO unsupported protocol version") }
            version = number
            index = 2
        }
        // Each option counts at once, whatever follows it: so does Redis.
        while index < call.count {
            if call[index].isWord("AUTH"), index + 2 < call.count {
                try logIn(call, call[index + 1].text, call[index + 2].array)
                index += 3
            } else if call[index].isWord("SETNAME"), index + 1 < call.count {
                call.client.name = try checkedName(call[index + 1])
                index += 2
            } else {
                throw .failed("ERR Syntax error in HELLO option '\(Dispatch.clipped(call[index], .max))'")
            }
        }
        if call.client.user == nil {
            throw .failed(
                "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH "
                    + "<user> <pass> option can be used to authenticate the client and select the RESP protocol version "
                    + "at the same time")
        }
        call.client.reply.version = version
        describe(call)
    }

    private static func describe(_ call: Call) {
        let reply = call.reply
        reply.map(7)
        reply.bulk("server")
        reply.bulk("redis")
        reply.bulk("version")
        reply.bulk(Servers.version)
        reply.bulk("proto")
        reply.integer(reply.version)
        reply.bulk("id")
        reply.integer(call.client.id)
        reply.bulk("mode")
        reply.bulk("standalone")
        reply.bulk("role")
        reply.bulk(call.executor.isPrimary ? "master" : "replica")
        reply.bulk("modules")
        reply.array(0)
    }

    /// A name for a connection: printable, without spaces.
    private static func checkedName(_ name: ByteSlice) throws(Interrupt) -> [UInt8] {
        let bytes = name.array
        guard bytes.allSatisfy({ (33...126).contains($0) }) else {
            throw .failed("ERR Client names cannot contain spaces, newlines or special characters.")
        }
        return bytes
    }

    // MARK: CLIENT

    static func clientId(_ call: Call) throws(Interrupt) { call.reply.integer(call.client.id) }

    static func clientGetname(_ call: Call) throws(Interrupt) {
        if call.client.name.isEmpty { call.reply.null() } else { call.reply.bulk(call.client.name) }
    }

    static func clientSetname(_ call: Call) throws(Interrupt) {
        call.client.name = try checkedName(call[2])
        call.reply.ok()
    }

    static func clientInfo(_ call: Call) throws(Interrupt) {
        call.reply.verbatim(call.client.line(.now()) + "\n")
    }

    static func clientList(_ call: Call) throws(Interrupt) {
        var clients = call.executor.clients.values.sorted { $0.id < $1.id }
        if call.count == 4, call[2].isWord("TYPE") {
            let type = call[3].lowercasedText
            guard ["normal", "replica", "slave", "pubsub", "master"].contains(type) else {
                throw .failed("ERR Unknown client type '\(Dispatch.clipped(call[3], .max))'")
            }
            if type != "normal" { clients = [] }
        } else if call.count > 3, call[2].isWord("ID") {
            clients = []
            for index in 3..<call.count {
                guard let id = Decimal.parse(call[index]) else { throw .failed("ERR Invalid client ID") }
                if let client = call.executor.clients[id] { clients.append(client) }
            }
        } else if call.count != 2 {
            throw .syntax
        }
        let now = NIODeadline.now()
        call.reply.verbatim(clients.map { $0.line(now) + "\n" }.joined())
    }

    static func clientReply(_ call: Call) throws(Interrupt) {
        if call[2].isWord("ON") {
            call.client.replies = .on
            call.reply.ok()
        } else if call[2].isWord("OFF") {
            call.client.replies = .off
        } else if call[2].isWord("SKIP") {
            if call.client.replies != .off { call.client.replies = .skipNext }
        } else {
            throw .syntax
        }
    }

    static func clientNoEvict(_ call: Call) throws(Interrupt) {
        if call[2].isWord("ON") {
            call.client.isProtectedFromEviction = true
        } else if call[2].isWord("OFF") {
            call.client.isProtectedFromEviction = false
        } else {
            throw .syntax
        }
        call.reply.ok()
    }

    static func clientKill(_ call: Call) throws(Interrupt) {
        if call.count == 3 {
            let address = call[2].text
            guard let found = call.executor.clients.values.first(where: { $0.address == address }) else {
                throw .failed("ERR No such client")
            }
            kill(found, call)
            return call.reply.ok()
        }
        let filter = try KillFilter(call)
        let found = call.executor.clients.values.filter { filter.matches($0, self: call.client) }
        for client in found { kill(client, call) }
        call.reply.integer(found.count)
    }

    private static func kill(_ client: Client, _ call: Call) {
        if client === call.client { client.handler?.closeAfterReplies() } else { client.handler?.close() }
    }

    /// The longest pause: a hundred years.
    private static let longestPause = 3_155_760_000_000

    static func clientPause(_ call: Call) throws(Interrupt) {
        if call.count > 4 { throw call.wrongSubcommand }
        let onlyWrites = call.count == 4 && call[3].isWord("WRITE")
        if call.count == 4, !onlyWrites, !call[3].isWord("ALL") {
            throw .failed("ERR CLIENT PAUSE mode must be WRITE or ALL")
        }
        guard let milliseconds = Decimal.parse(call[2]) else {
            throw .failed("ERR timeout is not an integer or out of range")
        }
        if milliseconds < 0 { throw .failed("ERR timeout is negative") }
        if milliseconds > Int.max - Int(call.now) { throw .failed("ERR timeout is out of range") }
        call.executor.pause.begin(
            for: .milliseconds(Int64(min(milliseconds, longestPause))), onlyWrites: onlyWrites, call.executor)
        call.reply.ok()
    }

    static func clientUnpause(_ call: Call) throws(Interrupt) {
        call.executor.pause.finish(call.executor)
        call.reply.ok()
    }

    /// No command blocks here as lists do in Redis, so there is never anybody to wake.
    static func clientUnblock(_ call: Call) throws(Interrupt) {
        if call.count > 4 { throw call.wrongSubcommand }
        if call.count == 4, !call[3].isWord("TIMEOUT"), !call[3].isWord("ERROR") {
            throw .failed("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")
        }
        _ = try call.integer(2)
        call.reply.integer(0)
    }

    /// Client-side caching is not there, so it is off.
    static func clientGetredir(_ call: Call) throws(Interrupt) { call.reply.integer(-1) }

    static func clientCaching(_ call: Call) throws(Interrupt) {
        throw .failed(
            "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled"
        )
    }

    static func clientTrackinginfo(_ call: Call) throws(Interrupt) {
        let reply = call.reply
        reply.map(3)
        reply.bulk("flags")
        reply.set(1)
        reply.bulk("off")
        reply.bulk("redirect")
        reply.integer(-1)
        reply.bulk("prefixes")
        reply.array(0)
    }

    static func clientHelp(_ call: Call) throws(Interrupt) {
        Help.reply(
            call, "CLIENT",
            [
                "CACHING (YES|NO)",
                "    Enable/disable tracking of the keys for next command in OPTIN/OPTOUT modes.",
                "GETNAME", "    Return the name of the current connection.", "GETREDIR",
                "    Return the client ID we are redirecting to when tracking is enabled.", "ID",
                "    Return the ID of the current connection.", "INFO",
                "    Return information about the current client connection.", "KILL <ip:port>",
                "    Kill connection made from <ip:port>.", "KILL <option> <value> [<option> <value> [...]]",
                "    Kill connections. Options are:", "    * ADDR (<ip:port>|<unixsocket>:0)",
                "      Kill connections made from the specified address", "    * LADDR (<ip:port>|<unixsocket>:0)",
                "      Kill connections made to specified local address", "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
                "      Kill connections by type.", "    * USER <username>",
                "      Kill connections authenticated by <username>.", "    * SKIPME (YES|NO)",
                "      Skip killing current connection (default: yes).", "LIST [options ...]",
                "    Return information about client connections. Options:",
                "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)", "      Return clients of specified type.",
                "UNPAUSE", "    Stop the current client pause, resuming traffic.", "PAUSE <timeout> [WRITE|ALL]",
                "    Suspend all, or just write, clients for <timeout> milliseconds.",
                "REPLY (ON|OFF|SKIP)", "    Control the replies sent to the current connection.", "SETNAME <name>",
                "    Assign the name <name> to the current connection.",
                "UNBLOCK <clientid> [TIMEOUT|ERROR]", "    Unblock the specified blocked client.", "TRACKINGINFO",
                "    Report tracking status for the current connection.", "NO-EVICT (ON|OFF)",
                "    Protect current client connection from eviction.",
            ])
    }
}

/// Which connections CLIENT KILL means.
private struct KillFilter {
    var id: Int?
    var address: String?
    var localAddress: String?
    var user: String?
    var isNormal = true
    var skipsSelf = true

    init(_ call: Call) throws(Interrupt) {
        for index in stride(from: 2, to: call.count, by: 2) {
            if index + 1 == call.count { throw .syntax }
            let value = call[index + 1]
            if call[index].isWord("ID") {
                guard let number = Decimal.parse(value), number > 0 else {
                    throw .failed("ERR client-id should be greater than 0")
                }
                id = number
            } else if call[index].isWord("TYPE") {
                let type = value.lowercasedText
                guard ["normal", "replica", "slave", "pubsub", "master"].contains(type) else {
                    throw .failed("ERR Unknown client type '\(Dispatch.clipped(value, .max))'")
                }
                isNormal = type == "normal"
            } else if call[index].isWord("ADDR") {
                address = value.text
            } else if call[index].isWord("LADDR") {
                localAddress = value.text
            } else if call[index].isWord("USER") {
                guard call.executor.access.user(value.text) != nil else {
                    throw .failed("ERR No such user '\(Dispatch.clipped(value, .max))'")
                }
                user = value.text
            } else if call[index].isWord("SKIPME"), value.isWord("YES") || value.isWord("NO") {
                skipsSelf = value.isWord("YES")
            } else {
                throw .syntax
            }
        }
    }

    func matches(_ client: Client, self own: Client) -> Bool {
        if !isNormal || skipsSelf && client === own { return false }
        if let id, client.id != id { return false }
        if let address, client.address != address { return false }
        if let localAddress, client.localAddress != localAddress { return false }
        // Who has not logged in is `default` without the password.
        if let user, client.user?.name ?? "default" != user { return false }
        return true
    }
}
