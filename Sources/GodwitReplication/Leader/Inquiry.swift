internal import GodwitEngine

/// A restarted primary asks the nodes in its slots, at the addresses they had, before it takes writes: whether a newer
/// epoch has begun, and whether they hold more than is here. They are asked again and again until it is over: who
/// answers may hear of the newer epoch after that.
final class Inquiry {
    private struct Question {
        let address: String
        var link: Link?
        var next: UInt64
    }

    /// Nanoseconds between two attempts to ask a node.
    private static let pause: UInt64 = 500_000_000

    private unowned let core: ReplicaCore
    private unowned let replica: Replica
    private var questions: [Question]

    init(_ core: ReplicaCore, _ replica: Replica, now: UInt64) {
        self.core = core
        self.replica = replica
        questions = core.slots.all.filter { !$0.address.isEmpty && $0.address != core.options.advertised }.map {
            Question(address: $0.address, next: now)
        }
    }

    private func index(of link: Link) -> Int? { questions.firstIndex { $0.link === link } }

    /// Dials who is due; returns when to look again.
    func poll(now: UInt64) -> UInt64 {
        var next = UInt64.max
        for index in questions.indices {
            if let link = questions[index].link {
                let silence = link.heard + core.options.silence * 1_000_000
                if now < silence {
                    next = min(next, silence)
                    continue
                }
                core.close(link, "nothing was heard for \(core.options.silence) ms")
                closed(link, now: now)
            }
            if now >= questions[index].next {
                let link = replica.makeLink(now: now)
                questions[index].link = link
                core.act(.dial(link.id, questions[index].address))
            }
            next = min(next, max(now + 1, questions[index].next))
        }
        return next
    }

    /// A node is reached.
    func opened(_ link: Link, now: UInt64) {
        guard index(of: link) != nil, let store = core.engine?.storeID else { return }
        link.heard = now
        core.send(.ask(Asker(node: core.node, store: store, address: core.options.advertised)), on: link)
    }

    /// A node is not reached, or not any more.
    func closed(_ link: Link, now: UInt64) {
        guard let index = index(of: link) else { return }
        questions[index].link = nil
        questions[index].next = now + Self.pause
    }

    /// A node answered; what it said is judged by the replica.
    func answered(_ link: Link, now: UInt64) {
        core.close(link, "the question is answered")
        closed(link, now: now)
    }

    /// Nobody is asked any more.
    func end() {
        for question in questions {
            if let link = question.link { core.close(link, "the question is void") }
        }
        questions = []
    }
}

extension Replica {
    /// A restarted primary asks how things stand.
    func tell(_ asker: Asker, over link: Link, epoch: Epoch, now: UInt64) throws(EngineError) {
        guard let engine = core.engine, engine.storeID == asker.store else {
            return core.close(link, "this node is not of the store \(asker.store)")
        }
        try learn(epoch, now: now)
        var standing = Standing(
            node: core.node, store: engine.storeID, end: engine.historyPoint, leader: "", isPrimary: false)
        switch role {
        case .primary:
            (standing.isPrimary, standing.leader) = (true, core.options.advertised)
        case .follower(let session):
            standing.leader = session.leader
            // It may have to get back from here what it lost.
            if session.leader == asker.address { session.hurry(now: now) }
        case .deposed: break
        }
        core.send(.standing(standing), on: link)
    }

    /// A node in a slot says how things stand.
    func heard(_ standing: Standing, over link: Link, epoch: Epoch, now: UInt64) throws(EngineError) {
        guard case .primary(let reign) = role, case .recovering = reign.state, let inquiry = reign.inquiry,
            let engine = core.engine, engine.storeID == standing.store
        else { return core.close(link, "nothing was asked") }
        inquiry.answered(link, now: now)
        if epoch > core.state.newest {
            try learn(epoch, now: now)
            guard !standing.leader.isEmpty, standing.leader != core.options.advertised else { return }
            // Somebody was promoted meanwhile: this node is its follower, and what only it has becomes a tail.
            return try follow(standing.leader, now: now)
        }
        let own = engine.historyPoint.position
        if standing.end.position <= own { reign.settled(standing.node) }
    }
}
