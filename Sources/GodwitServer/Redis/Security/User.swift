/// A user: which passwords open it, which commands it may call, which keys it may read and write. Used on the event loop.
final class User {
    /// Why a call is denied.
    enum Denial {
        case command(String)
        case key(String)

        /// The reply.
        var text: ErrorText {
            switch self {
            case .command(let name): "NOPERM this user has no permissions to run the '\(name)' command"
            case .key: "NOPERM this user has no permissions to access one of the keys used as arguments"
            }
        }

        /// The reply where the command was queued when it was still allowed.
        var textWhenQueued: ErrorText {
            let reason =
                switch self {
                case .command: "no permission to execute the command or subcommand"
                case .key: "no permission to touch the specified keys"
                }
            return "NOPERM ACLs rules changed between the moment the transaction was accumulated and the EXEC call. "
                + "This command is no longer allowed for the following reason: \(reason)"
        }
    }

    /// Which keys, and for what.
    struct KeyPattern: Equatable {
        let pattern: [UInt8]
        var reads: Bool
        var writes: Bool

        /// As a rule. `*` for both is said so that patterns may follow: `~*` is a rule that allows none behind it.
        var rule: [UInt8] {
            let both = pattern == [UInt8(ascii: "*")] ? "%RW~" : "~"
            return Array((reads && writes ? both : reads ? "%R~" : "%W~").utf8) + pattern
        }
    }

    let name: String
    private(set) var isOn = false
    private(set) var needsNoPassword = false
    /// Digests in hexadecimal.
    private(set) var passwords: [String] = []
    private(set) var keys: [KeyPattern] = []
    private(set) var channels: [[UInt8]] = []
    private(set) var allKeys = false
    private(set) var allChannels = false
    /// Whether what is restored is looked through, where it was said. Nothing is ever restored here; it is shown as given.
    private(set) var sanitizes: Bool?
    /// What was said of commands and changed something, in order: `+@all`, `-get`, `+config|get`.
    private(set) var rules = ["-@all"]
    private var allowed = [Bool](repeating: false, count: CommandTable.shared.commands.count + 1)
    private var allowsUnknown = false

    /// A user that may do nothing.
    init(_ name: String) { self.name = name }

    /// The user everybody is before logging in, as Redis has it: may do everything, without a password.
    static func makeDefault() -> User {
        let user = User("default")
        for rule in ["on", "nopass", "~*", "&*", "+@all"] { _ = user.apply(Array(rule.utf8)) }
        return user
    }

    /// A copy that rules can be tried on.
    func copy() -> User {
        let copy = User(name)
        copy.take(self)
        return copy
    }

    /// Takes everything but the name from another user.
    func take(_ other: User) {
        isOn = other.isOn
        needsNoPassword = other.needsNoPassword
        passwords = other.passwords
        keys = other.keys
        channels = other.channels
        allKeys = other.allKeys
        allChannels = other.allChannels
        sanitizes = other.sanitizes
        rules = other.rules
        allowed = other.allowed
        allowsUnknown = other.allowsUnknown
        mayDoEverything = other.mayDoEverything
    }

    /// Whether nothing needs to be looked up.
    private(set) var mayDoEverything = false

    /// Whether nobody needs to say a password.
    var isOpen: Bool { isOn && needsNoPassword }

    /// Sets the only password; an empty one takes it away.
    func setPassword(_ password: String) {
        let rules = password.isEmpty ? ["nopass"] : ["resetpass", ">" + password]
        for rule in rules { _ = apply(Array(rule.utf8)) }
    }

    /// Whether a password opens the user.
    func opens(_ password: [UInt8]) -> Bool {
        guard isOn else { return false }
        if needsNoPassword { return true }
        let digest = Array(PasswordDigest.hexadecimal(password).utf8)
        // All are compared whole, so that the time tells nothing.
        return passwords.reduce(false) { found, kept in
            let difference = zip(kept.utf8, digest).reduce(UInt8(0)) { $0 | $1.0 ^ $1.1 }
            return difference == 0 || found
        }
    }

    /// Why a command may not be called with these arguments; nil where it may.
    func denial(_ command: Command, _ arguments: Arguments) -> Denial? {
        if !allowed[command.number], !command.flags.contains(.needsNoUser) { return .command(command.name) }
        if allKeys { return nil }
        for (place, spec) in command.keyPlaces(arguments.count) {
            let key = arguments[place].array
            if !mayUse(key, reads: spec.reads(arguments), writes: spec.writes) { return .key(arguments[place].text) }
        }
        return nil
    }

