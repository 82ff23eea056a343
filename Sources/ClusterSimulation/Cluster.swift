internal import GodwitEngine
package import GodwitReplication
package import GodwitSimulation

/// Several nodes with real engines on simulated disks, a simulated network, and a clock for each, in one thread: one
/// seed decides everything. What happens is written into a trace, which is the same for the same seed, byte for byte.
package final class Cluster {
    package private(set) var nodes: [SimulatedNode] = []
    let network: SimulatedNetwork
    /// Nanoseconds since the beginning, as nobody in the cluster knows them.
    package private(set) var time: UInt64 = 0
    /// What happened, line by line.
    package private(set) var trace: [String] = []
    /// Outcomes of waits for levels: node, id, outcome; taken by whoever wrote.
    package var levels: [(node: Int, id: UInt64, outcome: LevelOutcome)] = []
    /// Outcomes of verifications.
    package var verifications: [NodeVerification] = []
    /// Called with every event, at its moment.
    var observe: ((SimulatedNode, ReplicationEvent) -> Void)?
    private let random: SeededRandom

    package init(seed: UInt64) {
        random = SeededRandom(seed: seed)
        network = SimulatedNetwork(seed: random.next())
    }

    /// Adds a machine; it is off.
    @discardableResult
    package func add(
        _ region: String, following leader: Int?, _ change: (inout ReplicaOptions) -> Void = { _ in }
    ) -> SimulatedNode {
        var options = ReplicaOptions.small(
            region: region, advertised: "node\(nodes.count):1", leader: leader.map { "node\($0):1" })
        change(&options)
        let node = SimulatedNode(
            index: nodes.count, options: options, seed: random.next(),
            wallOffset: Int64(random.within(-2000...2000)))
        nodes.append(node)
        return node
    }

    package func note(_ line: String) { trace.append("\(time / 1000) \(line)") }

    // MARK: Machines

    /// Switches a machine on.
    package func start(_ node: SimulatedNode) throws(ReplicationError) {
        try node.start()
        note("node\(node.index) starts: \(node.replica?.roleText ?? "")")
        act(node)
    }

    /// Pulls a machine's plug.
    package func crash(_ node: SimulatedNode, _ outcome: CrashOutcome = .random) {
        note("node\(node.index) crashes at \(node.engine?.historyPoint.description ?? "no data")")
        node.crash(outcome)
        drop(node)
    }

    /// Shuts a machine down in order.
    package func stop(_ node: SimulatedNode) throws(ReplicationError) {
        note("node\(node.index) stops at \(node.engine?.historyPoint.description ?? "no data")")
        act(node)
        try node.stop()
        drop(node)
    }

    /// The connections of a machine that is off end at once; a partition keeps that from the other side.
    private func drop(_ node: SimulatedNode) {
        for connection in network.connections {
            for end in 0..<2 where connection.ends[end].node == node.index {
                connection.closed[end] = true
                connection.packets[end] = []
                _ = network.send(nil, on: connection, from: end, now: time)
            }
        }
    }

    // MARK: Network

    package func cut(_ left: SimulatedNode, _ right: SimulatedNode) {
        note("cut node\(left.index) node\(right.index)")
        network.cut(left.index, right.index)
    }

    package func heal(_ left: SimulatedNode, _ right: SimulatedNode) {
        note("heal node\(left.index) node\(right.index)")
        network.heal(left.index, right.index)
    }

    /// Ends a connection as a failing network does: both sides are told.
    package func breakConnection(of node: SimulatedNode, _ link: LinkID) {
        guard let (connection, _) = network.find(node.index, link), connection.isOpen else { return }
        for end in 0..<2 where !connection.closed[end] {
            connection.closed[end] = true
            connection.packets[end] = []
            let machine = nodes[connection.ends[end].node]
            machine.replica?.closed(connection.ends[end].link, reason: "connection reset", now: machine.now)
            machine.touch()
        }
    }

    package func healAll() { network.healAll() }

    /// One frame in so many meets a fault; 0 for none.
    package var faultRate: Int {
        get { network.faultRate }
        set { network.faultRate = newValue }
    }

    /// Milliseconds that a frame takes.
    package var delays: ClosedRange<Int> {
        get { network.delays }
        set { network.delays = newValue }
    }

    // MARK: Time

    /// Lets time pass, a few milliseconds at a time.
    package func run(milliseconds: Int) {
        let end = time + UInt64(milliseconds) * 1_000_000
        while time < end { tick(UInt64(random.within(1...4)) * 1_000_000) }
    }

    /// Lets time pass until a condition holds; false when it does not within the limit.
    @discardableResult
    package func run(atMost milliseconds: Int, until condition: () -> Bool) -> Bool {
        let end = time + UInt64(milliseconds) * 1_000_000
        while time < end {
            if condition() { return true }
            tick(UInt64(random.within(1...4)) * 1_000_000)
        }
        return condition()
    }

    private func tick(_ nanoseconds: UInt64) {
        time += nanoseconds
        for node in nodes {
            // Clocks run apart by up to a hundredth of a percent; an engine that waits lets its own run ahead.
            let drift = Int64(nanoseconds) / 10_000 * Int64(node.index % 3 - 1)
            node.clock.advance(nanoseconds: UInt64(Int64(nanoseconds) + drift))
        }
        deliver()
        for node in nodes where node.isUp {
            node.run(steps: random.below(12))
            act(node)
        }
        network.connections.removeAll { $0.closed == [true, true] && $0.packets.allSatisfy(\.isEmpty) }
    }

    private func deliver() {
        for connection in network.connections {
            if !connection.isOpen, !connection.closed[0], time >= connection.opensAt { open(connection) }
            for end in 0..<2 {
                while let packet = connection.packets[end].first, packet.due <= time {
                    connection.packets[end].removeFirst()
                    deliver(packet, connection, end)
                }
            }
        }
    }

    private func open(_ connection: SimulatedNetwork.Connection) {
        let (dialer, target) = (nodes[connection.ends[0].node], nodes[connection.ends[1].node])
        guard dialer.isUp, target.isUp, !network.isCut(dialer.index, target.index) else {
            connection.closed = [true, true]
            dialer.replica?.closed(connection.ends[0].link, reason: "connection refused", now: dialer.now)
            dialer.touch()
            return
        }
        connection.isOpen = true
        target.replica?.accepted(connection.ends[1].link, peer: target.peers[dialer.index], now: target.now)
        dialer.replica?.opened(connection.ends[0].link, now: dialer.now)
        for node in [dialer, target] {
            node.touch()
            act(node)
        }
    }

    private func deliver(_ packet: SimulatedNetwork.Packet, _ connection: SimulatedNetwork.Connection, _ end: Int) {
        let (index, link) = connection.ends[end]
        let node = nodes[index]
        guard let replica = node.replica, !connection.closed[end] else { return }
        if let bytes = packet.bytes {
            for piece in network.pieces(bytes) { replica.received(link, piece, now: node.now) }
        } else {
            connection.closed[end] = true
            replica.closed(link, reason: "closed by the other side", now: node.now)
        }
        node.touch()
        act(node)
    }

    // MARK: Actions

    /// Does what a node's replica wants.
    package func act(_ node: SimulatedNode) {
        node.noteDurable()
        for action in node.takeActions() {
            switch action {
            case .dial(let link, let address): dial(node, link, address)
            case .send(let link, let bytes):
                guard let (connection, end) = network.find(node.index, link), !connection.closed[end] else { continue }
                if !network.send(bytes, on: connection, from: end, now: time) {
                    note("fault on \(link) of node\(node.index)")
                }
            case .close(let link, let reason):
                guard let (connection, end) = network.find(node.index, link), !connection.closed[end] else { continue }
                note("node\(node.index) closes \(link): \(reason)")
                connection.closed[end] = true
                if connection.isOpen {
                    _ = network.send(nil, on: connection, from: end, now: time)
                } else {
                    connection.closed = [true, true]
                }
            case .level(let id, let outcome): levels.append((node.index, id, outcome))
            case .verified(_, let verification): verifications.append(verification)
            case .engineChanged: node.forgetEnd()
            case .event(let event):
                note("node\(node.index) \(event)")
                if case .rewound = event { node.forgetEnd() }
                observe?(node, event)
            }
        }
    }

    private func dial(_ node: SimulatedNode, _ link: LinkID, _ address: String) {
        let target = nodes.first { $0.address == address }
        let connection = SimulatedNetwork.Connection(
            (node.index, link), (target?.index ?? node.index, target?.nextAccepted() ?? LinkID(.max)),
            opensAt: time + network.delay())
        network.connections.append(connection)
        guard target == nil || target === node else { return }
        connection.closed = [true, true]
        node.replica?.closed(link, reason: "nobody is there", now: node.now)
    }

    // MARK: Who is what

    /// The open primary of the highest epoch among the machines that are up.
    package var primary: SimulatedNode? {
        nodes.filter { $0.replica?.isOpenPrimary ?? false }.max {
            ($0.engine?.position ?? .start) < ($1.engine?.position ?? .start)
        }
    }
}

extension Replica {
    /// Whether it is a primary that takes writes.
    package var isOpenPrimary: Bool {
        let status = status
        return status.role == "primary" && status.stage == "open"
    }

    /// Role and stage, for a trace.
    package var roleText: String {
        let status = status
        return "\(status.role) \(status.stage)"
    }
}
