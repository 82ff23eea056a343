internal import GodwitEngine

/// What came over a link while writers are held back here: it is taken in order once they are not. Waiting for that
/// where it came would keep the thread from heartbeats. The leader's credit bounds it.
struct Backlog {
    enum Entry {
        case records([UInt8])
        case message(Message)
    }

    /// Nanoseconds after which to look again whether writers are held back.
    static let pause: UInt64 = 10_000_000
    /// How much is taken at once.
    static let atOnce = 16
    /// No leader's credit is larger.
    private static let limit = 2 * ReplicationFormat.maximumPayload

    private var entries: [Entry] = []
    private var taken = 0
    private var bytes = 0

    var isEmpty: Bool { taken == entries.count }
    /// Whether more came than any credit allows.
    var isOverfull: Bool { bytes > Self.limit }

    /// Keeps a message if it has to wait; false for one to be taken now.
    mutating func keeps(_ message: Message, _ engine: Engine) -> Bool {
        switch message {
        case .records(let records):
            guard !isEmpty || engine.holdsWriters else { return false }
            entries.append(.records(records.array))
            bytes += records.count
            return true
        case .takeOver, .cancel, .tailRequest, .tailReport, .digestRequest, .rangeReply:
            if isEmpty { return false }
            entries.append(.message(message))
            return true
        case .hello, .welcome, .ack, .ping, .heartbeat, .copyOffer, .copyRequest, .copyData, .copyDone, .tookOver,
            .tailOffer, .tailData, .digestReply, .rangeRequest, .goodbye, .ask, .standing:
            return false
        }
    }

    /// The oldest, which is forgotten.
    mutating func pop() -> Entry? {
        if isEmpty { return nil }
        let entry = entries[taken]
        // What was handed out is not kept until the place is.
        entries[taken] = .records([])
        taken += 1
        if case .records(let records) = entry { bytes -= records.count }
        if isEmpty || taken > 64 && taken * 2 > entries.count {
            entries.removeFirst(taken)
            taken = 0
        }
        return entry
    }
}
