/// A byte in the local log: ordered as the log is, since segment numbers ascend.
struct LogLocation: Comparable, Hashable, Sendable, CustomStringConvertible {
    /// The number in the segment's file name.
    var segment: UInt64
    /// The byte in the segment's file.
    var offset: UInt64

    /// Before every log.
    static let none = LogLocation(segment: 0, offset: 0)

    static func < (left: LogLocation, right: LogLocation) -> Bool {
        (left.segment, left.offset) < (right.segment, right.offset)
    }

    /// `12:4096`.
    var description: String { "\(segment):\(offset)" }
}

/// What ties the files of a log to their store.
struct LogIdentity: Equatable, Sendable {
    /// The store's 16 bytes.
    let storeID: [UInt8]
    /// Seeds all checksums of the log's frames and headers, so that those of another store never verify.
    let seed: UInt64

    init(storeID: [UInt8], seed: UInt64) {
        precondition(storeID.count == 16)
        self.storeID = storeID
        self.seed = seed
    }
}
