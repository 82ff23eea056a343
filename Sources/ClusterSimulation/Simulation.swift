internal import GodwitEngine
internal import GodwitReplication
internal import GodwitSimulation

/// One random history of a cluster: clients write, machines crash, links break, an operator promotes, hands over and
/// brings nodes back; after every step the invariants are looked at. In the end everything is mended, and every
/// acknowledged write is looked for.
///
/// The operator keeps to the rules: it promotes the furthest of the nodes that are up and hold everything, and accepts
/// a loss only when none of them has the write.
package final class Simulation {
    /// What a run came to.
    package struct Outcome: Sendable {
        package let trace: [String]
        /// How many acknowledged writes came to which end.
        package let fates: [Ledger.Fate: Int]
        package let acknowledged: Int
        package let promotions: Int
        package let rewinds: Int
        package let copies: Int
        package let switchovers: Int
    }

    let cluster: Cluster
    let random: SeededRandom
    var ledger = Ledger()
    var invariants = Invariants()
    private let seed: UInt64
    private let steps: Int
    private var nextWrite: UInt64 = 0
    /// When two machines last may have failed to reach each other; the same machine twice: when it was down.
    private var trouble: [[UInt64]]
    private var promotions = 0
    /// The highest epoch that has begun anywhere.
    private var newestEpoch = Epoch.none
    private var failure: Violation?

    package init(seed: UInt64, steps: Int) {
        self.seed = seed
        self.steps = steps
        random = SeededRandom(seed: seed)
        cluster = Cluster(seed: random.next())
        let count = 3 + random.below(2)
        trouble = Array(repeating: Array(repeating: 0, count: count), count: count)
        let isChained = random.chance(1, in: 4)
        let isPartial = count == 4 && random.chance(1, in: 2)
        cluster.add("r0", following: nil)
        for index in 1..<count {
            cluster.add("r\(index)", following: isChained && index == 2 ? 1 : 0) { options in
                if isPartial && index == 3 { options.keyspaces = ["default"] }
            }
        }
        cluster.faultRate = random.chance(1, in: 2) ? 0 : 50 + random.below(400)
        cluster.delays = 1...(1 + random.below(40))
    }

    // MARK: The run

    /// Runs it. Throws the first violation, with the trace so far in `trace`.
    package func run() throws -> Outcome {
        cluster.observe = { [unowned self] node, event in observed(node, event) }
        try cluster.start(cluster.nodes[0])
        for node in cluster.nodes.dropFirst() { try cluster.start(node) }
        for _ in 0..<steps {
            try step()
            try check()
        }
        try mend()
        let fates = try account()
        cluster.observe = nil
        let events = cluster.nodes.flatMap(\.events)
        return Outcome(
            trace: cluster.trace, fates: fates, acknowledged: ledger.writes.count { $0.isAcknowledged },
            promotions: promotions,
            rewinds: events.count { if case .rewound = $0 { true } else { false } },
            copies: events.count { if case .copied = $0 { true } else { false } },
            switchovers: events.count { if case .switchover(_, .done) = $0 { true } else { false } })
    }

    /// The trace so far.
    package var trace: [String] { cluster.trace }

    private func step() throws {
        let node = random.pick(cluster.nodes)
        switch random.below(100) {
        case ..<55: try write()
        case ..<60: toggleLink(node, random.pick(cluster.nodes))
        case ..<65: try crashOrStart(node)
        case ..<67: try restart(node)
        case ..<72: try promote()
        case ..<76: try switchOver(to: node)
        case ..<82: try rejoin(node)
        case ..<85: try maintain(node)
        case ..<86: _ = try? cluster.primary?.replica?.verify(now: cluster.primary?.now ?? 0)
        case ..<88: try alter()
        default: break
        }
        for node in cluster.nodes { cluster.act(node) }
        cluster.run(milliseconds: random.chance(1, in: 10) ? random.within(500...4000) : random.within(1...60))
    }

    private func check() throws(Violation) {
        noteTrouble()
        settleLevels()
        if let failure { throw failure }
        try invariants.check(cluster.nodes)
        for verification in cluster.verifications where verification.outcome == .different {
            throw Violation(description: "a verification found a difference: \(verification.nodes)")
        }
        cluster.verifications = []
    }

    // MARK: Clients

    private func write() throws {
        let primaries = cluster.nodes.filter { $0.replica?.isOpenPrimary ?? false }
        guard !primaries.isEmpty else { return }
        let node = random.pick(primaries)
        guard let engine = node.engine, let replica = node.replica else { return }
        for _ in 0...random.below(4) {
            nextWrite += 1
            let id = nextWrite
            do {
                let batch = try batch(id, engine)
                let written = engine.keyspaces(of: batch).map { WrittenKeyspace($0) }
                let position = try engine.write(batch, durability: random.chance(1, in: 3) ? .synced : .buffered)
                try invariants.acknowledged(position, by: node.index)
                let level = random.pick([WriteLevel.local, .received(1), .durable(1), .durable(1), .durable(2)])
                ledger.add(
                    Ledger.Write(
                        id: id, node: node.index, position: position, level: level, isAcknowledged: level == .local,
                        isOutside: position.epoch < newestEpoch))
                if level != .local {
                    replica.await(
                        level, at: position, of: written, id: id, until: node.now + 3_000_000_000, now: node.now)
                }
                cluster.note("node\(node.index) writes \(id) at \(position), \(level)")
            } catch let error as EngineError {
                cluster.note("node\(node.index) refuses write \(id): \(error.code.rawValue)")
                if error.code != .notWritable { throw error }
            }
        }
        node.touch()
        cluster.act(node)
    }

    private func batch(_ id: UInt64, _ engine: Engine) throws -> WriteBatch {
        let batch = try engine.makeBatch()
        try batch.put("w/\(id)", "\(id)")
        let keyspace = engine.keyspace("other")
        switch random.below(10) {
        case 0 where keyspace == nil: try engine.createKeyspace("other")
        case 1...4: try batch.put("k/\(random.below(20))", String(repeating: "v", count: random.below(300)) + "\(id)")
        case 5: try batch.delete("k/\(random.below(20))")
        case 6 where keyspace != nil: try batch.put("o/\(random.below(10))", "\(id)", in: keyspace)
        case 7: try batch.put("t/\(random.below(5))", "\(id)", ttl: .seconds(1 + random.below(20)))
        case 8 where random.chance(1, in: 4): try batch.deleteRange(from: "k/1", to: "k/2")
        case 9 where random.chance(1, in: 2):
            try batch.put("big/\(random.below(5))", random.bytes(random.below(20_000)))
        default: break
        }
        return batch
    }

    private func settleLevels() {
        for (node, id, outcome) in cluster.levels {
            guard case .reached = outcome, let write = ledger[id] else { continue }
            cluster.note("node\(node) acknowledges \(id), \(write.level)")
            // One that asks for a selection counts for no level: it is never promoted.
            let others = cluster.nodes.filter { $0.index != write.node && $0.options.keyspaces == nil }
            let holders = others.filter { hasDurable($0, write) }.map(\.index)
            let had = others.filter { node in
                holders.contains(node.index) || node.everHadDurable(write.position)
            }
            if case .durable(let count) = write.level, had.count < count {
                failure = Violation(
                    description: "write \(id) is said to be \(write.level), and only \(holders) hold it")
            }
            ledger.change(id) { write in
                write.isAcknowledged = true
                write.holders = holders
            }
        }
        cluster.levels = []
    }

    /// Whether a node has a write durably: in the history that it is in, not another of that length. Of one that is down
    /// it counts that it had it.
    private func hasDurable(_ node: SimulatedNode, _ write: Ledger.Write) -> Bool {
        let (position, engine) = (write.position, node.engine)
        if let engine { node.durable = engine.durablePoint }
        guard node.durable.position.sequence >= position.sequence else { return false }
        return engine?.has(position) ?? node.everHadDurable(position)
    }

    // MARK: Faults

    private func toggleLink(_ left: SimulatedNode, _ right: SimulatedNode) {
        guard left !== right else { return }
        if cluster.network.isCut(left.index, right.index) {
            cluster.heal(left, right)
        } else {
            cluster.cut(left, right)
        }
    }

    private func crashOrStart(_ node: SimulatedNode) throws {
        if node.isUp { cluster.crash(node) } else { try cluster.start(node) }
    }

    private func restart(_ node: SimulatedNode) throws {
        guard node.isUp else { return }
        try cluster.stop(node)
        try cluster.start(node)
    }

    /// Notes who cannot reach whom; frames may be lost at any time where faults are on.
    private func noteTrouble() {
        for left in cluster.nodes {
            for right in cluster.nodes
            where !left.isUp || !right.isUp || left.engine == nil || cluster.network.isCut(left.index, right.index)
                || cluster.faultRate > 0
            {
                trouble[left.index][right.index] = cluster.time
            }
        }
    }

    private func maintain(_ node: SimulatedNode) throws {
        guard let engine = node.engine else { return }
        if random.chance(1, in: 3) { try engine.compact() } else { try engine.flush() }
        node.touch()
    }

    // MARK: The operator

    /// Keeps a keyspace to the first region, or gives it free again; only where the node there is the primary, since
    /// others may lack it.
    private func alter() throws {
        guard let node = cluster.primary, node.index == 0, let engine = node.engine,
            let keyspace = engine.keyspace("other")
        else { return }
        var settings = keyspace.settings
        settings.regions = settings.regions.isEmpty ? [RegionID.of(node.region)] : []
        do throws(EngineError) {
            try engine.alterKeyspace(keyspace, settings: settings)
            cluster.note("operator keeps `other` to \(settings.regions.isEmpty ? "nobody" : node.region)")
        } catch {
            if error.code != .notWritable { throw error }
        }
        node.touch()
    }

    /// Promotes the furthest node that is up, when there is no open primary that most can reach.
    private func promote() throws {
        let primary = cluster.primary
        let isReachable = primary.map { primary in
            cluster.nodes.count { $0.isUp && !cluster.network.isCut($0.index, primary.index) } * 2 > cluster.nodes.count
        }
        guard isReachable != true else { return }
        let candidates = cluster.nodes.filter { node in
            node.isUp && node.engine != nil && node.options.keyspaces == nil && node !== primary
        }
        guard let best = candidates.max(by: { end($0) < end($1) }), let replica = best.replica else { return }
        do {
            let epoch = try replica.promote(allowDataLoss: true, now: best.now)
            cluster.note("operator promotes node\(best.index): \(epoch)")
            promotions += 1
            if let primary { giveUp(primary, for: best) }
            best.touch()
        } catch {
            cluster.note("promotion of node\(best.index) refused: \(error.code.rawValue)")
        }
    }

    /// The operator went on without a primary that lives, and is further: what that one alone of the two has ends in its
    /// tail, by choice.
    private func giveUp(_ primary: SimulatedNode, for best: SimulatedNode) {
        ledger.change(where: { primary.has($0.position) && !best.has($0.position) }) { $0.isOutside = true }
    }

    private func end(_ node: SimulatedNode) -> Position { node.engine?.historyPoint.position ?? .start }

    private func switchOver(to node: SimulatedNode) throws {
        guard let primary = cluster.primary, primary !== node, let target = node.engine?.nodeID,
            node.options.keyspaces == nil
        else { return }
        do {
            try primary.replica?.switchover(to: target, limit: 2000, now: primary.now)
            cluster.note("operator hands over from node\(primary.index) to node\(node.index)")
            primary.touch()
        } catch {
            cluster.note("switchover refused: \(error.code.rawValue)")
        }
    }

    /// Has a node that is not the primary follow the primary.
    private func rejoin(_ node: SimulatedNode) throws {
        guard let primary = cluster.primary, node !== primary, let replica = node.replica else { return }
        let isBehindPrimary = node.engine.map { $0.position.epoch <= end(primary).epoch } ?? true
        guard isBehindPrimary else { return }
        try replica.rejoin(leader: primary.address, now: node.now)
        cluster.note("operator has node\(node.index) follow node\(primary.index)")
        node.touch()
    }

    /// An epoch began: writes that its node does not have may be lost, unless somebody who has them was there to be
    /// asked.
    private func observed(_ node: SimulatedNode, _ event: ReplicationEvent) {
        guard case .epochBegan(let epoch) = event else { return }
        newestEpoch = max(newestEpoch, epoch)
        noteTrouble()
        let wait = node.options.restartWait * 1_000_000
        let mayBeLost = { [unowned self] (write: Ledger.Write) in
            guard !node.has(write.position) else { return false }
            return write.holders.allSatisfy { self.cluster.time < self.trouble[node.index][$0] + 2 * wait }
                || !self.isHeldByFurther(write, than: node)
        }
        ledger.change(where: mayBeLost) { $0.isExcused = true }
    }

    /// Whether a node that is up, and was to be promoted rather, has a write.
    private func isHeldByFurther(_ write: Ledger.Write, than node: SimulatedNode) -> Bool {
        cluster.nodes.contains { $0 !== node && $0.isUp && $0.has(write.position) && write.holders.contains($0.index) }
    }

    // MARK: The end

    /// Mends everything and brings all nodes together under one primary.
    private func mend() throws {
        cluster.note("mending")
        cluster.faultRate = 0
        cluster.healAll()
        for node in cluster.nodes where !node.isUp { try cluster.start(node) }
        _ = cluster.run(atMost: 20_000) { cluster.nodes.allSatisfy { !($0.replica?.isUnsettled ?? false) } }
        try check()
        let whole = cluster.nodes.filter { $0.engine != nil && $0.options.keyspaces == nil }
        guard let best = whole.max(by: { end($0) < end($1) }) else {
            throw Violation(description: "no node has any data")
        }
        if !(best.replica?.isOpenPrimary ?? false) {
            _ = try best.replica?.promote(allowDataLoss: true, now: best.now)
            best.touch()
            cluster.act(best)
        }
        for node in cluster.nodes where node !== best {
            try node.replica?.rejoin(leader: best.address, now: node.now)
            node.touch()
        }
        let isDone = cluster.run(atMost: 300_000) {
            cluster.nodes.allSatisfy { $0.engine?.historyPoint == best.engine?.historyPoint && $0.tailsWaiting == 0 }
                && best.replica?.status.followers.count { $0.stage == "streaming" } == cluster.nodes.count - 1
        }
        try check()
        guard isDone else {
            let ends = cluster.nodes.map {
                "node\($0.index) \($0.replica?.roleText ?? "") \(end($0)) \($0.tailsWaiting) tails"
            }
            throw Violation(description: "the nodes do not come together: \(ends.joined(separator: ", "))")
        }
        try verify(best)
    }

    /// Compares all nodes; a link that ends meanwhile, as one does whose node was just told to rejoin, is no
    /// difference.
    func verify(_ primary: SimulatedNode) throws {
        for _ in 0..<20 {
            do throws(ReplicationError) {
                _ = try primary.replica?.verify(now: primary.now)
            } catch {
                // One that was begun before comes to its end first.
                guard error.code == .busy else { throw error }
            }
            primary.touch()
            guard cluster.run(atMost: 30_000, until: { !cluster.verifications.isEmpty }) else {
                throw Violation(description: "a verification does not end")
            }
            guard let verification = cluster.verifications.popLast() else { continue }
            if verification.outcome == .different {
                throw Violation(description: "the nodes differ in the end: \(verification)")
            }
            if verification.isEqual, verification.nodes.count == cluster.nodes.count - 1 { return }
            cluster.run(milliseconds: 1000)
        }
        throw Violation(description: "the nodes are not compared in the end")
    }
}

extension Replica {
    /// Whether it may still change its role by itself.
    var isUnsettled: Bool {
        let status = status
        return status.role == "primary" && status.stage != "open"
    }
}

extension SimulatedNode {
    /// How many saved tails no primary has reported on.
    var tailsWaiting: Int {
        let directory = "/store/replication/tails"
        // Asked at every tick, so without a throw.
        guard (try? disk.exists(directory)) == true, let names = try? disk.list(directory) else { return 0 }
        return names.count { name in
            ![".report", ".tmp", ".damaged"].contains { name.hasSuffix($0) } && !names.contains(name + ".report")
        }
    }
}
