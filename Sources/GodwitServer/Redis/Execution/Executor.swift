internal import GodwitEngine
internal import GodwitNode
internal import GodwitReplication
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
    }

    private let hot = LoopOwned(Hot())
    /// The engine of this turn; nil while the node has none.
    private(set) var engine: Engine? {
        @inline(__always) get { hot.value.engine }
        set { hot.value.engine = newValue }
    }
    /// Whether the node takes writes, as of this turn.
    private(set) var isPrimary: Bool {
        @inline(__always) get { hot.value.isPrimary }
        set { hot.value.isPrimary = newValue }
    }
    private var databases: ContiguousArray<Database?> {
        @inline(__always) _read { yield hot.value.databases }
        _modify { yield &hot.value.databases }
    }
    private var wanted: [Need] {
        @inline(__always) _read { yield hot.value.wanted }
        @inline(__always) _modify { yield &hot.value.wanted }
    }
    /// Whether a commit is under way that was handed over.
    private var isCommitting: Bool {
        @inline(__always) get { hot.value.isCommitting }
        set { hot.value.isCommitting = newValue }
    }
    /// Who must not be overtaken by writes, because it was too often.
    private var favoured: Client? {
        @inline(__always) get { hot.value.favoured }
        set { hot.value.favoured = newValue }
    }
    private var turnNumber: UInt64 = 1
    /// The turn in which a database was looked for that was not there.
    private var lookedFor = [UInt64](repeating: 0, count: Database.count)
    var maximumClients: Int
    /// Where it listens, once it does.
    var port = 0
    let largeKeys = LargeKeys()
    private(set) lazy var sweep = Sweep(self)
    /// Whether a commit is under way, so that writes wait.
    var isBusy: Bool { isCommitting || favoured != nil }

    private var batch: WriteBatch?
    /// What the present connection's next requests will read.
    private let foreseen = Foreseen()
    let overlay = Overlay()
    private var turn: [ClientHandler] = []
    /// Whose requests are being looked at.
    private var running: ClientHandler?
    private var hasTask = false
    /// Whether the commands of a transaction are being carried out.
    var isInTransaction = false
    /// Whether the present command had the whole batch given up.
    private(set) var isGivenUp = false
    private var blocked: [Client] = []
    let pause = ClientPause()
    private var versions = WriteVersions()
    private var fetches = 0
    private var watchers: [WatchKey: [ObjectIdentifier: Client]] = [:]
    private(set) var clients: [Int: Client] = [:]
    private var nextClient = 0
    private lazy var call = Call(self, Client(id: 0), CommandTable.unknown)

    init(_ node: Node, loop: any EventLoop, settings: RedisSettings, access: Access) {
        self.node = node
        self.loop = loop
        self.settings = settings
        self.access = access
        configuration = Configuration(settings)
        maximumClients = settings.maximumClients
        limitsOfOutput.patience = .nanoseconds(Int64(settings.slowReaderPatience / .nanoseconds(1)))
        statistics = Statistics(coldReads: Admission(target: settings.coldReadTarget))
        pool = FetchPool(admission: statistics.coldReads)
        limits.bulk = settings.maximumBulk
    }

    // MARK: Clients

    /// A new client.
    func makeClient() -> Client {
        nextClient += 1
        let client = Client(id: nextClient)
        client.user = access.initialUser
        return client
    }

    func add(_ client: Client, _ channel: any Channel) {
        client.address = Self.text(channel.remoteAddress)
        client.localAddress = Self.text(channel.localAddress)
        clients[client.id] = client
        statistics.connections += 1
    }

    func remove(_ client: Client) {
        unwatch(client)
        clients[client.id] = nil
        if favoured === client { release() }
    }

    private static func text(_ address: SocketAddress?) -> String {
        guard let address, let host = address.ipAddress, let port = address.port else { return "?:0" }
        return "\(HostPort(host: host, port: port))"
    }

    /// Notes where it listens, and looks at the node for the first time.
    func start(port: Int) {
        self.port = port
        let (now, writes) = node.present
        change(now, writes)
        sweep.start()
    }

    /// Lets go of all connections.
    func closeAll() { for client in clients.values { client.handler?.close() } }

    // MARK: Turns

    /// Takes note of where the node stands; called before the requests of a connection are looked at.
    func beginTurn(_ handler: ClientHandler) {
        let (now, writes) = node.present
        if now !== engine || writes != isPrimary { change(now, writes) }
        statistics.clock = NIODeadline.now().uptimeNanoseconds
        running = handler
        foreseen.clear()
        turnNumber &+= 1
    }

    private func change(_ now: Engine?, _ writes: Bool) {
        if now !== engine {
            // What an engine that is gone was to be told is gone with it.
            fail("LOADING the node's data is being replaced")
        } else if isDirty {
            // What was written under the role of before is committed or refused by the engine, not forgotten.
            commit()
        }
        // Whoever watches did so of other data, or where others wrote.
        for watching in watchers.values { for client in watching.values { client.isTouched = true } }
        engine = now
        isPrimary = writes
        databases = ContiguousArray(repeating: nil, count: Database.count)
        batch = now.flatMap { try? $0.makeBatch() }
        largeKeys.forget()
        if writes, let now { largeKeys.load(now, on: pool, loop) }
    }

    /// Called when the requests of a connection that could be were carried out.
    func endTurn(_ handler: ClientHandler) {
        running = nil
        foreseen.clear()
        if handler.isInTurn { return }
        guard isDirty else { return handler.flush() }
        handler.isInTurn = true
        turn.append(handler)
        if hasTask { return }
        hasTask = true
        loop.execute {
            self.hasTask = false
            self.commit()
        }
    }

    /// Sends what a client's requests have brought so far, though there are more of them.
    func sendNow(_ handler: ClientHandler) {
        if isDirty { commit() }
        if !handler.isInTurn { handler.flush() }
    }

    /// Whether something is written and not committed.
    @inline(__always)
    var isDirty: Bool { !overlay.isEmpty }

    /// Commits what the turn has written. Replies that depend on it leave when it is done.
    func commit() {
        var members = turn
        turn.removeAll(keepingCapacity: true)
        // The replies that the present client has so far depend on the commit too.
        if isDirty, let running, !running.isInTurn {
            running.isInTurn = true
            members.append(running)
        }
        commit(members)
    }

    private func commit(_ members: [ClientHandler]) {
        foreseen.clear()
        guard isDirty, let engine, let batch else { return settle(members, .success(nil)) }
        defer {
            batch.clear()
            overlay.clear()
        }
        do throws(EngineError) {
            if let position = try engine.tryWrite(batch) { return settle(members, .success(position)) }
            isCommitting = true
            for member in members { member.wait(.commit) }
            try engine.writeLater(batch, durability: .buffered) { result in
                self.loop.execute {
                    self.isCommitting = false
                    self.settle(members, result.map { $0 })
                    self.unblock()
                }
            }
        } catch {
            isCommitting = false
            settle(members, .failure(error))
        }
    }

    /// Lets the replies of a turn go once what they depend on is as safe as was asked.
    private func settle(_ members: [ClientHandler], _ result: Result<Position?, EngineError>) {
        switch result {
        case .success(let position):
            if let position {
                for member in members where member.client.lastWrite == Self.unknownPosition {
                    member.client.lastWrite = position
                }
                if configuration.syncsAlways, let engine { return settle(members, whenSynced: position, engine) }
            }
            for member in members { letGo(member) }
        case .failure(let error):
            let text = Failures.text(error)
            statistics.failedCommits += 1
            for member in members {
                if member.client.lastWrite == Self.unknownPosition { member.client.lastWrite = nil }
                member.refuse(text)
                letGo(member)
            }
        }
    }

    /// Holds replies back until the log is synced.
    private func settle(_ members: [ClientHandler], whenSynced position: Position, _ engine: Engine) {
        for member in members { member.wait(.commit) }
        let ticket = statistics.syncedWrites.enter()
        engine.whenSynced(position) { result in
            self.loop.execute {
                self.statistics.syncedWrites.begin(ticket)
                if case .failure(let error) = result {
                    for member in members { member.refuse(Failures.text(error)) }
                }
                for member in members { self.letGo(member) }
            }
        }
    }

    private func letGo(_ member: ClientHandler) {
        member.isInTurn = false
        if member === running { return member.forgetMarks() }
        member.flush()
        if member.pause == .commit { member.resume() }
    }

    /// Where a client's write stands before it is known.
    private static let unknownPosition = Position(epoch: Epoch(number: 0, tag: 0), sequence: .max)

    /// Everything that was not committed is refused.
    private func fail(_ text: ErrorText) {
        var members = turn
        turn.removeAll()
        if let running, !running.isInTurn { members.append(running) }
        overlay.clear()
        batch?.clear()
        for member in members {
            member.refuse(text)
            letGo(member)
        }
    }

    // MARK: Waiting for others

    /// Whether a writing command of a client must wait for its turn.
    @inline(__always)
    func mustWait(_ client: Client) -> Bool {
        isCommitting || favoured != nil && favoured !== client
    }

    /// Puts a client off until others are done.
    func block(_ client: Client) {
        client.handler?.wait(.turn)
        blocked.append(client)
    }

    func unblock() {
        if isCommitting || favoured != nil { return }
        let clients = blocked
        blocked.removeAll()
        for client in clients where client.handler?.pause == .turn { client.handler?.resume() }
    }

    private func release() {
        favoured = nil
        unblock()
    }

    // MARK: Carrying out

    /// Carries out the request that a client's arguments name.
    func execute(_ client: Client) -> Outcome {
        let arguments = client.arguments
        wanted.removeAll(keepingCapacity: true)
        client.replyStart = client.reply.bytes.count
        let started = statistics.clock
        let command: Command
        do throws(Interrupt) {
            command = try Dispatch.command(arguments)
            try Dispatch.admit(command, client, self)
        } catch {
            guard case .failed(let text) = error else { return interrupted(client) }
            refuse(client, CommandTable.shared.find(arguments[0]), text)
            if Dispatch.isOfHTTP(arguments[0]) { client.handler?.closeAfterReplies() }
            return .done
        }
        client.lastCommand = command
        isGivenUp = false
        let writes =
            command.flags.contains(.write)
            || command.flags.contains(.transaction) && (client.transaction?.writes ?? false)
        if let refusal = refusal(command, writes: writes) {
            refuse(client, command, refusal)
            return .done
        }
        if pause.holds(writes: writes) {
            block(client)
            return .waits
        }
        if let transaction = client.transaction, !command.flags.contains(.runsInTransaction) {
            transaction.append(command, arguments)
            client.reply.bytes.append("+QUEUED\r\n" as StaticString)
            finish(client)
            return .done
        }
        if writes {
            if mustWait(client) {
                block(client)
                return .waits
            }
            if configuration.syncsAlways, !statistics.syncedWrites.admits() {
                refuse(client, command, "BUSY overloaded, retry")
                return .done
            }
            makeRoom(arguments)
        }
        // What a transaction takes back when it must wait is its own, so others' writes are committed before it.
        if command.flags.contains(.transaction), isDirty { commit() }
        // A commit that waits for its sync is one of before: this request comes after it, in a turn of its own.
        if client.isWaitingForCommit { return .waits }
        if isCommitting, writes || command.flags.contains(.watches) {
            block(client)
            return .waits
        }
        client.replyStart = client.reply.bytes.count
        let before = overlay.entries.count
        do throws(Interrupt) {
            call.begin(client, command, arguments)
            try command.run(call)
        } catch {
            if case .failed(let text) = error {
                client.reply.bytes.truncate(to: client.replyStart)
                client.reply.error(text)
                statistics.countError(text)
                statistics.countFailure(command)
            } else {
                return interrupted(client)
            }
        }
        if overlay.entries.count > before { written(client, from: before) }
        statistics.count(command, started, client)
        finish(client)
        return .done
    }

    private func interrupted(_ client: Client) -> Outcome {
        client.reply.bytes.truncate(to: client.replyStart)
        guard let refusal = fetch(client) else { return .waits }
        refuse(client, client.lastCommand, refusal)
        return .done
    }

    /// Answers a request that is not carried out by an error. A transaction that it was to be part of is spoiled; one that
    /// it was to carry out is given up.
    func refuse(_ client: Client, _ command: Command?, _ text: ErrorText) {
        var text = text
        if command?.flags.contains(.transaction) ?? false {
            client.transaction = nil
            unwatch(client)
            text = "EXECABORT Transaction discarded because of: \(text.withoutGenericCode)"
        } else {
            client.transaction?.isFlawed = true
        }
        client.reply.bytes.truncate(to: client.replyStart)
        client.reply.error(text)
        statistics.countError(text)
        if let command { statistics.countRejection(command) }
        finish(client)
    }

    private func finish(_ client: Client) {
        client.fetched = nil
        client.attempts = 0
        if client.chance != nil { client.chance = nil }
        if favoured != nil, favoured === client { loop.execute { self.release() } }
        switch client.replies {
        case .on: return
        case .off, .skip: client.reply.bytes.truncate(to: client.replyStart)
        case .skipNext: break
        }
        if client.replies == .skip { client.replies = .on }
        if client.replies == .skipNext {
            client.reply.bytes.truncate(to: client.replyStart)
            client.replies = .skip
        }
    }

    /// A number that no large hash has had: milliseconds, and some bits by chance.
    func newIncarnation() -> UInt64 { now << 22 | UInt64.random(in: 0..<1 << 22) }

    /// Runs a queued command within a transaction.
    func runQueued(_ command: Command, _ client: Client, _ arguments: Arguments) throws(Interrupt) {
        call.begin(client, command, arguments)
        let start = client.reply.bytes.count
        do throws(Interrupt) {
            try Dispatch.authorize(command, client, arguments, self, isQueued: true)
            try command.run(call)
        } catch {
            guard case .failed(let text) = error, !isGivenUp else { throw error }
            client.reply.bytes.truncate(to: start)
            client.reply.error(text)
            statistics.countError(text)
            statistics.countFailure(command)
        }
        statistics.count(command, statistics.clock, client)
    }

    /// Takes back everything that was written since the last commit: a transaction cannot go on, and began with a commit.
    func takeBack() {
        overlay.clear()
        batch?.clear()
    }

    /// Why the node does not take a command now, queued or not; nil where it does.
    @inline(__always)
    private func refusal(_ command: Command, writes: Bool) -> ErrorText? {
        if engine == nil, !command.flags.contains(.runsWhileLoading) {
            return "LOADING Redis is loading the dataset in memory"
        }
        return writes && !isPrimary ? "READONLY You can't write against a read only replica." : nil
    }

    /// Commits what others have written when that is much, so that a command that fails half-way takes only its own
    /// along, and a batch stays within its bounds.
    private func makeRoom(_ arguments: Arguments) {
        guard let batch, !batch.isEmpty else { return }
        if batch.byteCount > 1 << 20 || arguments.count > 1024 { commit() }
    }

    /// Tells watchers and waiting fetches what was written.
    private func written(_ client: Client, from index: Int) {
        client.lastWrite = Self.unknownPosition
        guard fetches > 0 || !watchers.isEmpty else { return }
        for entry in overlay.entries[index...] {
            let key = overlay.key(of: entry)
            guard
                let database = databases.lazy.compactMap({ $0 }).first(where: {
                    $0.keys.id == entry.keyspace || $0.fields.id == entry.keyspace
                })
            else { continue }
            let isField = database.fields.id == entry.keyspace
            versions.bump(WriteVersions.stripe(entry.keyspace, key, isField: isField))
            if !isField, !watchers.isEmpty { touch(WatchKey(database: database.number, key: key.array)) }
        }
    }
}

