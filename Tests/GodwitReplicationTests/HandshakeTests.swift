import Testing

@testable import GodwitEngine
@testable import GodwitReplication

/// Histories in short: epochs `a` and `b` differ; `at` is a sequence number of an epoch.
private struct Story {
    var epochs: [EpochStart] = []
    var end = HistoryPoint.start

    /// The chain value of a place: of an epoch and a sequence number, so that the same place is the same data.
    static func point(_ epoch: Epoch, _ sequence: SequenceNumber) -> HistoryPoint {
        HistoryPoint(
            position: Position(epoch: epoch, sequence: sequence),
            chain: UInt64(epoch.number) << 48 | UInt64(epoch.tag) << 32 | sequence)
    }

    /// An epoch of a number and a tag begins, and goes on to a sequence number.
    func then(_ number: UInt32, _ tag: UInt32 = 0, to sequence: SequenceNumber) -> Story {
        let epoch = Epoch(number: number, tag: tag)
        let begin = EpochStart(start: Self.point(epoch, end.position.sequence + 1), parent: end)
        return Story(epochs: epochs + [begin], end: Self.point(epoch, sequence))
    }

    var history: EpochHistory { EpochHistory(epochs: epochs, end: end) }
}

@Suite("Handshakes and fork points")
struct HandshakeTests {
    private static let one = Story().then(1, to: 100)
    private static let epoch1 = Epoch(number: 1, tag: 0)

    @Test("two histories fork at the lower end of their last common epoch")
    func forkPoints() {
        let one = Self.one
        let shorter = Story().then(1, to: 60)
        #expect(one.history.fork(from: one.history) == one.end)
        #expect(one.history.fork(from: shorter.history) == shorter.end)
        #expect(shorter.history.fork(from: one.history) == shorter.end)
        // The other node was promoted at 60, this one went on to 100.
        #expect(one.history.fork(from: shorter.then(2, to: 80).history) == shorter.end)
        #expect(shorter.then(2, to: 80).history.fork(from: one.history) == shorter.end)
        // It was promoted at 100 and this one never got that far.
        #expect(shorter.history.fork(from: one.then(2, to: 180).history) == shorter.end)
        // Two were promoted at once, from different places.
        let left = shorter.then(2, 7, to: 90)
        let right = one.then(2, 9, to: 120)
        #expect(left.history.fork(from: right.history) == shorter.end)
        // Long after a common second epoch.
        let base = one.then(2, to: 200)
        #expect(base.then(3, 1, to: 300).history.fork(from: base.then(3, 2, to: 250).history) == base.end)
        // Nothing in common but the beginning, and nothing at all.
        #expect(Story().history.fork(from: one.history) == .start)
        #expect(Story().then(1, 5, to: 10).history.fork(from: one.history) == nil)
    }

    @Test("the same sequence number with another chain value is another history")
    func sameSequenceOtherHistory() {
        let other = EpochHistory(epochs: Self.one.epochs, end: HistoryPoint(position: Self.one.end.position, chain: 5))
        #expect(Self.one.history.fork(from: other) == nil)
        #expect(answer(Self.one, to: other, .open) == .bootstrap(fork: .start))
    }

    private func answer(
        _ own: Story, to other: EpochHistory, _ standing: Handshake.Standing,
        store: StoreID? = StoreID(high: 1, low: 1),
        wants keyspaces: [String]? = nil, allowed: [String]? = nil, holding held: [String]? = nil,
        needsCopy: Bool = false, region: String = "eu"
    ) -> Handshake.Answer {
        Handshake(
            store: StoreID(high: 1, low: 1), region: "us", history: own.history, standing: standing,
            newest: own.end.position.epoch, keyspaces: held
        ).answer(
            Hello(
                node: NodeID(high: 9, low: 9), store: store, region: region, address: "x:1", needsCopy: needsCopy,
                end: other.end, durable: 0, time: 0, epochs: other.epochs, keyspaces: keyspaces), allowed: allowed)
    }

    private func isRefused(_ answer: Handshake.Answer, _ refusal: Refusal) -> Bool {
        if case .refuse(refusal, _) = answer { true } else { false }
    }

