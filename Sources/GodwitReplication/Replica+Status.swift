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
        status.followers = shippers.filter { $0.hello != nil }.map(describe)
        switch role {
        case .primary: status.lag = status.followers.map(\.lag).min { $0.records < $1.records } ?? Lag()
        case .deposed: break
        case .follower(let session):
            status.leader = session.leader
            var upstream = session.figures
            upstream.stage = session.stage
            upstream.throughput = session.throughput.rate(upstream.bytes, now: lastPoll)
            let applied = status.sequence
            upstream.sent = max(session.leaderEnd?.position.sequence ?? 0, applied)
            upstream.lag.records = upstream.sent - applied
            upstream.lag.milliseconds = (lastPoll - min(session.freshness.asOf ?? 0, lastPoll)) / 1_000_000
            status.upstream = upstream
            status.lag = upstream.lag
            if let copy = session.copyStatus { status.copies.append(copy) }
        }
    }

    private func describe(_ shipper: Shipper) -> LinkStatus {
        var link = LinkStatus()
        guard let hello = shipper.hello else { return link }
        link.node = hello.node.description
        link.region = hello.region
        link.address = hello.address
        link.isConnected = !shipper.link.isClosed
        link.stage = shipper.stage
        let progress = shipper.progress
        (link.sent, link.received) = (progress.sent, progress.received)
        (link.durable, link.applied, link.bytes) = (progress.durable, progress.applied, progress.bytes)
        let lag = samples.lag(of: progress.received, now: lastPoll)
        let figures = core.figures[hello.node] ?? PeerFigures()
        let (p50, p99, longest) = figures.lag.figures
        link.lag = Lag(
            records: lag.records, bytes: lag.bytes, milliseconds: lag.nanoseconds / 1_000_000, p50: p50, p99: p99,
            max: longest)
        link.throughput = figures.throughput.rate(progress.bytes, now: lastPoll)
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