// MARK: Data

extension Executor {
    /// Milliseconds since 1970, never going back.
    var now: UInt64 { engine?.now ?? UInt64(NIODeadline.now().uptimeNanoseconds / 1_000_000) }

    /// A database, if it was ever written to.
    @inline(__always)
    func database(_ number: Int) -> Database? { databases[number] ?? findDatabase(number) }

    private func findDatabase(_ number: Int) -> Database? {
        guard let engine, lookedFor[number] != turnNumber else { return nil }
        lookedFor[number] = turnNumber
        databases[number] = Database(number, in: engine)
        return databases[number]
    }

    /// Whether a key may be that of a large hash.
    @inline(__always)
    func mayBeLarge(_ database: Int, _ key: ByteSlice) -> Bool {
        largeKeys.isEmpty(database) ? false : largeKeys.mayContain(database, key)
    }

    /// Reads a stored value into `box`; returns whether there is one.
    @inline(__always)
    func read(_ keyspace: Keyspace, _ key: ByteSlice, into box: ByteBox, now: UInt64 = 0) throws(Interrupt) -> Bool {
        switch try lookUp(keyspace, key, into: box) {
        case .found: return true
        case .absent: return false
        case .missing: throw .waits
        }
    }

    /// What a lookup finds; `missing` is noted as wanted, so that a command may look for more before it waits.
    enum Lookup { case found, absent, missing }