    @Test("each standing answers as its rules say")
    func answers() {
        let one = Self.one
        let behind = Story().then(1, to: 60)
        let promoted = behind.then(2, to: 90)
        #expect(answer(one, to: behind.history, .open) == .stream(after: behind.end))
        #expect(answer(one, to: behind.history, .relay) == .stream(after: behind.end))
        #expect(answer(one, to: behind.history, .recovering) == .hold)
        #expect(answer(promoted, to: one.history, .open) == .rewind(to: behind.end))
        #expect(answer(promoted, to: one.history, .relay) == .rewind(to: behind.end))
        #expect(answer(behind, to: one.history, .recovering) == .sendBack(after: behind.end))
        #expect(isRefused(answer(behind, to: one.history, .relay), .behind))
        #expect(isRefused(answer(behind, to: promoted.history, .relay), .behind))
        #expect(isRefused(answer(one, to: behind.history, .deposed), .newerEpoch))
        #expect(answer(one, to: Story().history, .open, store: nil) == .bootstrap(fork: .start))
        #expect(answer(one, to: behind.history, .open, needsCopy: true) == .bootstrap(fork: behind.end))
        #expect(answer(one, to: behind.history, .recovering, needsCopy: true) == .hold)
    }

    @Test("other stores, numbers that regions share, and keyspaces that are not allowed are refused")
    func refusals() {
        let one = Self.one
        #expect(isRefused(answer(one, to: one.history, .open, store: StoreID(high: 2, low: 2)), .otherStore))
        #expect(isRefused(answer(one, to: one.history, .open, allowed: ["a"]), .notAuthorised))
        #expect(isRefused(answer(one, to: one.history, .open, wants: ["a", "b"], allowed: ["a"]), .notAuthorised))
        #expect(answer(one, to: one.history, .open, wants: ["a"], allowed: ["a"]) == .stream(after: one.end))
        #expect(isRefused(answer(one, to: one.history, .relay, holding: ["a"]), .partial))
        #expect(isRefused(answer(one, to: one.history, .relay, wants: ["b"], holding: ["a"]), .partial))
        #expect(answer(one, to: one.history, .relay, wants: ["a"], holding: ["a", "b"]) == .stream(after: one.end))
        let twin = (0..<200_000).lazy.map { "r\($0)" }.first { RegionID.of($0) == RegionID.of("us") }
        #expect(isRefused(answer(one, to: one.history, .open, region: twin ?? ""), .otherStore))
    }
}

@Suite("Levels, lag and freshness")
struct ProgressTests {
    private static let epoch = Epoch(number: 1, tag: 0)

    private func waiter(_ id: UInt64, _ level: WriteLevel, _ sequence: SequenceNumber, until: UInt64 = 1000)
        -> LevelWaits.Waiter
    {
        LevelWaits.Waiter(
            id: id, level: level, position: Position(epoch: Self.epoch, sequence: sequence), written: [],
            until: until)
    }

    private static let holders = [
        LevelWaits.Holder(region: "eu", received: 10, durable: 5),
        LevelWaits.Holder(region: "ap", received: 8, durable: 8),
    ]

