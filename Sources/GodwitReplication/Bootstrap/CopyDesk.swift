internal import GodwitEngine

/// Hands out full copies: few at once, since each reads the whole store. A copy is made as a background job, and kept
/// for its follower for a while after a cut, so that the follower goes on where it was.
final class CopyDesk {
    /// How long a copy is kept that nobody asks for.
    private static let patience: UInt64 = 600_000_000_000

    private final class Copy {
        let node: NodeID
        let engine: Engine
        let directory: String
        /// Which keyspaces its follower takes.
        let selection: KeyspaceSelection
        /// Those that it has data of.
        let kept = Locked<Set<KeyspaceID>>([])
        let result = Locked<Result<Checkpoint, EngineError>?>(nil)
        var job: (any JobHandle)?
        var sender: CheckpointSender?
        var lastUsed: UInt64 = 0
        /// Whether its follower is away.
        var isIdle = false

        init(_ node: NodeID, _ engine: Engine, _ directory: String, _ selection: KeyspaceSelection) {
            self.node = node
            self.engine = engine
            self.directory = directory
            self.selection = selection
        }

        var holdName: String { "copy \(node)" }
    }

    private unowned let core: ReplicaCore
    private var copies: [Copy] = []
    private var made: UInt64 = 0
    private var home: String { core.home + "/copies" }

    /// Removes what a crash left.
    init(_ core: ReplicaCore) throws(EngineError) {
        self.core = core
        try core.fileSystem.createDirectory(home)
        for name in try core.fileSystem.list(home) { try remove(home + "/" + name) }
    }

    private func remove(_ directory: String) throws(EngineError) {
        for name in try core.fileSystem.list(directory) { try core.fileSystem.remove(directory + "/" + name) }
        try core.fileSystem.removeDirectory(directory)
    }

    /// Gives a follower the copy that it has begun, or begins to make one; `poll` goes on.
    func serve(_ shipper: Shipper, _ hello: Hello, _ engine: Engine) {
        if let copy = copies.first(where: { $0.node == hello.node }) {
            if copy.selection == hello.selection { return }
            discard(copy)
        }
        // A follower that is cut off gives up its turn to one that is here.
        guard copies.count < max(1, core.options.fullCopies) || dropIdle() else {
            return shipper.refuse(.busy, "\(copies.count) full copies are under way; try again later", hello, engine)
        }
        begin(hello, engine)
    }

    private func dropIdle() -> Bool {
        guard let idle = copies.first(where: { $0.sender != nil && $0.isIdle }) else { return false }
        discard(idle)
        return true
    }

    private func begin(_ hello: Hello, _ engine: Engine) {
        made += 1
        let copy = Copy(hello.node, engine, home + "/\(made)", hello.selection)
        copies.append(copy)
        // The log is kept from before the checkpoint is cut.
        core.attempt("hold the log") { () throws(EngineError) in
            try engine.hold(copy.holdName, after: engine.historyPoint.position.sequence)
        }
        let (directory, result, selection, kept) = (copy.directory, copy.result, copy.selection, copy.kept)
        let job = core.environment.executor.start(
            Job(name: "full copy", priority: .background) {
                let outcome = Result { () throws(EngineError) in
                    try engine.checkpoint(
                        to: directory,
                        keeping: { id, name, settings in
                            guard selection.takes(name, settings) else { return false }
                            kept.withLock { _ = $0.insert(id) }
                            return true
                        })
                }
                result.withLock { $0 = outcome }
                engine.wakeWaiters()
                return .done
            })
        copy.job = job
        job.wake()
    }

    /// Lets copies begin that are ready, and go that nobody wants; returns when to look again.
    func poll(_ replica: Replica, now: UInt64) -> UInt64 {
        var next = UInt64.max
        for copy in copies {
            if copy.sender == nil { settle(copy, replica.shippers) }
            if copies.contains(where: { $0 === copy }), let sender = copy.sender {
                offer(copy, sender, replica.shippers, now: now)
                if now >= copy.lastUsed + Self.patience { discard(copy) }
                next = min(next, copy.lastUsed + Self.patience)
            }
        }
        for shipper in replica.shippers where shipper.isAwaitingCopy {
            if let hello = shipper.hello, let engine = core.engine,
                !copies.contains(where: { $0.node == hello.node })
            {
                serve(shipper, hello, engine)
            }
        }
        return next
    }

    /// Takes the outcome of a job that is done.
    private func settle(_ copy: Copy, _ shippers: [Shipper]) {
        guard let outcome = copy.result.withLock({ $0 }) else { return }
        switch outcome {
        case .success(let checkpoint):
            copy.sender = CheckpointSender(checkpoint, in: copy.directory, core.fileSystem)
            core.tell(.copyBegan(node: copy.node.description, bytes: checkpoint.bytes))
        case .failure(let error):
            core.failed("make a full copy", error)
            discard(copy)
            // It asks again after a pause: what hinders a copy now would hinder the next at once.
            for shipper in shippers where shipper.isAwaitingCopy && shipper.hello?.node == copy.node {
                core.close(shipper.link, "no full copy can be made now: \(error.code.rawValue)")
            }
        }
    }

    private func offer(_ copy: Copy, _ sender: CheckpointSender, _ shippers: [Shipper], now: UInt64) {
        copy.isIdle = true
        for shipper in shippers where shipper.hello?.node == copy.node && !shipper.link.isClosed {
            if shipper.isAwaitingCopy { shipper.copy(sender, copy.engine) }
            switch shipper.state {
            case .copying:
                copy.isIdle = false
                copy.lastUsed = now
            // It found another way: the copy only keeps others waiting.
            case .streaming: return discard(copy)
            case .greeting, .held, .awaitingCopy, .receivingBack: break
            }
        }
        if copy.lastUsed == 0 { copy.lastUsed = now }
    }

    /// Whether the follower may have all that its copy has. A copy with a keyspace that has been kept to others since
    /// is given up.
    func isAllowed(_ node: NodeID?) -> Bool {
        guard let copy = copies.first(where: { $0.node == node }) else { return false }
        let isAllowed = copy.kept.withLock { $0 }.allSatisfy { id in
            copy.engine.keyspaceEver(id).map { copy.selection.takes($0.name, $0.settings) } ?? false
        }
        if !isAllowed { discard(copy) }
        return isAllowed
    }

    /// The follower has it all.
    func finish(_ node: NodeID?) {
        guard let copy = copies.first(where: { $0.node == node }) else { return }
        core.tell(.copied(node: copy.node.description, bytes: copy.sender?.bytes ?? 0))
        discard(copy)
    }

    private func discard(_ copy: Copy) {
        copies.removeAll { $0 === copy }
        copy.job?.stop()
        core.attempt("let go of the log") { () throws(EngineError) in try copy.engine.releaseHold(copy.holdName) }
        core.attempt("remove a full copy") { () throws(EngineError) in
            if try core.fileSystem.exists(copy.directory) { try remove(copy.directory) }
        }
    }

    /// Lets go of everything, before the engine goes.
    func close() {
        for copy in copies { discard(copy) }
    }

    /// Copies under way.
    var status: [CopyStatus] {
        copies.map { copy in
            CopyStatus(
                node: copy.node.description, direction: "to", bytes: copy.sender?.bytes ?? 0,
                done: copy.sender?.sent ?? 0)
        }
    }
}