    func lookUp(_ keyspace: Keyspace, _ key: ByteSlice, into box: ByteBox) throws(Interrupt) -> Lookup {
        box.clear()
        switch overlay.find(keyspace.id, key) {
        case .absent: return .absent
        case .found(let value, let deadline):
            if deadline != 0, now >= deadline { return .absent }
            box.append(value)
            return .found
        case .unknown: break
        }
        if let answer = foreseen.take(keyspace.id, key, into: box) { return answer }
        guard let engine else { throw .loading }
        do throws(EngineError) {
            switch try engine.getIfResident(key, in: keyspace, { box.append($0) }) {
            case .found: return .found
            case .absent: return .absent
            case .needsIO: break
            }
        } catch {
            throw .failed(Failures.text(error))
        }
        return try lookUpFetched(keyspace, key, into: box)
    }

    @inline(never)
    private func lookUpFetched(_ keyspace: Keyspace, _ key: ByteSlice, into box: ByteBox) throws(Interrupt) -> Lookup {
        if let fetched = call.client.fetched?.value(keyspace.id, key, versions) {
            guard let value = fetched.value else { return .absent }
            box.append(value)
            return .found
        }
        wanted.append(.value(keyspace: keyspace, key: key.array))
        return .missing
    }

    /// Has memory ready for what the next requests of a connection will read, so that the lookups overlap. What memory
    /// cannot tell of is noted, and fetched along with the first of them that waits. Returns how many requests it was for.
    func lookAhead(_ client: Client, _ bytes: ByteSlice) -> Int {
        guard let engine, let database = database(client.database) else { return LookAhead.limit }
        client.ahead.removeAll(keepingCapacity: true)
        let count = foreseen.look(bytes, engine, database.keys) { client.ahead.append($0.array) }
        // Where data may change while commands run, the lookups only bring it near.
        if !isPrimary || isCommitting { foreseen.clear() }
        return max(1, count)
    }

