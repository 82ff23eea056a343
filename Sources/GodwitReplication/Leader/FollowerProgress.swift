internal import GodwitEngine

/// How far one follower has come over one link, and what is on its way to it.
struct FollowerProgress {
    private(set) var sent: SequenceNumber
    private(set) var received: SequenceNumber
    private(set) var durable: SequenceNumber
    private(set) var applied: SequenceNumber
    /// Bytes of records sent that are not acknowledged.
    private(set) var inFlight = 0
    /// The follower's wall clock at its last word, milliseconds.
    private(set) var time: UInt64 = 0
    private var frames: [(last: SequenceNumber, bytes: Int)] = []
    private var acknowledged = 0

    /// Starts at a point that the follower has, and of which so much is durable there.
    init(at sequence: SequenceNumber, durable: SequenceNumber) {
        sent = sequence
        received = sequence
        self.durable = min(durable, sequence)
        applied = sequence
    }

    /// A frame of records went out.
    mutating func sent(_ bytes: Int, through sequence: SequenceNumber) {
        sent = sequence
        inFlight += bytes
        frames.append((sequence, bytes))
    }

    /// Takes an acknowledgement; false when it says what cannot be.
    mutating func acknowledge(_ ack: Acknowledgement) -> Bool {
        let sequence = ack.received.position.sequence
        guard sequence <= sent, sequence >= received, ack.durable <= sequence, ack.durable >= durable,
            ack.applied <= sequence
        else { return false }
        received = sequence
        durable = ack.durable
        applied = ack.applied
        time = ack.time
        while acknowledged < frames.count, frames[acknowledged].last <= sequence {
            inFlight -= frames[acknowledged].bytes
            acknowledged += 1
        }
        if acknowledged > 64, acknowledged * 2 > frames.count {
            frames.removeFirst(acknowledged)
            acknowledged = 0
        }
        return true
    }
}
