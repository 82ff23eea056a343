internal import GodwitEngine

/// What a frame says. Bytes that are lent are valid until the decoder's next call.
enum Message {
    case hello(Hello)
    case welcome(Welcome)
    /// Whole records, one after the other.
    case records(ByteView)
    case ack(Acknowledgement)
    /// The follower's monotonic time.
    case ping(UInt64)
    case heartbeat(Heartbeat)
    /// The `CHECKPOINT` of a full copy.
    case copyOffer([UInt8])
    case copyRequest(CopyRequest)
    case copyData(file: UInt32, offset: UInt64, ByteView)
    case copyDone
    /// The last record of the primary that hands over: begin an epoch after it.
    case takeOver(HistoryPoint)
    /// The epoch began.
    case tookOver(Epoch)
    case cancel(reason: String)
    case tailOffer(TailHeader)
    case tailRequest
    case tailData(isLast: Bool, ByteView)
    case tailReport(TailVerdicts)
    case digestRequest(DigestRequest)
    case digestReply(DigestReply)
    /// Asks for all that is seen in a range of keys, the first time as of now.
    case rangeRequest(id: UInt64, DigestRange)
    /// Nil when the leader cannot.
    case rangeReply(id: UInt64, RangePiece?)
    /// Why a link ends in order.
    case goodbye(reason: String)
    /// A restarted primary asks how things stand.
    case ask(Asker)
    case standing(Standing)

    /// What it is.
    var type: FrameType {
        switch self {
        case .hello: .hello
        case .welcome: .welcome
        case .records: .records
        case .ack: .ack
        case .ping: .ping
        case .heartbeat: .heartbeat
        case .copyOffer: .copyOffer
        case .copyRequest: .copyRequest
        case .copyData: .copyData
        case .copyDone: .copyDone
        case .takeOver: .takeOver
        case .tookOver: .tookOver
        case .cancel: .cancel
        case .tailOffer: .tailOffer
        case .tailRequest: .tailRequest
        case .tailData: .tailData
        case .tailReport: .tailReport
        case .digestRequest: .digestRequest
        case .digestReply: .digestReply
        case .rangeRequest: .rangeRequest
        case .rangeReply: .rangeReply
        case .goodbye: .goodbye
        case .ask: .ask
        case .standing: .standing
        }
    }
}

/// What a follower says first.
struct Hello: Equatable {
    var node: NodeID
    /// The store; nil while the follower has no data.
    var store: StoreID?
    var region: String
    /// Where other nodes reach it.
    var address: String
    /// Whether only a full copy will help: it cannot go back as far as it was asked to.
    var needsCopy = false
    /// The end of its history, and how much of it survives power loss.
    var end: HistoryPoint
    var durable: SequenceNumber
    /// Its monotonic time.
    var time: UInt64
    var epochs: [EpochStart]
    /// The keyspaces that it does not take, by their settings at its end.
    var lacks: [KeyspaceID] = []
    /// The keyspaces it takes; nil for all.
    var keyspaces: [String]?
}

/// How the leader answers.
struct Welcome: Equatable {
    enum Answer: UInt8, CaseIterable {
        /// Records after `point` follow.
        case stream = 1
        /// Go back to `point`, then say hello again.
        case rewind = 2
        /// The log no longer reaches back: a full copy is offered.
        case bootstrap = 3
        /// Send the records after `point`, which this primary lost.
        case sendBack = 4
        /// Nothing follows.
        case refuse = 5
    }

    var node: NodeID
    var store: StoreID
    var region: String
    var address: String
    var answer: Answer
    var point: HistoryPoint
    /// The time of the hello.
    var echo: UInt64
    var refusal: Refusal?
    var reason = ""
}

/// Why a handshake is refused. The raw values are sent.
enum Refusal: UInt8, CaseIterable {
    /// The data is of another store.
    case otherStore = 1
    /// The other side has heard of a newer epoch.
    case newerEpoch = 2
    /// The peer's certificate does not allow it.
    case notAuthorised = 3
    /// The node cannot serve now: try again.
    case notReady = 4
    /// The node holds less than is wanted.
    case partial = 5
    /// This node's history is behind: try again.
    case behind = 6
    /// As many full copies as are allowed are under way: try again.
    case busy = 7

    /// For counters and messages.
    var name: String { "\(self)" }
}

/// A restarted primary, as it asks.
struct Asker: Equatable {
    var node: NodeID
    var store: StoreID
    /// Where its followers dial it.
    var address: String
}

/// How things stand with a node that is asked; the frame's epoch says which one it knows.
struct Standing: Equatable {
    var node: NodeID
    var store: StoreID
    var end: HistoryPoint
    /// The node that it follows, or its own address when it is the primary; empty when it knows of none.
    var leader: String
    var isPrimary: Bool
}

/// A node, as others know it.
struct Member: Equatable {
    var node: NodeID
    var region: String
    var address: String
    var isPartial: Bool
    var isPrimary: Bool
    var received: SequenceNumber
    var durable: SequenceNumber
}

/// How far a follower has come.
struct Acknowledgement: Equatable {
    /// The end of its log.
    var received: HistoryPoint
    var durable: SequenceNumber
    var applied: SequenceNumber
    /// Its wall clock, milliseconds.
    var time: UInt64
    /// The nodes that follow it.
    var members: [Member]
}

/// What a leader says every second, and in answer to each ping.
struct Heartbeat: Equatable {
    /// The time of the latest ping.
    var echo: UInt64
    /// Nanoseconds since the moment of which `end` was known to be everything; 0 from a primary, nil when not known.
    var age: UInt64?
    var end: HistoryPoint
    var durable: SequenceNumber
    /// The log is to be kept from here, for those that are behind.
    var keepFrom: SequenceNumber
    /// All nodes known to the leader, itself first.
    var members: [Member]
}

/// Asks for a piece of a file of a full copy.
struct CopyRequest: Equatable {
    /// The file's place in the list of `CHECKPOINT`.
    var file: UInt32
    var offset: UInt64
    var length: UInt32
}

/// Which tail is offered.
struct TailHeader: Equatable {
    /// The node whose tail it is.
    var node: NodeID
    /// Where it leaves the history that went on.
    var fork: HistoryPoint
    var end: HistoryPoint
    /// The records after this one are kept: after the fork, unless the log no longer reached back.
    var keptAfter: SequenceNumber

    /// Whether records are missing.
    var isCut: Bool { keptAfter > fork.position.sequence }
}

/// What became of a piece of a tail.
struct TailVerdicts: Equatable {
    struct Row: Equatable {
        var position: Position
        var outcome: TailClass
        var replayed: Bool
    }

    var isLast: Bool
    var policy: RecoveryPolicy
    var rows: [Row]
}