    /// Notes those keys of a command to come that memory cannot tell of.
    func want(_ command: Command, _ arguments: Arguments) {
        guard let database = database(call.client.database) else { return }
        for (place, _) in command.keyPlaces(arguments.count) where wanted.count < 4096 {
            _ = try? lookUp(database.keys, arguments[place], into: call.first)
        }
    }

    /// Notes what a command lacks.
    func needs(_ need: Need) -> Interrupt {
        wanted.append(need)
        return .waits
    }

    /// The entries of a range, with what the turn has written.
    func scan(_ request: ScanRequest) throws(Interrupt) -> ScanResult {
        guard var result = call.client.fetched?.scan(request, versions) else { throw needs(.scan(request)) }
        guard !request.isReverse, !request.isCount, !overlay.isEmpty else { return result }
        // Of a part, what was written behind it belongs to the next.
        let upper = result.isComplete ? request.upper : result.last.map { $0 + [0] }
        var changes = overlay.changes(request.keyspace.id, from: request.lower, to: upper, now: now)
        let isCleared = overlay.cleared.contains(request.keyspace.id)
        if changes.isEmpty, !isCleared { return result }
        var rows: [ScanResult.Row] = []
        if !isCleared {
            for row in result.rows {
                if let change = changes.removeValue(forKey: row.key) {
                    if let value = change { rows.append(.init(key: row.key, value: value)) }
                } else {
                    rows.append(row)
                }
            }
        }
        for (key, value) in changes {
            guard let value, request.pattern.map({ Glob.matches($0, key) }) ?? true else { continue }
            rows.append(.init(key: key, value: value))
        }
        rows.sort { $0.key.lexicographicallyPrecedes($1.key) }
        result.rows = rows
        return result
    }

