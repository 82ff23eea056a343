internal import GodwitEngine

/// What a node remembers of its role, in `replication/state`. Synced before it takes effect.
///
///     godwit replica  1
///     role            primary | follower | deposed
///     leader          HOST:PORT or nothing
///     configured      what the options said when this was written
///     newest          epoch number, tag
///     clean           1 after a close in order
///     intent          epoch number, tag: of an epoch about to be begun here; when the history has it, it was
///     handover        node id, address, then the four fields of a point; only while one is in doubt
struct ReplicaState: Equatable {
    enum Role: String {
        case primary, follower, deposed
    }

    /// A switchover whose outcome is not known yet.
    struct Handover: Equatable {
        var node: NodeID
        var address: String
        /// The last record of this node's reign.
        var end: HistoryPoint
    }

    var role: Role
    /// The address of the node that is followed, or was.
    var leader: String?
    /// The leader that the options named: when they name another, the operator means it.
    var configured: String?
    /// The highest epoch heard of.
    var newest = Epoch.none
    /// Whether the node was closed in order: then its log is whole.
    var isClean = false
    /// The epoch that this node is about to begin as primary.
    var intent: Epoch?
    var handover: Handover?

    private static let file = "state"

    /// What `directory` has stored; nil when nothing is.
    static func load(_ fileSystem: any FileSystem, from directory: String) throws(EngineError) -> ReplicaState? {
        let file = StoredText(fileSystem, in: directory, Self.file)
        guard let lines = try file.read() else { return nil }
        guard lines.first == ["godwit replica", "1"] else { throw file.malformed() }
        var state = ReplicaState(role: .follower)
        for line in lines.dropFirst() {
            guard state.read(line) else { throw file.malformed() }
        }
        return state
    }

    private mutating func read(_ line: [String]) -> Bool {
        let fields = line.dropFirst()
        switch (line.first, fields.count) {
        case ("role", 1):
            guard let role = Role(rawValue: line[1]) else { return false }
            self.role = role
        case ("leader", 1): leader = line[1].isEmpty ? nil : line[1]
        case ("configured", 1): configured = line[1].isEmpty ? nil : line[1]
        case ("newest", 2), ("intent", 2):
            guard let number = UInt32(line[1]), let tag = UInt32(line[2], radix: 16) else { return false }
            let epoch = Epoch(number: number, tag: tag)
            if line[0] == "newest" { newest = epoch } else { intent = epoch }
        case ("clean", 1): isClean = line[1] == "1"
        case ("handover", 6):
            guard let node = NodeID(line[1]), let end = HistoryPoint(fields: line[3...]) else { return false }
            handover = Handover(node: node, address: line[2], end: end)
        default: return false
        }
        return true
    }

    /// Stores it. Durable when it returns.
    func save(_ fileSystem: any FileSystem, to directory: String) throws(EngineError) {
        var lines = [
            ["godwit replica", "1"], ["role", role.rawValue], ["leader", leader ?? ""],
            ["configured", configured ?? ""],
            ["newest"] + Self.fields(newest), ["clean", isClean ? "1" : "0"],
        ]
        if let intent { lines.append(["intent"] + Self.fields(intent)) }
        if let handover {
            lines.append(["handover", handover.node.description, handover.address] + handover.end.fields)
        }
        try StoredText(fileSystem, in: directory, Self.file).write(lines)
    }

    private static func fields(_ epoch: Epoch) -> [String] {
        [String(epoch.number), StoredText.hex(UInt64(epoch.tag), 8)]
    }
}
