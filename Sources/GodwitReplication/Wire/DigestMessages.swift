internal import GodwitEngine

/// A part of a verification, asked of a follower.
struct DigestRequest: Equatable {
    enum Task: Equatable {
        /// Hold the state as it is now, which must be at this point.
        case begin(HistoryPoint, cut: UInt64, keyspaces: [UInt32])
        /// Compare the entries of a range with their count and hash.
        case compare(DigestRange, count: UInt64, hash: UInt64)
        /// List the entries of a range.
        case list(DigestRange)
        /// It is over.
        case end
    }

    /// The verification.
    var id: UInt64
    var task: Task
}

/// The keys from `lower` (included) to `upper` (excluded) of a keyspace.
struct DigestRange: Equatable {
    var keyspace: UInt32
    var lower: [UInt8]
    /// Nil: to the last key.
    var upper: [UInt8]?
}

/// What is seen in a range of keys at a point, as far as it goes.
struct RangePiece: Equatable {
    struct Entry: Equatable {
        var key: [UInt8]
        var value: [UInt8]
        /// Wall-clock milliseconds; 0 for none.
        var deadline: UInt64
    }

    var point: HistoryPoint
    var entries: [Entry]
    /// The key that comes next; nil when there is no more.
    var next: [UInt8]?
}

/// What a follower answers.
struct DigestReply: Equatable {
    enum Result: Equatable {
        /// Ready; these of the keyspaces are not held here.
        case ready(lacking: [UInt32])
        /// Whether the range is equal.
        case compared(Bool)
        /// Keys with the hashes of value and deadline, in order, and whether there are more after the last.
        case listed([(key: [UInt8], hash: UInt64)], more: Bool)
        /// It cannot go on.
        case failed(String)

        static func == (left: Result, right: Result) -> Bool {
            switch (left, right) {
            case (.ready(let left), .ready(let right)): left == right
            case (.compared(let left), .compared(let right)): left == right
            case (.failed(let left), .failed(let right)): left == right
            case (.listed(let left, let more), .listed(let right, let rightMore)):
                more == rightMore && left.elementsEqual(right) { $0.key == $1.key && $0.hash == $1.hash }
            default: false
            }
        }
    }

    var id: UInt64
    var result: Result
}