    @inline(__always)
    func put(_ keyspace: Keyspace, _ key: ByteSlice, deadline: UInt64 = 0, _ fill: (ByteBox) -> Void) throws(Interrupt)
    {
        guard let batch else { throw .loading }
        let entry = withoutActuallyEscaping(fill) { overlay.add(keyspace.id, key, deadline: deadline, $0) }
        do throws(EngineError) {
            try batch.put(entry.key.view, entry.value.view, deadline: deadline, in: keyspace.id)
        } catch {
            throw abandon(error)
        }
    }

    func delete(_ keyspace: Keyspace, _ key: ByteSlice) throws(Interrupt) {
        guard let batch else { throw .loading }
        let entry = overlay.add(keyspace.id, key, deadline: 0, nil)
        do throws(EngineError) { try batch.delete(entry.key.view, in: keyspace.id) } catch { throw abandon(error) }
    }

    /// Removes a range of rows. Whoever may read them asks a head first, so the overlay need not know.
    func deleteRange(_ keyspace: Keyspace, from lower: [UInt8], to upper: [UInt8]) throws(Interrupt) {
        guard let batch else { throw .loading }
        do throws(EngineError) {
            try lower.withView { (lower) throws(EngineError) in
                try upper.withView { (upper) throws(EngineError) in
                    try batch.deleteRange(from: lower, to: upper, in: keyspace.id)
                }
            }
        } catch { throw abandon(error) }
    }

