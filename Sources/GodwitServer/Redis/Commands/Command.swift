/// One row of the command table.
final class Command: Sendable {
    /// Carries a call out; throws before anything was written.
    typealias Body = @Sendable (Call) throws(Interrupt) -> Void

    /// Lower case; `container|name` for a subcommand.
    let name: String
    /// How many arguments, the name counted; negative for at least so many.
    let arity: Int
    let flags: Flags
    /// The flags in Redis' words.
    let flagWords: [String]
    /// ACL categories with `@`.
    let categoryWords: [String]
    let categories: Categories
    let keys: [KeySpec]
    let tips: [String]
    let summary: String
    let since: String
    let group: String
    /// Its place in the table: what ACL bits and counters are kept by.
    let number: Int
    let run: Body

    init(
        _ name: String, number: Int, arity: Int, flags: String, categories: String, keys: [KeySpec], tips: String,
        summary: String, since: String, group: String, run: @escaping Body
    ) {
        self.name = name
        self.number = number
        self.arity = arity
        flagWords = Self.words(flags)
        categoryWords = Self.words(categories)
        self.categories = Categories(words: categoryWords)
        var flags = Flags(words: flagWords, name: name)
        if let spec = keys.first, spec.first == 1, !spec.isVariable, !spec.flags.contains("OW") {
            flags.insert(.readsFirstKey)
        }
        self.flags = flags
        self.keys = keys
        self.tips = Self.words(tips)
        self.summary = summary
        self.since = since
        self.group = group
        self.run = run
    }

    private static func words(_ text: String) -> [String] { text.split(separator: " ").map(String.init) }

    /// The name of the container, or the command's own.
    var container: String { String(name.prefix { $0 != "|" }) }

    /// What decides how a command is carried out.
    struct Flags: OptionSet, Sendable {
        let rawValue: UInt16
        static let write = Flags(rawValue: 1)
        static let readonly = Flags(rawValue: 2)
        /// Before anybody has logged in.
        static let needsNoUser = Flags(rawValue: 4)
        /// Carried out at once within a transaction, not queued.
        static let runsInTransaction = Flags(rawValue: 8)
        /// Not within a transaction.
        static let notInTransaction = Flags(rawValue: 16)
        /// Not shown by SLOWLOG.
        static let skipsSlowlog = Flags(rawValue: 32)
        static let transaction = Flags(rawValue: 64)
        /// Also while the node has no data to serve.
        static let runsWhileLoading = Flags(rawValue: 128)
        /// Looks at what its first argument names.
        static let readsFirstKey = Flags(rawValue: 256)
        /// Watches keys: not while a commit is under way, whose writes cannot be seen yet.
        static let watches = Flags(rawValue: 512)
        /// May have passwords among its arguments: nobody is shown those (`Secrets`).
        static let hidesArguments = Flags(rawValue: 1024)

        init(rawValue: UInt16) { self.rawValue = rawValue }

        init(words: [String], name: String) {
            var flags: Flags = []
            if words.contains("write") { flags.insert(.write) }
            if words.contains("readonly") { flags.insert(.readonly) }
            if words.contains("no_auth") { flags.insert(.needsNoUser) }
            if words.contains("loading") { flags.insert(.runsWhileLoading) }
            if words.contains("no_multi") { flags.insert(.notInTransaction) }
            if words.contains("skip_slowlog") { flags.insert(.skipsSlowlog) }
            if ["exec", "discard", "multi", "watch", "quit", "reset"].contains(name) {
                flags.insert(.runsInTransaction)
            }
            if name == "exec" { flags.insert(.transaction) }
            if name == "watch" { flags.insert(.watches) }
            if ["auth", "hello", "acl|setuser", "config|set"].contains(name) { flags.insert(.hidesArguments) }
            self = flags
        }

        /// Whether the reply may tell of data.
        var isData: Bool { !isDisjoint(with: [.write, .readonly, .transaction]) }
    }

    /// ACL categories, by their places in Redis' list.
    struct Categories: OptionSet, Sendable {
        let rawValue: UInt32
        static let names = [
            "keyspace", "read", "write", "set", "sortedset", "list", "hash", "string", "bitmap", "hyperloglog", "geo",
            "stream", "pubsub", "admin", "fast", "slow", "blocking", "dangerous", "connection", "transaction",
            "scripting",
        ]

        init(rawValue: UInt32) { self.rawValue = rawValue }

        init(words: [String]) {
            self.init(
                rawValue: words.reduce(0) { bits, word in
                    Self.names.firstIndex(of: String(word.dropFirst())).map { bits | 1 << UInt32($0) } ?? bits
                })
        }
    }

    /// Where keys stand among the arguments, and what is done with them.
    struct KeySpec: Sendable {
        let first: Int
        /// The last, counted from the first; negative from the end.
        let last: Int
        let step: Int
        let flags: [String]
        let reads: Bool
        let writes: Bool
        /// Whether GET among the arguments (of SET) makes it read too.
        let isVariable: Bool
        /// What COMMAND says of it beside.
        let notes: String?

        init(_ first: Int, _ last: Int, _ step: Int, _ flags: String, notes: String? = nil) {
            self.first = first
            self.last = last
            self.step = step
            self.notes = notes
            self.flags = Command.words(flags)
            // As Redis asks of ACL keys: access needs reading, all that changes needs writing.
            isVariable = self.flags.contains("variable_flags")
            reads = self.flags.contains("access") && !isVariable
            writes = !Set(self.flags).isDisjoint(with: ["insert", "delete", "update"])
        }

        /// What is done with the key in this call, in Redis' words.
        func flags(of arguments: Arguments, from start: Int = 0) -> [String] {
            guard isVariable else { return flags }
            return reads(arguments, from: start) ? ["RW", "access", "update"] : ["OW", "update"]
        }

        /// Whether the call reads the key.
        func reads(_ arguments: Arguments, from start: Int = 0) -> Bool {
            if !isVariable { return reads }
            return stride(from: start + 3, to: arguments.count, by: 1).contains { arguments[$0].isWord("GET") }
        }

        /// The places of keys among so many arguments.
        func places(_ count: Int) -> StrideTo<Int> {
            let end = last >= 0 ? first + last : count + last
            return stride(from: first, to: min(end, count - 1) + 1, by: step)
        }
    }

    /// What COMMAND shows of the first specification: first key, last key, step.
    var keyRange: (first: Int, last: Int, step: Int) {
        guard let spec = keys.first else { return (0, 0, 0) }
        guard keys.count == 1 else {
            return (spec.first, keys.map { $0.first + max(0, $0.last) }.max() ?? spec.first, 1)
        }
        return (spec.first, spec.last >= 0 ? spec.first + spec.last : spec.last, spec.step)
    }

    /// The places of all keys among so many arguments, in order.
    func keyPlaces(_ count: Int) -> [(place: Int, spec: KeySpec)] {
        keys.flatMap { spec in spec.places(count).map { ($0, spec) } }
    }
}
