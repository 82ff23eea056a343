/// What has happened on the links with one node since this one started.
struct PeerFigures {
    /// How many times it came, and how each time went on.
    var handshakes: UInt64 = 0
    var partialSyncs: UInt64 = 0
    var fullSyncs: UInt64 = 0
    var rewinds: UInt64 = 0
    /// Bytes of records sent to it.
    var bytes: UInt64 = 0
    /// How old writes were when it acknowledged them.
    var lag = LagHistogram()
    var throughput = Throughput()

    /// A handshake was answered.
    mutating func answered(_ answer: Welcome.Answer) {
        switch answer {
        case .stream: partialSyncs += 1
        case .rewind: rewinds += 1
        case .bootstrap: fullSyncs += 1
        case .sendBack, .refuse: break
        }
    }
}

/// Bytes a second over the last ten seconds.
struct Throughput {
    private static let span: UInt64 = 10_000_000_000
    private static let step: UInt64 = 1_000_000_000

    private var samples: [(time: UInt64, bytes: UInt64)] = []

    /// Notes how many bytes there have been in all; at most once a second counts.
    mutating func note(_ bytes: UInt64, now: UInt64) {
        if let last = samples.last, now - min(last.time, now) < Self.step { return }
        samples.append((now, bytes))
        while samples.count > 2, now - samples[1].time >= Self.span { samples.removeFirst() }
    }

    /// What it comes to.
    func rate(_ bytes: UInt64, now: UInt64) -> UInt64 {
        guard let first = samples.first, now > first.time, bytes >= first.bytes else { return 0 }
        let milliseconds = max(1, (now - first.time) / 1_000_000)
        return (bytes - first.bytes) * 1000 / milliseconds
    }
}
