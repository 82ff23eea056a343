internal import GodwitEngine

/// A node's comparison of its data with that of its followers.
///
/// 1. A primary's log gets a marker record; one that only passes the log on takes its end. Each follower is stopped
///    exactly there for the moment of taking a snapshot.
/// 2. The cut is the latest of the nodes' clocks plus a second: what expires by then is absent on all sides.
/// 3. Range by range the primary sends count and hash, a few at a time; a range that differs is listed entry by entry.
final class Verification {
    let id: UInt64
    private let engine: Engine
    private let point: HistoryPoint
    private let snapshot: Snapshot
    private let cut: UInt64
    private var peers: [VerificationPeer] = []

    init(
        _ id: UInt64, _ engine: Engine, _ own: KeyspaceSelection, _ shippers: [Shipper], marks: Bool
    ) throws(EngineError) {
        self.id = id
        self.engine = engine
        let connected = shippers.filter { !$0.link.isClosed }
        let streaming = connected.filter(\.isStreaming)
        cut = (streaming.map(\.progress.time) + [engine.now]).reduce(0, max) + 1000
        (point, snapshot) = try marks ? engine.mark(Array("verify \(id)".utf8)) : engine.pinned()
        for shipper in connected {
            guard let hello = shipper.hello else { continue }
            let peer = VerificationPeer(hello, shipper.link, engine, own)
            peers.append(peer)
            guard shipper.isStreaming else {
                peer.fail("it does not follow the log yet, but is at `\(shipper.stage)`")
                continue
            }
            let begin = DigestRequest.Task.begin(point, cut: cut, keyspaces: peer.keyspaces.map(\.id))
            shipper.ask(DigestRequest(id: id, task: begin), at: point)
        }
    }

    /// Sends the next range to each follower that has room; returns whether there is more to send at once.
    func step(_ core: ReplicaCore, _ shippers: [Shipper]) -> Bool {
        var isBusy = false
        for peer in peers {
            guard let task = peer.nextTask(engine, at: snapshot, cut: cut) else { continue }
            core.send(.digestRequest(DigestRequest(id: id, task: task)), on: peer.link)
            isBusy = true
        }
        return isBusy
    }

    /// A follower's answer.
    func take(_ reply: DigestReply, from shipper: Shipper) {
        guard reply.id == id, let peer = peers.first(where: { $0.link === shipper.link }) else { return }
        peer.take(reply.result, engine, at: snapshot, cut: cut)
    }

    /// A follower is gone.
    func parted(_ shipper: Shipper) {
        peers.first { $0.link === shipper.link }?.fail("the link ended")
    }

    /// The outcome; nil while it goes on.
    var outcome: NodeVerification? {
        guard peers.allSatisfy(\.isDone) else { return nil }
        return NodeVerification(position: point.position.description, cut: cut, nodes: peers.map(\.result))
    }
}

/// One follower's part of a verification.
final class VerificationPeer {
    private enum Question {
        case begin
        case compare(DigestRange, count: UInt64)
        case list(DigestRange, found: [(key: [UInt8], hash: UInt64)])
    }

    /// How many ranges are on their way at once.
    private static let window = 4
    private static let mostDifferences = 1000

    let link: Link
    private(set) var keyspaces: [Keyspace]
    private(set) var result: NodeVerification.Node
    private(set) var isDone = false
    private var isReady = false
    /// What was asked, in order; answers come in the same.
    private var asked: [Question] = [.begin]
    /// What is to be listed next.
    private var lists: [DigestRange] = []
    private var next: (keyspace: Int, lower: [UInt8])? = (0, [])

    init(_ hello: Hello, _ link: Link, _ engine: Engine, _ own: KeyspaceSelection) {
        self.link = link
        let selection = hello.selection
        // What one of both is not to have is not compared.
        let all = engine.keyspaces
        keyspaces = all.filter { selection.takes($0) && own.takes($0) }
        let skipped = all.filter { !selection.takes($0) || !own.takes($0) }.map(\.name)
        result = NodeVerification.Node(
            node: hello.node.description, region: hello.region, entries: 0, skipped: skipped, differences: [],
            failure: nil)
    }

    func fail(_ reason: String) {
        if isDone { return }
        result.failure = reason
        isDone = true
    }