    private func mayUse(_ key: [UInt8], reads: Bool, writes: Bool) -> Bool {
        keys.contains { pattern in
            (!reads || pattern.reads) && (!writes || pattern.writes) && Glob.matches(pattern.pattern, key)
        }
    }

    func mayCall(_ command: Command) -> Bool { allowed[command.number] }

    // MARK: Rules

    /// Applies one rule of ACL SETUSER; returns what is wrong with it.
    func apply(_ rule: [UInt8]) -> String? {
        defer { mayDoEverything = allowsUnknown && allKeys && !allowed.dropFirst().contains(false) }
        let text = String(decoding: rule, as: UTF8.self)
        // An empty rule changes nothing, as in Redis.
        if rule.isEmpty { return nil }
        switch text.lowercased() {
        case "on": isOn = true
        case "off": isOn = false
        case "nopass":
            needsNoPassword = true
            passwords = []
        case "resetpass":
            needsNoPassword = false
            passwords = []
        case "allkeys", "~*":
            allKeys = true
            keys = []
        case "resetkeys":
            allKeys = false
            keys = []
        case "allchannels", "&*":
            allChannels = true
            channels = []
        case "resetchannels":
            allChannels = false
            channels = []
        case "allcommands", "+@all": allowAll(true)
        case "nocommands", "-@all": allowAll(false)
        case "sanitize-payload": sanitizes = true
        case "skip-sanitize-payload": sanitizes = false
        case "clearselectors": break
        case "reset":
            take(User(name))
            sanitizes = true
        default: return applyMarked(rule, text)
        }
        return nil
    }

    private func applyMarked(_ rule: [UInt8], _ text: String) -> String? {
        let rest = Array(rule.dropFirst())
        switch rule.first {
        case UInt8(ascii: ">"): add(password: PasswordDigest.hexadecimal(rest))
        case UInt8(ascii: "#"):
            let digest = String(decoding: rest, as: UTF8.self)
            guard Self.isDigest(digest) else { return Self.badDigest }
            add(password: digest)
        case UInt8(ascii: "<"): return remove(password: PasswordDigest.hexadecimal(rest))
        case UInt8(ascii: "!"):
            let digest = String(decoding: rest, as: UTF8.self)
            return Self.isDigest(digest) ? remove(password: digest) : Self.badDigest
        case UInt8(ascii: "~"): return add(key: rest, reads: true, writes: true)
        case UInt8(ascii: "%"): return addMarkedKey(rest)
        case UInt8(ascii: "&"):
            if allChannels {
                return
                    "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any "
                    + "effect. Try 'resetchannels' to start with an empty list of channels"
            }
            if !Self.isName(rest[...]) { return "Syntax error" }
            if !channels.contains(rest) { channels.append(rest) }
        case UInt8(ascii: "+"), UInt8(ascii: "-"): return applyCommand(String(decoding: rest, as: UTF8.self), rule[0])
        case UInt8(ascii: "("): return "Godwit has no selectors"
        default: return "Syntax error"
        }
        return nil
    }

    private static let badDigest =
        "The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters"

    private static func isDigest(_ text: String) -> Bool {
        text.utf8.count == 64 && text.allSatisfy { $0.isNumber || ("a"..."f").contains($0) }
    }

    private func add(password digest: String) {
        if !passwords.contains(digest) { passwords.append(digest) }
        needsNoPassword = false
    }

    private func remove(password digest: String) -> String? {
        guard let index = passwords.firstIndex(of: digest) else {
            return "The password you are trying to remove from the user does not exist"
        }
        passwords.remove(at: index)
        return nil
    }

    private func addMarkedKey(_ rest: [UInt8]) -> String? {
        if allKeys { return Self.noEffect }
        guard let tilde = rest.firstIndex(of: UInt8(ascii: "~")), tilde > 0 else { return "Syntax error" }
        var (reads, writes) = (false, false)
        for flag in rest[..<tilde] {
            switch ByteSlice.upper(flag) {
            case UInt8(ascii: "R"): reads = true
            case UInt8(ascii: "W"): writes = true
            default: return "Syntax error"
            }
        }
        return add(key: Array(rest[(tilde + 1)...]), reads: reads, writes: writes)
    }

