internal import GodwitEngine
internal import GodwitNode
internal import GodwitReplication

/// What load balancers are told of a node: why it is not well, or not ready, or nil.
struct Health {
    let status: ReplicaStatus
    /// Whether the node has data to read.
    var hasData = true
    /// Whether the log of the node's engine can no longer be trusted.
    var isPoisoned = false
    /// Whether it is known as of when the node's reads show everything.
    var knowsFreshness = true

    init(_ status: ReplicaStatus) { self.status = status }

    init(_ node: Node) async throws(NodeError) {
        self.init(try await node.status())
        let engine = node.engine
        hasData = engine != nil
        isPoisoned = engine?.isPoisoned ?? false
        knowsFreshness = node.knowsFreshness
    }

    /// Why the node cannot serve its role, or is not what was asked for.
    func sickness(maxLag: Duration? = nil, role: String? = nil) -> String? {
        if isPoisoned { return "the log cannot be trusted any more; restart the node" }
        if let role, role != status.role { return "the role is \(status.role), not \(role)" }
        guard let maxLag else { return nil }
        guard let milliseconds = lagMilliseconds else { return "how far the node is behind is not known" }
        if status.role == "primary" || Duration.milliseconds(Int64(milliseconds)) <= maxLag { return nil }
        return "the node is \(milliseconds) ms behind"
    }

    /// Why traffic of the node's role should not come.
    func unreadiness() -> String? {
        if let reason = sickness() { return reason }
        if !hasData { return "the node has no data yet" }
        return status.role == "follower" ? nil : status.refusingWrites
    }

    /// How far the node is behind, or its furthest follower; nil when nobody knows.
    var lagMilliseconds: UInt64? { knowsFreshness ? status.lag.milliseconds : nil }
}
