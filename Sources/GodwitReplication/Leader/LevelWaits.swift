internal import GodwitEngine

/// The writers who wait until other nodes have their write. A level is the n-th highest position among the nodes, so
/// one look at the nodes tells for all who wait for it.
struct LevelWaits {
    struct Waiter {
        let id: UInt64
        let level: WriteLevel
        let position: Position
        let until: UInt64
    }

    /// How far one node has come.
    struct Holder {
        let region: String
        let received: SequenceNumber
        let durable: SequenceNumber
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
    mutating func settle(_ holders: [Holder], own region: String, now: UInt64) -> [(UInt64, LevelOutcome)] {
        if waiters.isEmpty { return [] }
        let received = holders.map(\.received).sorted(by: >)
        let durable = holders.map(\.durable).sorted(by: >)
        var done: [(UInt64, LevelOutcome)] = []
        waiters.removeAll { waiter in
            let reached =
                switch waiter.level {
                case .local: true
                case .received(let count): count <= received.count && received[count - 1] >= waiter.position.sequence
                case .durable(let count): count <= durable.count && durable[count - 1] >= waiter.position.sequence
                }
            guard reached || now >= waiter.until else { return false }
            let regions = Self.regions(holding: waiter, holders, own: region)
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
    mutating func giveUp(_ holders: [Holder], own region: String) -> [(UInt64, LevelOutcome)] {
        defer {
            waiters = []
            nextDeadline = nil
        }
        return waiters.map { waiter in
            let regions = Self.regions(holding: waiter, holders, own: region)
            return (waiter.id, .unconfirmed(position: waiter.position, heldBy: regions))
        }
    }

    /// The regions of the nodes that have a write as its level means it, the own first, each once.
    private static func regions(holding waiter: Waiter, _ holders: [Holder], own region: String) -> [String] {
        var regions = [region]
        for holder in holders {
            let sequence: SequenceNumber
            switch waiter.level {
            case .local, .received: sequence = holder.received
            case .durable: sequence = holder.durable
            }
            if sequence >= waiter.position.sequence, !regions.contains(holder.region) { regions.append(holder.region) }
        }
        return regions
    }
}