    /// Removes everything in a keyspace.
    func clear(_ keyspace: Keyspace) throws(Interrupt) {
        let last = [UInt8](repeating: 0xFF, count: Value.maximumKey)
        try deleteRange(keyspace, from: [], to: last)
        overlay.clear(keyspace.id)
        try last.withSlice { (key) throws(Interrupt) in try delete(keyspace, key) }
        versions.bumpAll()
    }

    /// A batch that cannot take more is given up as a whole.
    private func abandon(_ error: EngineError) -> Interrupt {
        let text = Failures.text(error)
        fail(text)
        isGivenUp = true
        return .failed(text)
    }

    // MARK: Fetching

    /// Has what the client's command wants fetched; returns why not where it is refused.
    private func fetch(_ client: Client) -> ErrorText? {
        guard let engine else { return "LOADING Redis is loading the dataset in memory" }
        let readsDisk = wanted.contains { $0.readsDisk }
        guard client.attempts < 1024, client.attempts > 0 || !readsDisk || pool.admission.admits() else {
            return "BUSY overloaded, retry"
        }
        // Scans and confirmations are of what is committed.
        if isDirty { commit() }
        if client.isWaitingForCommit { return nil }
        if isCommitting {
            block(client)
            return nil
        }
        if readsDisk, let database = database(client.database) {
            for key in client.ahead { wanted.append(.value(keyspace: database.keys, key: key)) }
            client.ahead.removeAll()
        }
        client.attempts += 1
        if client.attempts > 3, favoured == nil { favoured = client }
        let needs = wanted
        let guardians = needs.map(guardian)
        fetches += 1
        client.handler?.wait(.fetching)
        if needs.contains(where: {
            if case .status = $0 { true } else if case .confirmation = $0 { true } else { false }
        }) {
            ask(needs, guardians, engine, client)
        } else {
            pool.fetch(needs, from: engine) { result in
                self.loop.execute { self.take(result, needs, guardians, client) }
            }
        }
        return nil
    }