    @Test("each node counts once, and a level that is not reached in time is unconfirmed, not failed")
    func levels() {
        var waits = LevelWaits()
        waits.add(waiter(1, .received(1), 10))
        waits.add(waiter(2, .received(2), 10))
        waits.add(waiter(3, .durable(1), 8))
        waits.add(waiter(4, .durable(2), 6, until: 500))
        waits.add(waiter(5, .local, 99))
        waits.add(waiter(6, .durable(3), 1))
        let early = waits.settle(Self.holders, own: "us", now: 10) { _ in nil }
        #expect(early.map(\.0) == [1, 3, 5])
        #expect(
            early.map(\.1) == [
                .reached(heldBy: ["us", "eu"]), .reached(heldBy: ["us", "ap"]), .reached(heldBy: ["us"]),
            ])
        #expect(waits.nextDeadline == 500)
        let late = waits.settle(Self.holders, own: "us", now: 500) { _ in nil }
        let position = Position(epoch: Self.epoch, sequence: 6)
        #expect(late.map(\.0) == [4] && late[0].1 == .unconfirmed(position: position, heldBy: ["us", "ap"]))
        #expect(waits.giveUp(Self.holders, own: "us", { _ in nil }).map(\.0) == [2, 6])
        #expect(waits.isEmpty)
    }

    @Test("lag is never zero while somebody is behind, and grows while nothing is heard")
    func lag() {
        var samples = LagSamples()
        func note(_ sequence: UInt64, bytes: UInt64, now: UInt64) {
            samples.note(sequence, bytes: bytes, now: now) { [] }
        }
        note(10, bytes: 100, now: 0)
        note(20, bytes: 300, now: 5_000_000)
        note(30, bytes: 400, now: 9_000_000)
        #expect(samples.lag(of: 30, now: 50_000_000) == (0, 0, 0))
        #expect(samples.lag(of: 20, now: 50_000_000) == (10, 100, 41_000_000))
        #expect(samples.lag(of: 15, now: 50_000_000) == (15, 300, 45_000_000))
        #expect(samples.lag(of: 29, now: 9_000_000).records == 1)
        #expect(samples.lag(of: 29, now: 60_000_000).nanoseconds == 51_000_000)
        for number in 0..<5000 as Range<UInt64> {
            note(31 + number, bytes: 500 + number, now: 70_000_000 + number * 2_000_000)
        }
        #expect(samples.lag(of: 30, now: 20_000_000_000).nanoseconds >= 20_000_000_000 - 70_000_000)
        note(5, bytes: 1, now: 30_000_000_000)
        #expect(samples.lag(of: 5, now: 30_000_000_000).records == 0)
    }

    @Test("what lies in the log when it is first looked at counts too, by its files, and from that moment on")
    func lagOfWhatWasThere() {
        var samples = LagSamples()
        samples.note(30, bytes: 5, now: 1_000_000_000) {
            [Engine.LogPiece(after: 0, bytes: 1000), .init(after: 10, bytes: 500), .init(after: 29, bytes: 5)]
        }
        #expect(samples.lag(of: 30, now: 2_000_000_000) == (0, 0, 0))
        #expect(samples.lag(of: 29, now: 2_000_000_000) == (1, 5, 1_000_000_000))
        #expect(samples.lag(of: 12, now: 2_000_000_000) == (18, 505, 1_000_000_000))
        #expect(samples.lag(of: 3, now: 2_000_000_000) == (27, 1505, 1_000_000_000))
        // Nobody knows how old it was when it was acknowledged.
        #expect(samples.age(of: 30, now: 2_000_000_000) == nil)
        samples.note(40, bytes: 105, now: 3_000_000_000) { [] }
        #expect(samples.lag(of: 30, now: 3_500_000_000) == (10, 100, 500_000_000))
        #expect(samples.lag(of: 12, now: 3_500_000_000) == (28, 605, 2_500_000_000))
        #expect(samples.age(of: 35, now: 3_500_000_000) == 500_000_000)
        samples.forget(through: 30)
        #expect(samples.lag(of: 30, now: 3_500_000_000) == (10, 100, 500_000_000))
    }

    @Test("a follower is as fresh as the latest ping whose end it has applied")
    func freshness() {
        var tracker = FreshnessTracker()
        tracker.heard(end: 10, asOf: 100)
        tracker.applied(9)
        #expect(tracker.asOf == nil)
        tracker.heard(end: 12, asOf: 200)
        tracker.applied(11)
        #expect(tracker.asOf == 100)
        tracker.heard(end: 5, asOf: 150)
        tracker.applied(12)
        #expect(tracker.asOf == 200)
        for number in 0..<100 as Range<UInt64> { tracker.heard(end: 20 + number, asOf: 300 + number) }
        tracker.applied(119)
        #expect(tracker.asOf == 399)
    }

    @Test("an acknowledgement that goes back, or past what was sent, is refused")
    func acknowledgements() {
        func ack(_ sequence: SequenceNumber, durable: SequenceNumber) -> Acknowledgement {
            Acknowledgement(
                received: HistoryPoint(position: Position(epoch: Self.epoch, sequence: sequence), chain: 0),
                durable: durable, applied: sequence, time: 0, members: [])
        }
        var progress = FollowerProgress(at: 10, durable: 8)
        progress.sent(100, through: 20)
        progress.sent(50, through: 30)
        #expect(progress.inFlight == 150)
        for (sequence, durable) in [(31, 8), (9, 8), (20, 7), (20, 21)] as [(UInt64, UInt64)] {
            var copy = progress
            let isTaken = copy.acknowledge(ack(sequence, durable: durable))
            #expect(!isTaken, "\(sequence) \(durable)")
        }
        let isTaken = progress.acknowledge(ack(20, durable: 15))
        #expect(isTaken && progress.inFlight == 50 && progress.durable == 15)
        let isWhole = progress.acknowledge(ack(30, durable: 30))
        #expect(isWhole && progress.inFlight == 0)
    }
}