    private static let noEffect =
        "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any effect. "
        + "Try 'resetkeys' to start with an empty list of patterns"

    private func add(key pattern: [UInt8], reads: Bool, writes: Bool) -> String? {
        if allKeys { return Self.noEffect }
        if !Self.isName(pattern[...]) { return "Syntax error" }
        if let index = keys.firstIndex(where: { $0.pattern == pattern }) {
            keys[index].reads = keys[index].reads || reads
            keys[index].writes = keys[index].writes || writes
        } else {
            keys.append(KeyPattern(pattern: pattern, reads: reads, writes: writes))
        }
        return nil
    }

    private func allowAll(_ isAllowed: Bool) {
        allowed = [Bool](repeating: isAllowed, count: allowed.count)
        allowsUnknown = isAllowed
        rules = [isAllowed ? "+@all" : "-@all"]
    }

    private func applyCommand(_ text: String, _ sign: UInt8) -> String? {
        let name = text.lowercased()
        let isAllowed = sign == UInt8(ascii: "+")
        let table = CommandTable.shared
        let before = allowed
        if name.hasPrefix("@") {
            let category = Command.Categories(words: [name])
            if category.isEmpty { return Self.unknownName }
            for command in table.commands where !command.categories.isDisjoint(with: category) {
                allowed[command.number] = isAllowed
            }
        } else {
            if let problem = Self.problem(ofCommand: name, isAllowed: isAllowed) { return problem }
            // A command of Redis that Godwit does not have cannot be called anyway.
            guard let command = table.named(name) else { return nil }
            allowed[command.number] = isAllowed
            for subcommand in table.subcommands(of: command) { allowed[subcommand.number] = isAllowed }
        }
        if !isAllowed { allowsUnknown = false }
        if allowed == before { return nil }
        rules.removeAll { $0.dropFirst() == name || $0.dropFirst().hasPrefix(name + "|") }
        rules.append((isAllowed ? "+" : "-") + name)
        return nil
    }

    /// What is wrong with a rule that names neither a command nor a category.
    static let unknownName = "Unknown command or category name in ACL"

    /// What is wrong with a command in a rule, in the order in which Redis looks.
    private static func problem(ofCommand name: String, isAllowed: Bool) -> String? {
        func isKnown(_ name: String) -> Bool {
            RedisNames.all.contains(name) || CommandTable.shared.named(name) != nil
        }
        // Only what is allowed can be less than a command.
        guard isAllowed, let bar = name.lastIndex(of: "|") else { return isKnown(name) ? nil : unknownName }
        let container = String(name[..<bar])
        guard isKnown(container) else { return unknownName }
        if container.contains("|") { return "Allowing first-arg of a subcommand is not supported" }
        if name.hasSuffix("|") { return "Syntax error" }
        if RedisNames.isContainer(container) { return isKnown(name) ? nil : unknownName }
        return CommandTable.shared.named(container) == nil ? nil : "Godwit has no rules on first arguments of commands"
    }

    // MARK: Shown

    /// Whether bytes may be a name or a pattern: without white space, which stands between the words of a rule.
    static func isName(_ bytes: ArraySlice<UInt8>) -> Bool {
        !bytes.contains { InlineWords.isSpace($0) || $0 == 0 }
    }

    var keyRules: [[UInt8]] { allKeys ? [Array("~*".utf8)] : keys.map(\.rule) }

    var channelRules: [[UInt8]] {
        allChannels ? [Array("&*".utf8)] : channels.map { [UInt8(ascii: "&")] + $0 }
    }

    var commandText: String { rules.joined(separator: " ") }

    var flags: [String] {
        var flags = [isOn ? "on" : "off"]
        if needsNoPassword { flags.append("nopass") }
        if let sanitizes { flags.append(sanitizes ? "sanitize-payload" : "skip-sanitize-payload") }
        return flags
    }

    /// The user as ACL LIST and the ACL file show it. A pattern need not be text.
    var line: [UInt8] {
        var words = (["user", name] + flags + passwords.map { "#" + $0 }).map { Array($0.utf8) }
        words += keyRules
        if !allChannels { words.append(Array("resetchannels".utf8)) }
        words += channelRules
        words.append(Array(commandText.utf8))
        return Array(words.joined(separator: [32]))
    }
}