    /// What to ask next, if there is room.
    func nextTask(_ engine: Engine, at snapshot: Snapshot, cut: UInt64) -> DigestRequest.Task? {
        guard isReady, !isDone, asked.count < Self.window else { return nil }
        if !lists.isEmpty {
            let range = lists.removeFirst()
            asked.append(.list(range, found: []))
            return .list(range)
        }
        guard let (index, lower) = next, index < keyspaces.count else {
            if asked.isEmpty { isDone = true }
            return isDone ? .end : nil
        }
        do throws(EngineError) {
            let keyspace = keyspaces[index]
            let piece = try RangeDigest.piece(engine, keyspace, from: lower, at: snapshot, cut: cut)
            let range = DigestRange(keyspace: keyspace.id, lower: lower, upper: piece.upper)
            next = piece.upper.map { (index, $0) } ?? (index + 1, [])
            asked.append(.compare(range, count: piece.count))
            return .compare(range, count: piece.count, hash: piece.hash)
        } catch {
            fail(error.description)
            return .end
        }
    }

    /// Takes an answer.
    func take(_ answer: DigestReply.Result, _ engine: Engine, at snapshot: Snapshot, cut: UInt64) {
        guard !isDone, !asked.isEmpty else { return }
        let question = asked.removeFirst()
        switch (question, answer) {
        case (_, .failed(let reason)): fail(reason)
        case (.begin, .ready(let lacking)):
            result.skipped += keyspaces.filter { lacking.contains($0.id) }.map(\.name)
            keyspaces.removeAll { lacking.contains($0.id) }
            isReady = true
        case (.compare(let range, let count), .compared(let isEqual)):
            result.entries += count
            if !isEqual { lists.append(range) }
        case (.list(let range, let before), .listed(let entries, let more)):
            listed(range, before + entries, more, engine, at: snapshot, cut: cut)
        default: fail("the follower answered something else than was asked")
        }
    }

    private func listed(
        _ range: DigestRange, _ entries: [(key: [UInt8], hash: UInt64)], _ more: Bool, _ engine: Engine,
        at snapshot: Snapshot, cut: UInt64
    ) {
        guard let keyspace = keyspaces.first(where: { $0.id == range.keyspace }) else { return }
        var part = range
        if more, let last = entries.last?.key {
            // Both sides up to the last key listed; the rest of the range is listed next.
            let rest = DigestRange(keyspace: range.keyspace, lower: last + [0], upper: range.upper)
            part.upper = rest.lower
            lists.append(rest)
        }
        do throws(EngineError) {
            let own = try ownEntries(part, engine, keyspace, at: snapshot, cut: cut)
            compare(own, entries, in: keyspace.name)
        } catch {
            fail(error.description)
        }
        if result.differences.count >= Self.mostDifferences {
            fail("more than \(Self.mostDifferences) keys differ; the rest was not compared")
        }
    }

    private func ownEntries(
        _ range: DigestRange, _ engine: Engine, _ keyspace: Keyspace, at snapshot: Snapshot, cut: UInt64
    ) throws(EngineError) -> [(key: [UInt8], hash: UInt64)] {
        var own: [(key: [UInt8], hash: UInt64)] = []
        var range = range
        while true {
            let (entries, more) = try RangeDigest.list(range, engine, keyspace, at: snapshot, cut: cut)
            own += entries
            guard more, let last = entries.last?.key else { return own }
            range.lower = last + [0]
        }
    }

    private func compare(
        _ own: [(key: [UInt8], hash: UInt64)], _ other: [(key: [UInt8], hash: UInt64)], in keyspace: String
    ) {
        var (left, right) = (0, 0)
        func differs(_ key: [UInt8], _ holder: String) {
            guard result.differences.count < Self.mostDifferences else { return }
            result.differences.append(NodeVerification.Difference(keyspace: keyspace, key: key, heldBy: holder))
        }
        while left < own.count || right < other.count {
            if right == other.count || left < own.count && own[left].key.lexicographicallyPrecedes(other[right].key) {
                differs(own[left].key, "leader")
                left += 1
            } else if left == own.count || other[right].key.lexicographicallyPrecedes(own[left].key) {
                differs(other[right].key, "follower")
                right += 1
            } else {
                if own[left].hash != other[right].hash { differs(own[left].key, "both") }
                left += 1
                right += 1
            }
        }
    }
}

extension Replica {
    /// Hands the outcome of a verification over once it is there.
    func finishVerification() {
        guard let verification, let outcome = verification.outcome else { return }
        self.verification = nil
        core.act(.verified(verification.id, outcome))
    }
}
