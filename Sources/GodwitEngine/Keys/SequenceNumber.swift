/// The place of one operation in a history: batches take consecutive numbers, one for each operation, from 1.
/// 0 stands for "before everything". Within one node's live history a number never repeats; across histories
/// only a `Position` identifies data.
public typealias SequenceNumber = UInt64

/// One reign of one primary. Ordered by number, then by tag, so that two nodes promoted at once still differ.
public struct Epoch: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// Counts promotions; 0 is before the first epoch.
    public let number: UInt32
    /// 32 random bits drawn when the epoch began.
    public let tag: UInt32

    /// Makes an epoch from its two parts.
    public init(number: UInt32, tag: UInt32) {
        self.number = number
        self.tag = tag
    }

    /// The epoch before any store has begun one.
    public static let none = Epoch(number: 0, tag: 0)

    /// Orders by number, then by tag.
    public static func < (left: Epoch, right: Epoch) -> Bool {
        (left.number, left.tag) < (right.number, right.tag)
    }

    /// `3.5f00aa12`: the number, then the tag in hexadecimal.
    public var description: String {
        let hex = String(tag, radix: 16)
        return "\(number)." + String(repeating: "0", count: 8 - hex.count) + hex
    }
}

/// A place in the one total order of writes of a history: what identifies data across nodes.
public struct Position: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The epoch in which the write was made.
    public let epoch: Epoch
    /// The last sequence number of the write's batch.
    public let sequence: SequenceNumber

    /// Makes a position from its two parts.
    public init(epoch: Epoch, sequence: SequenceNumber) {
        self.epoch = epoch
        self.sequence = sequence
    }

    /// Before the first write of any history.
    public static let start = Position(epoch: .none, sequence: 0)

    /// Orders by epoch, then by sequence number.
    public static func < (left: Position, right: Position) -> Bool {
        (left.epoch, left.sequence) < (right.epoch, right.sequence)
    }

    /// `3.5f00aa12@1042`.
    public var description: String { "\(epoch)@\(sequence)" }
}

extension Position {
    /// Reads what `description` writes.
    public init?(_ text: String) {
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        let epoch = parts[0].split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, epoch.count == 2, let sequence = SequenceNumber(parts[1]),
            let number = UInt32(epoch[0]), let tag = UInt32(epoch[1], radix: 16)
        else { return nil }
        self.init(epoch: Epoch(number: number, tag: tag), sequence: sequence)
    }
}
