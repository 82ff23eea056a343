internal import GodwitEngine

/// What is known of another node of the history: how far it has the log, and that the log is kept for it.
struct Slot: Equatable {
    let node: NodeID
    var region: String
    var address: String
    var isPartial: Bool
    /// Whether it was the primary when last heard of.
    var isPrimary = false
    /// What survives a power loss over there: the log is kept after it.
    var durable: SequenceNumber
    /// What is in its log. Not stored: a node says it anew when it comes.
    var received: SequenceNumber
    /// Whether the log it needs was given up.
    var isLost: Bool

    init(
        node: NodeID, region: String, address: String, isPartial: Bool, isPrimary: Bool = false,
        durable: SequenceNumber, received: SequenceNumber, isLost: Bool
    ) {
        self.node = node
        self.region = region
        self.address = address
        self.isPartial = isPartial
        self.isPrimary = isPrimary
        self.durable = durable
        self.received = received
        self.isLost = isLost
    }

    init(_ member: Member, isLost: Bool) {
        self.init(
            node: member.node, region: member.region, address: member.address, isPartial: member.isPartial,
            isPrimary: member.isPrimary, durable: member.durable, received: member.received, isLost: isLost)
    }

    /// As it is told to others.
    var member: Member {
        Member(
            node: node, region: region, address: address, isPartial: isPartial, isPrimary: isPrimary,
            received: received, durable: durable)
    }

    /// The name of the engine's hold for it.
    var holdName: String { "slot \(node)" }
}

/// The slots, in `replication/slots`: rewritten at most once a second, since an old position only keeps more log.
/// A primary has one for each follower it has had; a follower keeps what its leader told it of the others, and these
/// become its slots when it is promoted.
struct Slots {
    private(set) var all: [Slot] = []
    private var isChanged = false
    private var lastSaved: UInt64 = 0

    private static let file = "slots"
    static let interval: UInt64 = 1_000_000_000

    init(_ fileSystem: any FileSystem, from directory: String) throws(EngineError) {
        let file = StoredText(fileSystem, in: directory, Self.file)
        guard let lines = try file.read() else { return }
        guard lines.first == ["godwit slots", "1"] else { throw file.malformed() }
        for line in lines.dropFirst() {
            guard line.count == 8, line[0] == "slot", let node = NodeID(line[1]), let durable = UInt64(line[6]) else {
                throw file.malformed()
            }
            all.append(
                Slot(
                    node: node, region: line[2], address: line[3], isPartial: line[4] == "1", isPrimary: line[5] == "1",
                    durable: durable, received: durable, isLost: line[7] == "1"))
        }
    }

    /// The slot of a node.
    subscript(node: NodeID) -> Slot? { all.first { $0.node == node } }

    /// Sets or adds a slot; they stay in the order of their nodes.
    mutating func update(_ slot: Slot) {
        guard let index = all.firstIndex(where: { $0.node >= slot.node }) else {
            all.append(slot)
            isChanged = true
            return
        }
        if all[index].node == slot.node {
            if all[index] == slot { return }
            all[index] = slot
        } else {
            all.insert(slot, at: index)
        }
        isChanged = true
    }

    /// Changes a slot that is there.
    mutating func change(_ node: NodeID, _ body: (inout Slot) -> Void) {
        guard var slot = self[node] else { return }
        body(&slot)
        update(slot)
    }

    /// Forgets the slots for which `isGone` says so.
    mutating func remove(where isGone: (Slot) -> Bool) {
        let count = all.count
        all.removeAll(where: isGone)
        if all.count != count { isChanged = true }
    }

    /// When `save` has something to do next; nil for nothing.
    var nextSave: UInt64? { isChanged ? lastSaved + Self.interval : nil }

    /// Stores them when they have changed and a second has passed, or at once.
    mutating func save(
        _ fileSystem: any FileSystem, to directory: String, now: UInt64, atOnce: Bool = false
    ) throws(EngineError) {
        guard isChanged, atOnce || now >= lastSaved + Self.interval else { return }
        lastSaved = max(lastSaved, now)
        let lines = all.map { slot in
            [
                "slot", slot.node.description, slot.region, slot.address, slot.isPartial ? "1" : "0",
                slot.isPrimary ? "1" : "0", String(slot.durable), slot.isLost ? "1" : "0",
            ]
        }
        try StoredText(fileSystem, in: directory, Self.file).write([["godwit slots", "1"]] + lines)
        isChanged = false
    }
}
