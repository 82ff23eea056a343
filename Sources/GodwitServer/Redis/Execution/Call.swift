internal import GodwitEngine

/// One call of a command: its arguments, its client, its reply, and the data as the command sees and changes it. One
/// object serves all calls.
///
/// A command reads first and writes after: reading may throw `.waits`, and then the command runs again from the start.
final class Call {
    unowned let executor: Executor
    private struct Hot {
        var client: Client
        var arguments: Arguments
        var command: Command
        var moment: UInt64 = 0
    }

    private let hot: LoopOwned<Hot>
    /// Where values are read into.
    let first = ByteBox()
    let second = ByteBox()
    /// Where values are put together.
    let build = ByteBox()

    init(_ executor: Executor, _ client: Client, _ command: Command) {
        self.executor = executor
        hot = LoopOwned(Hot(client: client, arguments: client.arguments, command: command))
    }

    /// Whose call it is.
    @inline(__always)
    var client: Client { hot.value.client }

    @inline(__always)
    var arguments: Arguments { hot.value.arguments }

    /// The command, for its name in errors.
    @inline(__always)
    var command: Command { hot.value.command }

    /// The moment of the call, 0 until somebody asks.
    @inline(__always)
    private var moment: UInt64 { hot.value.moment }

    /// Begins another call.
    @inline(__always)
    func begin(_ client: Client, _ command: Command, _ arguments: Arguments) {
        hot.value = Hot(client: client, arguments: arguments, command: command)
    }

    /// Gives back memory that unusually large values took.
    func trim() {
        first.clear(keeping: 64 << 10)
        second.clear(keeping: 64 << 10)
        build.clear(keeping: 64 << 10)
    }

    // MARK: Arguments

    @inline(__always)
    var reply: Reply { client.reply }

    @inline(__always)
    var count: Int { arguments.count }

    @inline(__always)
    subscript(index: Int) -> ByteSlice { arguments[index] }

    /// An argument as a number.
    func integer(_ index: Int) throws(Interrupt) -> Int {
        guard let value = Decimal.parse(arguments[index]) else { throw .notInteger }
        return value
    }

    /// The moment by which expiry is judged, milliseconds since 1970: one for the whole call.
    var now: UInt64 {
        if hot.value.moment == 0 { hot.value.moment = executor.now }
        return hot.value.moment
    }

    /// The error for a wrong number of arguments.
    var wrongArity: Interrupt { .failed("ERR wrong number of arguments for '\(command.name)' command") }

    /// The error for a wrong number of arguments of a subcommand that takes some or none.
    var wrongSubcommand: Interrupt {
        .failed(
            "ERR unknown subcommand or wrong number of arguments for '\(Dispatch.clipped(self[1], 128))'. "
                + "Try \(command.container.uppercased()) HELP.")
    }

    // MARK: Reading

    /// The client's database; nil while nothing was ever written to it.
    @inline(__always)
    var database: Database? { executor.database(client.database) }

    /// A key's value, read into `first` unless another box is named.
    @inline(__always)
    func read(_ key: ByteSlice) throws(Interrupt) -> Value? { try read(key, into: first) }

    @inline(__always)
    func read(_ key: ByteSlice, into box: ByteBox, in number: Int? = nil) throws(Interrupt) -> Value? {
        guard let database = executor.database(number ?? client.database) else { return nil }
        guard try executor.read(database.keys, key, into: box, now: moment) else { return nil }
        return try value(in: box)
    }

    /// Reads the keys at some places, and says of each what there is, in order: the kind, when it expires, and of a large
    /// hash the head. What memory cannot tell of is left out, and
    /// all of it waited for together once every key was asked for.
    @inline(__always)
    func readAll(
        _ places: some Sequence<Int>, _ body: (_ place: Int, Value?) throws(Interrupt) -> Void
    ) throws(Interrupt) {
        guard let database else {
            for place in places { try body(place, nil) }
            return
        }
        var isMissing = false
        for place in places {
            switch try executor.lookUp(database.keys, self[place], into: first, isHead: true) {
            case .found: try body(place, try value(in: first))
            case .absent: try body(place, nil)
            case .missing: isMissing = true
            }
        }
        if isMissing { throw .waits }
    }

    @inline(__always)
    private func value(in box: ByteBox) throws(Interrupt) -> Value {
        guard let value = Value(box.slice) else {
            throw .failed("ERR the stored value is not one of Godwit's Redis listener")
        }
        return value
    }

    /// A key's string; throws for another kind.
    @inline(__always)
    func string(_ key: ByteSlice) throws(Interrupt) -> Value? {
        guard let value = try read(key) else { return nil }
        if value.kind != .string { throw .wrongType }
        return value
    }

    /// What a command that replaces a key's value blindly must know: the fields to remove with it. Costs no read unless the
    /// key may be that of a large hash.
    @inline(__always)
    func replaced(_ key: ByteSlice) throws(Interrupt) -> (head: LargeHash, deadline: UInt64)? {
        guard executor.mayBeLarge(client.database, key) else { return nil }
        guard let value = try read(key, into: second), value.kind == .largeHash else { return nil }
        return (LargeHash(value.payload), value.deadline)
    }

    // MARK: Writing

    /// The client's database, to write to; made where it is not there.
    @inline(__always)
    func writable(_ number: Int? = nil) throws(Interrupt) -> Database {
        let number = number ?? client.database
        if let database = executor.database(number) { return database }
        throw executor.needs(.database(number))
    }

    /// Sets a key. `payload` appends what comes behind the header.
    @inline(__always)
    func put(
        _ key: ByteSlice, _ kind: Value.Kind, deadline: UInt64 = 0, in number: Int? = nil,
        _ payload: (ByteBox) -> Void
    ) throws(Interrupt) {
        let database = try writable(number)
        try executor.put(database.keys, key, deadline: deadline) { box in
            Value.begin(kind, deadline: deadline, into: box)
            payload(box)
        }
    }

    /// Sets a key to a string, and removes the fields of what it was.
    @inline(__always)
    func put(
        _ key: ByteSlice, string: ByteSlice, deadline: UInt64 = 0,
        over replaced: (head: LargeHash, deadline: UInt64)?
    ) throws(Interrupt) {
        try check(key: key)
        if let replaced { try removeFields(replaced.head, deadline: replaced.deadline) }
        try put(key, .string, deadline: deadline) { $0.append(string) }
    }

    /// Removes a key whose value was read.
    func delete(_ key: ByteSlice, _ value: Value, in number: Int? = nil) throws(Interrupt) {
        let database = try writable(number)
        if value.kind == .largeHash {
            try removeFields(LargeHash(value.payload), deadline: value.deadline, in: number)
        }
        try executor.delete(database.keys, key)
    }

    /// Removes the rows of a large hash, all but its head.
    func removeFields(_ head: LargeHash, deadline: UInt64, in number: Int? = nil) throws(Interrupt) {
        let database = try writable(number)
        try executor.deleteRange(database.fields, from: head.lower, to: head.upper)
        try head.indexKey(deadline: deadline).withSlice { (key) throws(Interrupt) in
            try executor.delete(database.deadlines, key)
        }
    }

    /// Throws for a key that is too long to be stored.
    @inline(__always)
    func check(key: ByteSlice) throws(Interrupt) {
        if key.count > Value.maximumKey { throw .keyTooLong }
    }

    /// Throws for a string that is too long to be stored.
    @inline(__always)
    func check(length: Int) throws(Interrupt) {
        if length > Value.maximumString { throw .tooLong }
    }
}
