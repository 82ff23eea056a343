internal import GodwitEngine

extension Replica {
    /// Everything an operator sees, as of the last poll.
    package var status: ReplicaStatus {
        var status = ReplicaStatus()
        (status.role, status.stage) = roleNames
        status.region = core.options.region
        status.node = core.node.description
        status.advertised = core.options.advertised
        status.newestEpoch = core.state.newest.description
        status.isPartial = core.isPartial
        status.refusingWrites = refusing
        status.switchover = lastSwitchover
        status.refusals = core.refusals
        status.errors = core.errors
        status.members = core.slots.all.map(MemberStatus.init)
        status.slots = core.slots.all.map { slot in
            let held = samples.lag(of: slot.durable, now: lastPoll).bytes
            return SlotStatus(
                node: slot.node.description, region: slot.region, keptAfter: slot.durable, bytes: held,
                isLost: slot.isLost)
        }
        status.recovery = core.reports.map { report in
            var report = report
            report.rows = Array(report.rows.prefix(1000))
            return report
        }
        status.copies = copies.status
        if let engine = core.engine { describe(engine, in: &status) }
        describeLinks(in: &status)
        return status
    }

    private func describe(_ engine: Engine, in status: inout ReplicaStatus) {
        let point = engine.historyPoint
        status.store = engine.storeID.description
        status.epoch = point.position.epoch.description
        status.position = point.position.description
        status.sequence = point.position.sequence
        status.durable = engine.durablePoint.position.sequence
        status.chain = StoredText.hex(point.chain)
    }

    private func describeLinks(in status: inout ReplicaStatus) {
        let linked = shippers.filter { $0.hello != nil && !$0.link.isClosed }
        status.followers = linked.map(describe)
        switch role {
        case .primary:
            status.followers += absent(linked).map(describeAbsent)
            status.lag = status.followers.map(\.lag).min { $0.records < $1.records } ?? Lag()
        case .deposed: break
        case .follower(let session):
            status.leader = session.leader
            var upstream = session.figures
            upstream.stage = session.stage
            upstream.throughput = session.throughput.rate(upstream.bytes, now: lastPoll)
            let applied = status.sequence
            upstream.sent = max(session.leaderEnd?.position.sequence ?? 0, applied)
            upstream.lag.milliseconds = (lastPoll - min(session.freshness.asOf ?? 0, lastPoll)) / 1_000_000
            // Nobody knows what a leader that is not heard has written: then it is one record at least.
            let isHeard = session.isStreaming && upstream.lag.milliseconds <= 2 * core.options.heartbeat
            upstream.lag.records = max(upstream.sent - applied, isHeard && session.backlog.isEmpty ? 0 : 1)
            status.upstream = upstream
            status.lag = upstream.lag
            if let copy = session.copyStatus { status.copies.append(copy) }
        }
    }

    private func describe(_ shipper: Shipper) -> LinkStatus {
        guard let hello = shipper.hello else { return LinkStatus() }
        let progress = shipper.progress
        // Before it streams, what it said last counts.
        let received = shipper.isStreaming ? progress.received : core.slots[hello.node]?.received ?? 0
        var link = figures(of: hello.node, at: received)
        (link.region, link.address, link.isConnected, link.stage) = (hello.region, hello.address, true, shipper.stage)
        (link.sent, link.received) = (progress.sent, progress.received)
        (link.durable, link.applied) = (progress.durable, progress.applied)
        link.throughput = core.figures[hello.node]?.throughput.rate(link.bytes, now: lastPoll) ?? 0
        return link
    }

    /// The nodes with a slot that neither follow this one now nor one that does: they are behind, and more so with each
    /// write.
    private func absent(_ linked: [Shipper]) -> [Slot] {
        let present = linked.compactMap { $0.hello?.node } + linked.flatMap { $0.members.map(\.node) }
        return core.slots.all.filter { !present.contains($0.node) }
    }

    /// A follower without a link, as it was when last heard of.
    private func describeAbsent(_ slot: Slot) -> LinkStatus {
        var link = figures(of: slot.node, at: slot.received)
        (link.region, link.address, link.stage) = (slot.region, slot.address, "disconnected")
        (link.sent, link.received) = (slot.received, slot.received)
        (link.durable, link.applied) = (slot.durable, slot.received)
        return link
    }

    /// What has happened on the links with a node, and how far it lags that has everything up to `received`.
    private func figures(of node: NodeID, at received: SequenceNumber) -> LinkStatus {
        let figures = core.figures[node] ?? PeerFigures()
        let lag = samples.lag(of: received, now: lastPoll)
        let (p50, p99, longest) = figures.lag.figures
        var link = LinkStatus()
        link.node = node.description
        link.lag = Lag(
            records: lag.records, bytes: lag.bytes, milliseconds: lag.nanoseconds / 1_000_000, p50: p50, p99: p99,
            max: longest)
        link.bytes = figures.bytes
        link.reconnects = max(1, figures.handshakes) - 1
        (link.partialSyncs, link.fullSyncs, link.rewinds) = (figures.partialSyncs, figures.fullSyncs, figures.rewinds)
        return link
    }

    /// What reads of this node may count on.
    package var freshness: Freshness {
        let position = core.engine?.historyPoint.position ?? .start
        switch role {
        case .primary(let reign):
            if case .recovering = reign.state { return Freshness(position: position, asOf: nil) }
            return Freshness(position: position, asOf: lastPoll)
        case .follower(let session): return Freshness(position: position, asOf: session.freshness.asOf)
        case .deposed: return Freshness(position: position, asOf: nil)
        }
    }
}

extension MemberStatus {
    init(_ slot: Slot) {
        self.init(
            node: slot.node.description, region: slot.region, address: slot.address, isPartial: slot.isPartial,
            received: slot.received, durable: slot.durable)
    }
}
