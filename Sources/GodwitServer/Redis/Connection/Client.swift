internal import GodwitEngine
internal import NIOCore

/// What is known of one connection beyond its bytes: who it is, which database it uses, what it has queued and watches.
/// Used on the event loop only.
final class Client: @unchecked Sendable {
    let id: Int
    let reply: Reply
    let arguments = Arguments()
    /// The end of the connection; nil once it is closed.
    var handler: ClientHandler?
    /// Whether it has something fetched for the command that waits, or is having it fetched.
    var isFetching = false
    /// When the command that waits first ran, in nanoseconds; nil where it has no part in the wait.
    var began: UInt64?
    /// Whether the command that waits does so for other nodes.
    var waitsForOthers = false
    /// What the node is asked for the command that waits.
    var question: Task<Void, Never>?
    /// Whether what it has written waits for its commit or sync.
    var isWaitingForCommit: Bool { handler?.pause == .commit }

    /// What every command looks at.
    private struct Hot {
        var database = 0
        var user: User?
        var lastCommand: Command?
        var replies = Replies.on
        var transaction: Transaction?
        var lastWrite: Position?
        var replyStart = 0
        var fetched: Fetched?
        var moment: Snapshot?
        var attempts = 0
    }

    private let hot = LoopOwned(Hot())

    var database: Int {
        @inline(__always) get { hot.value.database }
        @inline(__always) set { hot.value.database = newValue }
    }
    /// Who has logged in; nil while nobody has.
    var user: User? {
        @inline(__always) get { hot.value.user }
        @inline(__always) set { hot.value.user = newValue }
    }
    var lastCommand: Command? {
        @inline(__always) get { hot.value.lastCommand }
        @inline(__always) set { hot.value.lastCommand = newValue }
    }
    var replies: Replies {
        @inline(__always) get { hot.value.replies }
        @inline(__always) set { hot.value.replies = newValue }
    }
    /// The commands of a transaction that was begun.
    var transaction: Transaction? {
        @inline(__always) get { hot.value.transaction }
        @inline(__always) set { hot.value.transaction = newValue }
    }
    /// Where the client's last write stands.
    var lastWrite: Position? {
        @inline(__always) get { hot.value.lastWrite }
        @inline(__always) set { hot.value.lastWrite = newValue }
    }
    /// Where the reply of the present command begins.
    var replyStart: Int {
        @inline(__always) get { hot.value.replyStart }
        @inline(__always) set { hot.value.replyStart = newValue }
    }
    /// What was fetched for the command that waits.
    var fetched: Fetched? {
        @inline(__always) get { hot.value.fetched }
        @inline(__always) set { hot.value.fetched = newValue }
    }
    /// What the command that waits reads at; nil for the newest.
    var moment: Snapshot? {
        @inline(__always) get { hot.value.moment }
        @inline(__always) set { hot.value.moment = newValue }
    }
    /// How often the command that waits has run.
    var attempts: Int {
        @inline(__always) get { hot.value.attempts }
        @inline(__always) set { hot.value.attempts = newValue }
    }

    /// What commands within a transaction may change of the client.
    struct Identity {
        let database: Int
        let user: User?
        let replies: Replies
        let version: Int
        let name: [UInt8]
    }

    var identity: Identity {
        get { Identity(database: database, user: user, replies: replies, version: reply.version, name: name) }
        set {
            (database, user, replies, name) = (newValue.database, newValue.user, newValue.replies, newValue.name)
            reply.version = newValue.version
        }
    }

    var name: [UInt8] = []
    var address = ""
    var localAddress = ""
    let createdAt = NIODeadline.now()
    var lastUsedAt = NIODeadline.now()
    var isProtectedFromEviction = false

    /// What is watched, by key.
    var watched: [Watch] = []
    /// Whether something watched was changed.
    var isTouched = false

    /// What the command that runs, or waits, has drawn by chance.
    var draws: Draws?
    /// Keys of requests behind the present one that memory cannot tell of.
    var ahead: [[UInt8]] = []

    /// Whether replies are sent.
    enum Replies {
        case on, off
        /// The next command's is left out.
        case skipNext
        /// The present one's is left out.
        case skip
    }

    /// A key that is watched.
    struct Watch {
        let key: WatchKey
        /// When it would expire; 0 for never.
        let deadline: UInt64
        let existed: Bool
        /// Where the history stood when it began, where others than this listener write.
        let since: Position?
    }

