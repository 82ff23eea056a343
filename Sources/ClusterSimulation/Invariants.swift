package import GodwitEngine
internal import GodwitReplication

/// A rule was broken: what the simulation looks for.
package struct Violation: Error, CustomStringConvertible {
    package let description: String

    package init(description: String) { self.description = description }
}

/// What must hold after every step, whatever happened.
struct Invariants {
    /// Which node acknowledged writes in an epoch.
    private var owners: [Epoch: Int] = [:]
    /// The chain value at each position that was ever seen at the end of a history.
    private var chains: [Position: UInt64] = [:]
    /// Where epochs began, and what they follow, as the first node that had them said.
    private var epochs: [Epoch: EpochStart] = [:]

    /// A write was acknowledged by a node.
    mutating func acknowledged(_ position: Position, by node: Int) throws(Violation) {
        if let owner = owners[position.epoch], owner != node {
            throw Violation(description: "node\(node) and node\(owner) both acknowledged in epoch \(position.epoch)")
        }
        owners[position.epoch] = node
    }

    /// Looks at all nodes.
    mutating func check(_ nodes: [SimulatedNode]) throws(Violation) {
        for node in nodes {
            guard let engine = node.engine else { continue }
            try check(node, engine)
        }
        try compare(nodes)
    }

    private mutating func check(_ node: SimulatedNode, _ engine: Engine) throws(Violation) {
        let end = engine.historyPoint
        if let last = node.lastEnd, end.position < last.position {
            throw Violation(description: "node\(node.index) went back from \(last) to \(end) without a rewind")
        }
        node.lastEnd = end
        node.durable = engine.durablePoint
        if let known = chains[end.position], known != end.chain {
            throw Violation(
                description: "position \(end.position) stands for two batches: node\(node.index) has another")
        }
        chains[end.position] = end.chain
        for epoch in engine.epochHistory {
            if let known = epochs[epoch.epoch], known != epoch {
                throw Violation(description: "epoch \(epoch.epoch) began twice: node\(node.index) says \(epoch)")
            }
            epochs[epoch.epoch] = epoch
        }
    }

    /// Nodes at the same point have the same data.
    private func compare(_ nodes: [SimulatedNode]) throws(Violation) {
        var seen: [(node: SimulatedNode, end: HistoryPoint)] = []
        // One moment for all, which no clock has passed: nobody has dropped yet what expires later.
        let cut = nodes.compactMap { $0.engine?.now }.max() ?? 0
        for node in nodes {
            guard let engine = node.engine, let replica = node.replica, !replica.holdsSelection else { continue }
            let end = engine.historyPoint
            if let other = seen.first(where: { $0.end == end })?.node, try digest(node, cut) != digest(other, cut) {
                let (left, right) = (try content(node, cut), try content(other, cut))
                let first = zip(left, right).first { $0 != $1 } ?? (left.last ?? "", right.last ?? "")
                throw Violation(
                    description: "node\(node.index) and node\(other.index) differ at \(end): \(left.count) and "
                        + "\(right.count) entries, first \(first.0) and \(first.1)")
            }
            seen.append((node, end))
        }
    }

    /// A hash of everything that a node's readers see at a moment.
    private func digest(_ node: SimulatedNode, _ cut: UInt64) throws(Violation) -> UInt64 {
        let hash = ContentHash()
        let buffer = ByteWriter(capacity: 256)
        try visit(node, cut) { keyspace, key, value, deadline in
            buffer.reset(keeping: 1 << 20)
            buffer.append(keyspace.id)
            buffer.append(deadline)
            buffer.appendPrefixed(key)
            buffer.appendPrefixed(value)
            hash.update(buffer.view)
        }
        return hash.digest
    }

    /// The same for people.
    private func content(_ node: SimulatedNode, _ cut: UInt64) throws(Violation) -> [String] {
        var all: [String] = []
        try visit(node, cut) { keyspace, key, value, deadline in
            let (key, value) = (
                String(decoding: key.array, as: UTF8.self), String(decoding: value.array, as: UTF8.self)
            )
            all.append("\(keyspace.name) \(key) \(deadline) \(value)")
        }
        return all
    }

    private func visit(
        _ node: SimulatedNode, _ cut: UInt64, _ body: (Keyspace, ByteView, ByteView, UInt64) -> Void
    ) throws(Violation) {
        guard let engine = node.engine else { return }
        do throws(EngineError) {
            let snapshot = try engine.snapshot()
            // What is kept to some regions is not everywhere.
            for keyspace in engine.keyspaces where keyspace.settings.regions.isEmpty {
                try engine.scan(.all, in: keyspace, at: snapshot, cut: cut) { key, value, deadline in
                    body(keyspace, key, value, deadline)
                    return true
                }
            }
        } catch {
            throw Violation(description: "node\(node.index) cannot be read: \(error)")
        }
    }
}

extension SimulatedNode {
    /// Whether a position is in this node's history.
    package func has(_ position: Position) -> Bool {
        guard let engine else { return false }
        return engine.has(position)
    }
}

extension Engine {
    func has(_ position: Position) -> Bool {
        let epochs = epochHistory
        guard let index = epochs.firstIndex(where: { $0.epoch == position.epoch }) else { return false }
        let end = index + 1 < epochs.count ? epochs[index + 1].parent.position.sequence : historyPoint.position.sequence
        return position.sequence <= end
    }
}
