internal import NIOConcurrencyHelpers

/// The commands there are, found by name in any case of letters.
struct CommandTable: Sendable {
    /// All commands, containers before their subcommands.
    let commands: [Command]
    private let slots: [Command?]
    private let subcommands: [String: [Command]]

    static let shared: CommandTable = CommandTable(rows)

    /// Stands for no command.
    static let unknown = Command(
        "unknown", number: 0, arity: -1, flags: "", categories: "", keys: [], tips: "", summary: "", since: "",
        group: "",
        run: { _ in })

    private init(_ commands: [Command]) {
        self.commands = commands
        var slots = [Command?](repeating: nil, count: 512)
        for command in commands where !command.name.contains("|") {
            var slot = Array(command.name.utf8).withSlice { Self.slot($0) }
            while slots[slot] != nil { slot = (slot + 1) & 511 }
            slots[slot] = command
        }
        self.slots = slots
        subcommands = Dictionary(grouping: commands.filter { $0.name.contains("|") }, by: \.container)
    }

    @inline(__always)
    private static func slot(_ name: ByteSlice) -> Int {
        var hash = UInt64(name.count)
        for index in 0..<name.count { hash = (hash ^ UInt64(ByteSlice.upper(name[index]))) &* 0x9E37_79B9_7F4A_7C15 }
        return Int(truncatingIfNeeded: hash >> 55)
    }

    /// The command or container of a name.
    @inline(__always)
    func find(_ name: ByteSlice) -> Command? {
        guard name.count <= 32 else { return nil }
        var slot = Self.slot(name)
        while let command = slots[slot] {
            if Self.isSame(command.name, name) { return command }
            slot = (slot + 1) & 511
        }
        return nil
    }

    @inline(__always)
    private static func isSame(_ text: String, _ name: ByteSlice) -> Bool {
        let bytes = text.utf8
        guard bytes.count == name.count else { return false }
        var index = 0
        for byte in bytes {
            if ByteSlice.upper(byte) != ByteSlice.upper(name[index]) { return false }
            index &+= 1
        }
        return true
    }

    /// The subcommands of a container, none for other commands.
    func subcommands(of command: Command) -> [Command] { subcommands[command.name] ?? [] }

    /// A subcommand by its name.
    func subcommand(_ name: ByteSlice, of command: Command) -> Command? {
        subcommands[command.name]?.first {
            Self.isSame(String($0.name.dropFirst(command.name.utf8.count + 1)), name)
        }
    }

    /// A command by its full name, such as `get` or `config|get`.
    func named(_ name: String) -> Command? { commands.first { $0.name == name.lowercased() } }

    // MARK: Filling

    private static let rows: [Command] = {
        addAll()
        return collected.withLockedValue { $0 }
    }()

    private static let collected = NIOLockedValueBox<[Command]>([])

    /// Adds a row.
    static func add(
        _ name: String, _ arity: Int, _ flags: String, _ categories: String, keys: [Command.KeySpec] = [],
        tips: String = "", _ summary: String, since: String, group: String, _ run: @escaping Command.Body
    ) {
        collected.withLockedValue { rows in
            rows.append(
                Command(
                    name, number: rows.count + 1, arity: arity, flags: flags, categories: categories, keys: keys,
                    tips: tips, summary: summary, since: since, group: group, run: run))
        }
    }
}
