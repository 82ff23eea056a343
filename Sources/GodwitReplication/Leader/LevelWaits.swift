internal import GodwitEngine

/// The writers who wait until other nodes have their write. A level is the n-th highest position among the nodes, so
/// one look at the nodes tells for all who wait for it. Of a write to keyspaces that are kept to some regions only the
/// nodes there count: the others have its place in the log, and not the write.
struct LevelWaits {
    struct Waiter {
        let id: UInt64
        let level: WriteLevel
        let position: Position
        let written: [WrittenKeyspace]
        let until: UInt64

        /// Those of the nodes that may hold the write, as the settings were before it and are now.
        fileprivate func counted(_ all: Reach, _ settings: (KeyspaceID) -> KeyspaceSettings?) -> Reach {
            let rules = written.flatMap { [$0.settings, settings($0.id)] }
            if rules.allSatisfy({ $0?.isForAll ?? false }) { return all }
            return Reach(
                all.holders.filter { holder in
                    let region = RegionID.of(holder.region)
                    return rules.allSatisfy { $0?.isFor(region) ?? false }
                })
        }
    }

    /// How far one node has come.
    struct Holder {
        let region: String
        let received: SequenceNumber
        let durable: SequenceNumber
    }

    /// How far the nodes have come, the furthest first.
    fileprivate struct Reach {
        let holders: [Holder]
        let received: [SequenceNumber]
        let durable: [SequenceNumber]

        init(_ holders: [Holder]) {
            self.holders = holders
            received = holders.map(\.received).sorted(by: >)
            durable = holders.map(\.durable).sorted(by: >)
        }

        func has(_ level: WriteLevel, _ position: Position) -> Bool {
            switch level {
            case .local: true
            case .received(let count): count <= received.count && received[count - 1] >= position.sequence
            case .durable(let count): count <= durable.count && durable[count - 1] >= position.sequence
            }
        }

        /// The regions of the nodes that have a write as its level means it, the own first, each once.
        func regions(holding waiter: Waiter, own region: String) -> [String] {
            var regions = [region]
            for holder in holders {
                let sequence: SequenceNumber
                switch waiter.level {
                case .local, .received: sequence = holder.received
                case .durable: sequence = holder.durable
                }
                if sequence >= waiter.position.sequence, !regions.contains(holder.region) {
                    regions.append(holder.region)
                }
            }
            return regions
        }
    }

    private var waiters: [Waiter] = []
    /// The earliest end of a wait; late by at most what was taken out since.
    private(set) var nextDeadline: UInt64?

    var isEmpty: Bool { waiters.isEmpty }

    mutating func add(_ waiter: Waiter) {
        waiters.append(waiter)
        nextDeadline = min(nextDeadline ?? .max, waiter.until)
    }

    /// Takes out those who are done waiting, in the order they came.
    ///
    /// - Parameter settings: What a keyspace has for settings by now.
    mutating func settle(
        _ holders: [Holder], own region: String, now: UInt64, _ settings: (KeyspaceID) -> KeyspaceSettings?
    ) -> [(UInt64, LevelOutcome)] {
        if waiters.isEmpty { return [] }
        let all = Reach(holders)
        var done: [(UInt64, LevelOutcome)] = []
        waiters.removeAll { waiter in
            let reach = waiter.counted(all, settings)
            let reached = reach.has(waiter.level, waiter.position)
            guard reached || now >= waiter.until else { return false }
            let regions = reach.regions(holding: waiter, own: region)
            done.append(
                (
                    waiter.id,
                    reached ? .reached(heldBy: regions) : .unconfirmed(position: waiter.position, heldBy: regions)
                ))
            return true
        }
        nextDeadline = waiters.map(\.until).min()
        return done
    }

    /// Takes out everybody: nothing more can be confirmed here.
    mutating func giveUp(
        _ holders: [Holder], own region: String, _ settings: (KeyspaceID) -> KeyspaceSettings?
    ) -> [(UInt64, LevelOutcome)] {
        defer {
            waiters = []
            nextDeadline = nil
        }
        let all = Reach(holders)
        return waiters.map { waiter in
            let regions = waiter.counted(all, settings).regions(holding: waiter, own: region)
            return (waiter.id, .unconfirmed(position: waiter.position, heldBy: regions))
        }
    }
}
