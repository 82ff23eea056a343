/// A place in a history with the chain value there: the two together say that the data up to it is the same.
public struct HistoryPoint: Hashable, Sendable, CustomStringConvertible {
    /// The last record's position.
    public let position: Position
    /// The chain value after that record.
    public let chain: UInt64

    /// Makes a point from its two parts.
    public init(position: Position, chain: UInt64) {
        self.position = position
        self.chain = chain
    }

    /// Before the first write of any history.
    public static let start = HistoryPoint(position: .start, chain: 0)

    /// `3.5f00aa12@1042#9f…`: position, then chain value in hexadecimal.
    public var description: String { "\(position)#\(String(chain, radix: 16))" }
}

/// One entry of the epoch history: how an epoch began. A copy of what its `epochBegin` record says.
public struct EpochStart: Hashable, Sendable {
    /// The position and chain value of the `epochBegin` record; its epoch is the epoch that began.
    public let start: HistoryPoint
    /// The last record before it, in the epoch before.
    public let parent: HistoryPoint

    /// Makes an entry.
    public init(start: HistoryPoint, parent: HistoryPoint) {
        self.start = start
        self.parent = parent
    }

    /// The epoch that began.
    public var epoch: Epoch { start.position.epoch }
}
