internal import GodwitEngine
internal import GodwitNode
internal import NIOCore

/// Carries out commands, one after another, on the one event loop that owns all connections: so each is atomic. What the
/// commands of a turn of the loop write goes into one batch and one overlay, through which later commands see it; the
/// batch is committed once at the end of the turn, and only then do replies that depend on it leave.
///
/// Nothing here waits. What needs the disk is fetched by a pool while the connection pauses; a commit that would have to
/// wait is handed over, and until it is done other connections read on and write no more.
final class Executor: @unchecked Sendable {
    /// What became of a command.
    enum Outcome {
        /// Its reply is there.
        case done
        /// It runs again once what it needs is there.
        case waits
    }

    let node: Node
    let loop: any EventLoop
    let settings: RedisSettings
    let pool: FetchPool
    let access: Access
    var limits = RequestDecoder.Limits()
    var limitsOfOutput = OutputLimits()
    var configuration: Configuration
    let statistics: Statistics
    let cursors = CursorTable()

    /// What every command looks at.
    private struct Hot {
        var engine: Engine?
        var isPrimary = false
        var databases = ContiguousArray<Database?>(repeating: nil, count: Database.count)
        var isCommitting = false
        var favoured: Client?
        var wanted: [Need] = []
        var moment: Snapshot?
    }

    private let hot = LoopOwned(Hot())
    /// The engine of this turn; nil while the node has none.
    var engine: Engine? {
        @inline(__always) get { hot.value.engine }
        set { hot.value.engine = newValue }
    }
    /// Whether the node takes writes, as of this turn.
    var isPrimary: Bool {
        @inline(__always) get { hot.value.isPrimary }
        set { hot.value.isPrimary = newValue }
    }
    var databases: ContiguousArray<Database?> {
        @inline(__always) _read { yield hot.value.databases }
        _modify { yield &hot.value.databases }
    }
    var wanted: [Need] {
        @inline(__always) _read { yield hot.value.wanted }
        @inline(__always) _modify { yield &hot.value.wanted }
    }
    /// What the present command reads at; nil for the newest.
    var moment: Snapshot? {
        @inline(__always) get { hot.value.moment }
        @inline(__always) set { hot.value.moment = newValue }
    }
    /// Whether a commit is under way that was handed over.
    var isCommitting: Bool {
        @inline(__always) get { hot.value.isCommitting }
        set { hot.value.isCommitting = newValue }
    }
    /// Who must not be overtaken by writes, because it was too often.
    var favoured: Client? {
        @inline(__always) get { hot.value.favoured }
        set { hot.value.favoured = newValue }
    }
    var turnNumber: UInt64 = 1
    /// The turn in which a database was looked for that was not there.
    var lookedFor = [UInt64](repeating: 0, count: Database.count)
    var maximumClients: Int
    /// Where it listens, once it does.
    var port = 0
    let largeKeys = LargeKeys()
    private(set) lazy var sweep = Sweep(self)
    /// Whether a commit is under way, so that writes wait.
    var isBusy: Bool { isCommitting || favoured != nil }

    var batch: WriteBatch?
    /// What the present connection's next requests will read.
    let foreseen = Foreseen()
    let overlay = Overlay()
    /// Whose replies wait for the commit of this turn.
    var turn: [ClientHandler] = []
    /// Whose replies wait for its end only; and the memory of those that were sent last.
    var answered: [ClientHandler] = []
    var sending: [ClientHandler] = []
    /// Whose requests are being looked at.
    var running: ClientHandler?
    var hasTask = false
    /// Whether the commands of a transaction are being carried out.
    var isInTransaction = false
    /// Whether the present command had the whole batch given up.
    var isGivenUp = false
    /// Databases that the present command has emptied.
    var emptied: Set<Int> = []
    var blocked: [Client] = []
    /// Commits that wait for their sync before they are answered.
    var syncs = 0
    /// Whether no more requests are looked at.
    var isEnding = false
    /// Questions to the node that are not answered yet, and those of them that wait for other nodes.
    var questions = 0
    var waits = 0
    /// Bytes of replies that wait for their sockets: all large ones, and what waits for clients that are held back.
    var unsent = 0
    let pause = ClientPause()
    var versions = WriteVersions()
    var fetches = 0
    let watchers = Watchers()
    var clients: [Int: Client] = [:]
    var nextClient = 0
    lazy var call = Call(self, Client(id: 0, replyLimit: 0), CommandTable.unknown)

    init(_ node: Node, loop: any EventLoop, settings: RedisSettings, access: Access) {
        self.node = node
        self.loop = loop
        self.settings = settings
        self.access = access
        configuration = Configuration(settings)
        maximumClients = settings.maximumClients
        limitsOfOutput.patience = .nanoseconds(Int64(settings.slowReaderPatience / .nanoseconds(1)))
        statistics = Statistics(coldReads: Admission(target: settings.coldReadTarget))
        pool = FetchPool(admission: statistics.coldReads, limit: settings.maximumReply + Value.maximumString)
        limitsOfOutput.reply = settings.maximumReply
        limitsOfOutput.total = settings.maximumOutput
        limits.bulk = settings.maximumBulk
        limits.request = settings.maximumRequest
    }

    /// Notes where it listens, and looks at the node for the first time.
    func start(port: Int) {
        self.port = port
        takeNote()
        sweep.start()
    }
}
