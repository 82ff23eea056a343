import ClusterSimulation
import GodwitSimulation
import Testing

@testable import GodwitEngine
@testable import GodwitReplication

/// A primary and a follower that has all it has.
struct Pair {
    let cluster: Cluster
    let leader: SimulatedNode
    let follower: SimulatedNode

    init(
        seed: UInt64, _ change: (inout ReplicaOptions) -> Void = { _ in },
        before: (SimulatedNode) throws -> Void = { _ in }
    ) throws {
        cluster = Cluster(seed: seed)
        leader = cluster.add("us", following: nil, change)
        follower = cluster.add("eu", following: 0, change)
        try cluster.start(leader)
        try before(leader)
        try cluster.start(follower)
        try #require(cluster.settle(), "\(cluster.trace.suffix(20).joined(separator: "\n"))")
    }

    /// How many full copies the follower has installed.
    var copies: Int {
        follower.events.count { if case .copied = $0 { true } else { false } }
    }
}

/// Puts a range of keys, unsynced.
func fill(_ node: SimulatedNode, _ numbers: Range<Int>, _ value: String = "v") throws {
    let engine = try #require(node.engine)
    for number in numbers { try engine.put("k\(number)", "\(value) \(number)", durability: .buffered) }
    node.touch()
}

/// Everything that readers of a node see, in order.
func contents(_ node: SimulatedNode) throws -> [String] {
    let engine = try #require(node.engine)
    var all: [String] = []
    for keyspace in engine.keyspaces {
        try engine.scan(in: keyspace) { key, value in
            let text = { (span: RawSpan) in String(decoding: span.withView { $0.array }, as: UTF8.self) }
            all.append("\(keyspace.name)/\(text(key))=\(text(value))")
            return true
        }
    }
    return all
}

extension Cluster {
    /// Whether all machines that are up have the same history, that of the primary.
    var isSettled: Bool {
        guard let end = primary?.engine?.historyPoint else { return false }
        return nodes.allSatisfy { node in
            guard let status = node.replica?.status else { return true }
            return node.engine?.historyPoint == end && status.upstream?.stage ?? "streaming" == "streaming"
        }
    }

    /// Lets time pass until all have the same history.
    func settle(atMost milliseconds: Int = 60_000) -> Bool { run(atMost: milliseconds) { isSettled } }
}

extension SimulatedNode {
    /// Whether any file on the disk holds these bytes.
    func holds(_ bytes: [UInt8], in directory: String = "/store") throws -> Bool {
        for name in try disk.list(directory) {
            let path = directory + "/" + name
            if (try? disk.list(path)) != nil {
                if try holds(bytes, in: path) { return true }
                continue
            }
            let file = try disk.open(path, .read)
            let content = try file.read(Int(try file.size()), at: 0)
            if content.indices.contains(where: { content[$0...].starts(with: bytes) }) { return true }
        }
        return false
    }
}

extension Engine {
    /// Changes data without a trace in the history, as a failing machine might.
    func damage(put key: String, _ value: String, delete: String, add: String) throws {
        let tree = defaultKeyspace.tree
        let sequence = position.sequence
        let memtable = tree.view.active
        func insert(_ key: String, _ value: String, _ kind: EntryKind) {
            Array(key.utf8).withView { key in
                Array(value.utf8).withView { value in
                    memtable.insert(
                        key: key, hash: key.hash(seed: store.hashSeed), sequence: sequence, kind: kind, deadline: 0,
                        value: value)
                }
            }
        }
        insert(key, value, .put)
        insert(delete, "", .delete)
        insert(add, "1", .put)
    }
}