    /// Has the node answer what only it knows.
    private func ask(_ needs: [Need], _ guardians: [Guardian], _ engine: Engine, _ client: Client) {
        let write = client.lastWrite
        Task {
            var outcomes: [FetchPool.Outcome] = []
            for need in needs { outcomes.append(await FetchPool.ask(need, self.node, engine, after: write) ?? .done) }
            let all = outcomes
            self.loop.execute { self.take(.success(all), needs, guardians, client) }
        }
    }

    /// Where the node's replication stands.
    func status() throws(Interrupt) -> ReplicaStatus {
        guard let status = call.client.fetched?.status else { throw needs(.status) }
        return status
    }

    /// Who has the client's last write. Within a transaction nobody waits.
    func confirmed(_ level: WriteLevel, local: Int, _ limit: Duration) throws(Interrupt) -> Confirmation {
        guard let confirmation = call.client.fetched?.confirmation else {
            throw needs(.confirmation(level, local: local, isInTransaction ? .zero : limit))
        }
        return confirmation
    }

    private func guardian(_ need: Need) -> Guardian {
        switch need {
        case .value(let keyspace, let key):
            let isField = databases.contains { $0?.fields.id == keyspace.id }
            return key.withSlice {
                versions.guardian(WriteVersions.stripe(keyspace.id, $0, isField: isField))
            }
        case .scan(let request):
            guard let lower = request.lower, databases.contains(where: { $0?.fields.id == request.keyspace.id }) else {
                return Guardian(stripe: -1, version: 0)
            }
            return lower.withSlice {
                versions.guardian(WriteVersions.stripe(request.keyspace.id, $0, isField: true))
            }
        case .database, .status, .confirmation: return Guardian(stripe: -1, version: 0)
        }
    }

    private func take(
        _ result: Result<[FetchPool.Outcome], EngineError>, _ needs: [Need], _ guardians: [Guardian], _ client: Client
    ) {
        fetches -= 1
        switch result {
        case .success(let outcomes):
            let fetched = client.fetched ?? Fetched()
            for (index, outcome) in outcomes.enumerated() {
                switch (needs[index], outcome) {
                case (.value(let keyspace, let key), .value(let value)):
                    fetched.add(value, keyspace.id, key, guardians[index])
                case (.scan(let request), .scan(let rows)):
                    fetched.scans.append(.init(request: request, result: rows, guardian: guardians[index]))
                case (_, .status(let status)): fetched.status = status
                case (_, .confirmation(let confirmation)): fetched.confirmation = confirmation
                case (.database(let number), _):
                    lookedFor[number] = 0
                    if databases[number] == nil { largeKeys.isNew(number) }
                default: continue
                }
            }
            client.fetched = fetched
            client.handler?.resume()
        case .failure(let error):
            client.fetched = nil
            client.attempts = 0
            client.handler?.refuseRequest(Failures.text(error))
        }
    }

    // MARK: Watching

    /// Watches a key for a client.
    func watch(_ watch: Client.Watch, _ client: Client) {
        client.watched.append(watch)
        watchers[watch.key, default: [:]][ObjectIdentifier(client)] = client
    }

    func isWatched(_ key: WatchKey, by client: Client) -> Bool {
        watchers[key]?[ObjectIdentifier(client)] != nil
    }

    /// Lets go of all keys that a client watches.
    func unwatch(_ client: Client) {
        for watch in client.watched {
            watchers[watch.key]?[ObjectIdentifier(client)] = nil
            if watchers[watch.key]?.isEmpty ?? false { watchers[watch.key] = nil }
        }
        client.watched.removeAll()
        client.isTouched = false
    }

    private func touch(_ key: WatchKey) {
        guard let clients = watchers[key] else { return }
        for client in clients.values { client.isTouched = true }
    }

    /// A database was emptied: whoever watches a key that was there is told.
    func touchAll(_ database: Int) {
        for (key, clients) in watchers where key.database == database {
            for client in clients.values where client.watched.contains(where: { $0.key == key && $0.existed }) {
                client.isTouched = true
            }
        }
    }
}
