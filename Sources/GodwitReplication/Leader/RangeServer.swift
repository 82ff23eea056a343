internal import GodwitEngine

/// Sends a follower what is seen in a range of keys at one moment, a piece at each question.
final class RangeServer {
    let id: UInt64
    private let engine: Engine
    private let point: HistoryPoint
    private let snapshot: Snapshot

    init(_ id: UInt64, _ engine: Engine) throws(EngineError) {
        self.id = id
        self.engine = engine
        (point, snapshot) = try engine.pinned()
    }

    /// The next piece: about so many bytes, one entry at least.
    func piece(of range: DigestRange, bytes limit: Int) throws(EngineError) -> RangePiece? {
        guard let keyspace = engine.keyspaces.first(where: { $0.id == range.keyspace }) else { return nil }
        var piece = RangePiece(point: point, entries: [], next: nil)
        var bytes = 0
        // Nothing counts as expired: the follower's clock may be behind.
        try engine.scan(KeyRange(from: range.lower, to: range.upper), in: keyspace, at: snapshot, cut: 0) {
            key, value, deadline in
            if bytes >= limit {
                piece.next = key.array
                return false
            }
            bytes += key.count + value.count + 16
            piece.entries.append(RangePiece.Entry(key: key.array, value: value.array, deadline: deadline))
            return true
        }
        return piece
    }
}

extension Replica {
    /// A follower asks for a range of keys, in which data of its own is damaged.
    func serve(_ id: UInt64, _ range: DigestRange, _ shipper: Shipper) {
        guard case .streaming = shipper.state, let engine = core.engine, let hello = shipper.hello else { return }
        let isTaken = engine.keyspaceEver(range.keyspace).map { hello.selection.takes($0.name, $0.settings) } ?? false
        do throws(EngineError) {
            if shipper.ranges?.id != id { shipper.ranges = try RangeServer(id, engine) }
            let piece =
                isTaken
                ? try shipper.ranges?.piece(of: range, bytes: core.options.frameBytes) : nil
            if piece?.next == nil { shipper.ranges = nil }
            core.send(.rangeReply(id: id, piece), on: shipper.link)
        } catch {
            shipper.ranges = nil
            core.failed("send a range of keys to \(shipper.link.name)", error)
            core.send(.rangeReply(id: id, nil), on: shipper.link)
        }
    }
}