    init(id: Int, replyLimit: Int) {
        self.id = id
        reply = Reply(limit: replyLimit)
    }

    /// How CLIENT LIST and CLIENT INFO show it.
    func line(_ now: NIODeadline) -> String {
        let command = lastCommand?.name ?? "NULL"
        let queued = transaction.map { "\($0.count)" } ?? "-1"
        let buffered = handler?.bufferedBytes ?? 0
        let queuedBytes = transaction?.byteCount ?? 0
        let unsent = handler?.waiting ?? 0
        var flags = ""
        if transaction != nil { flags += "x" }
        if isTouched { flags += "d" }
        if isProtectedFromEviction { flags += "e" }
        if flags.isEmpty { flags = "N" }
        return "id=\(id) addr=\(address) laddr=\(localAddress) fd=\(handler?.descriptor ?? -1) "
            + "name=\(String(decoding: name, as: UTF8.self)) age=\((now - createdAt).nanoseconds / 1_000_000_000) "
            + "idle=\((now - lastUsedAt).nanoseconds / 1_000_000_000) flags=\(flags) db=\(database) sub=0 psub=0 ssub=0 "
            + "multi=\(queued) qbuf=\(buffered) qbuf-free=0 argv-mem=0 multi-mem=\(queuedBytes) rbs=1024 "
            + "rbp=0 obl=\(reply.bytes.count) oll=0 omem=\(unsent) "
            + "tot-mem=\(buffered + queuedBytes + unsent + reply.bytes.count + 2048) events=r "
            + "cmd=\(command) user=\(user?.name ?? "default") redir=-1 resp=\(reply.version)"
    }
}

/// A key of a database, as watchers name it.
struct WatchKey: Hashable {
    let database: Int
    let key: [UInt8]
}

/// The commands of a transaction, queued with their arguments.
final class Transaction {
    private let bytes = ByteBox()
    private var commands: [(command: Command, first: Int, count: Int)] = []
    private var places: [(start: Int, length: Int)] = []
    /// Whether a command was refused while queueing, so that EXEC will be too.
    var isFlawed = false
    private var outcomes: [Int: Outcome] = [:]
    /// The furthest command that had to wait, and when it first began.
    private var waiting: (number: Int, began: UInt64)?

    /// What a command that is not of data has said and changed. Nothing takes that back, so it is not carried out again when
    /// a command behind it must wait and all run again.
    struct Outcome {
        let reply: [UInt8]
        let identity: Client.Identity
    }

    /// What became of a command that was carried out for good.
    subscript(number: Int) -> Outcome? {
        get { outcomes[number] }
        set { outcomes[number] = newValue }
    }

    /// A command must wait, and all run again from the start.
    func wait(_ number: Int, _ clock: UInt64) {
        if number > waiting?.number ?? -1 { waiting = (number, clock) }
    }

    /// When a command that runs now began; nil for one that has come to its end before another had to wait.
    func start(of number: Int, now: UInt64) -> UInt64? {
        guard let waiting, number <= waiting.number else { return now }
        return number == waiting.number ? waiting.began : nil
    }

    var count: Int { commands.count }

    /// Bytes of memory that what is queued takes.
    var byteCount: Int { bytes.count + 16 * places.count + 32 * commands.count }

    /// Whether a command may be queued too.
    func hasRoom(for arguments: Arguments, within limit: Int) -> Bool {
        byteCount + arguments.byteCount + 16 * arguments.count + 32 <= limit
    }

    /// Whether any of them writes.
    var writes: Bool { commands.contains { $0.command.flags.contains(.write) } }

    /// Queues a command. What will not be carried out need not be kept.
    func append(_ command: Command, _ arguments: Arguments) {
        if isFlawed { return }
        commands.append((command, places.count, arguments.count))
        for index in 0..<arguments.count {
            places.append((bytes.count, arguments[index].count))
            bytes.append(arguments[index])
        }
    }

    /// A queued command; its arguments are put into `arguments`.
    func load(_ number: Int, into arguments: Arguments) -> Command {
        let queued = commands[number]
        arguments.removeAll()
        for place in places[queued.first..<queued.first + queued.count] {
            arguments.append(start: place.start, length: place.length)
        }
        arguments.attach(bytes.slice)
        return queued.command
    }
}
