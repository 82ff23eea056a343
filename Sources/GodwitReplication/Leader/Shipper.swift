internal import GodwitEngine

/// Serves one follower over one link that it made.
///
/// 1. *Greeting.* The follower says hello; the replica decides (`Handshake`) and calls `answer`. A hello may come again
///    at any time, after a rewind or a full copy: everything before it is forgotten.
/// 2. *Stream.* Records go out while fewer than the credit are unacknowledged, at least one record; a link's memory is
///    the credit and one frame. Acknowledgements move the follower's slot, then the levels of writers.
/// 3. *Heartbeats* go out every second and in answer to each ping, also while an answer is held back.
///
/// Orderings: the slot stands before the stream begins, so that the log stays that the stream will read. A heartbeat's
/// end is read after its ping came: what it says is true of a moment no earlier than the ping.
final class Shipper {
    enum State {
        /// Nothing was said, or the answer was no.
        case greeting
        /// The answer is held back until it is known whether this primary's log is whole.
        case held(Hello)
        /// A full copy is being made for the follower.
        case awaitingCopy(Hello, fork: HistoryPoint)
        /// The follower sends what this primary lost, up to the end of its hello.
        case receivingBack(Hello)
        /// The follower is sent a full copy.
        case copying(CheckpointSender)
        case streaming(RecordFeed)
    }

    /// How many frames go out in one call, so that other links get their turn.
    private static let frames = 8

    private unowned let core: ReplicaCore
    let link: Link
    private(set) var state = State.greeting
    private(set) var hello: Hello?
    private(set) var progress = FollowerProgress(at: 0, durable: 0)
    /// The nodes that follow this follower.
    private(set) var members: [Member] = []
    private var lastPing: UInt64 = 0
    private var nextBeat: UInt64
    /// A recovery of the follower's tail, while one is under way.
    var recovery: TailRecovery?
    /// What is seen at one moment in a range of keys, while the follower asks for it.
    var ranges: RangeServer?
    /// Where a frame must end, and what is to be sent then.
    private var marker: (point: HistoryPoint, request: DigestRequest)?

    init(_ core: ReplicaCore, _ link: Link, now: UInt64) {
        self.core = core
        self.link = link
        nextBeat = now + core.options.heartbeat * 1_000_000
    }

    // MARK: 1. Greeting

    /// Takes note of who calls.
    func greet(_ hello: Hello) {
        if self.hello == nil { core.figures[hello.node, default: PeerFigures()].handshakes += 1 }
        self.hello = hello
        state = .greeting
        lastPing = hello.time
        members = []
        recovery = nil
        ranges = nil
        link.greet(Link.Peer(node: hello.node, region: hello.region, address: hello.address))
    }

    /// Puts an answer into effect.
    func answer(_ answer: Handshake.Answer, to hello: Hello, engine: Engine, now: UInt64) {
        switch answer {
        case .hold: state = .held(hello)
        case .stream(let point): stream(after: point, hello, engine)
        case .rewind(let point):
            keepSlot(hello, durable: min(hello.durable, point.position.sequence), at: point.position.sequence)
            welcome(.rewind, point, hello, engine)
        case .sendBack(let point):
            state = .receivingBack(hello)
            welcome(.sendBack, point, hello, engine)
        case .bootstrap(let fork): state = .awaitingCopy(hello, fork: fork)
        case .refuse(let refusal, let reason): refuse(refusal, reason, hello, engine)
        }
    }

    private func stream(after point: HistoryPoint, _ hello: Hello, _ engine: Engine) {
        keepSlot(hello, durable: hello.durable, at: point.position.sequence)
        do throws(EngineError) {
            let feed = try RecordFeed(engine, after: point, KeyspaceFilter(hello.selection, lacks: hello.lacks, engine))
            progress = FollowerProgress(at: point.position.sequence, durable: hello.durable)
            state = .streaming(feed)
            welcome(.stream, point, hello, engine)
        } catch {
            // The log no longer reaches back: the replica offers a full copy.
            core.failed("stream after \(point)", error)
            state = .awaitingCopy(hello, fork: point)
        }
    }

    /// What it is doing, for people.
    var stage: String {
        switch state {
        case .greeting: "handshake"
        case .held: "held"
        case .awaitingCopy: "awaiting copy"
        case .receivingBack: "receiving back"
        case .copying: "bootstrapping"
        case .streaming: "streaming"
        }
    }

    /// Whether the follower is sent the log.
    var isStreaming: Bool {
        if case .streaming = state { true } else { false }
    }

    /// Whether the follower sends back what this primary lost.
    var isReceivingBack: Bool {
        if case .receivingBack = state { true } else { false }
    }

    /// Whether a full copy is being made for the follower.
    var isAwaitingCopy: Bool {
        if case .awaitingCopy = state { true } else { false }
    }

    /// Holds the answer back.
    func hold(_ hello: Hello) { state = .held(hello) }

    /// Begins a full copy, if the follower waits for one.
    func copy(_ sender: CheckpointSender, _ engine: Engine) {
        guard case .awaitingCopy(let hello, let fork) = state else { return }
        state = .copying(sender)
        welcome(.bootstrap, fork, hello, engine)
        core.send(.copyOffer(sender.description), on: link)
    }

    /// The follower has installed its full copy: from here on the log is kept for it.
    func copied() {
        guard case .copying(let sender) = state, let hello else { return }
        let sequence = sender.point.position.sequence
        keepSlot(hello, durable: sequence, at: sequence)
        state = .greeting
    }

    func refuse(_ refusal: Refusal, _ reason: String, _ hello: Hello, _ engine: Engine?) {
        core.count(refusal: refusal, of: hello.node.description, reason)
        var message = welcome(.refuse, .start, hello, engine)
        message.refusal = refusal
        message.reason = reason
        core.send(.welcome(message), on: link)
        core.close(link, "\(refusal.name): \(reason)")
    }

    private func keepSlot(_ hello: Hello, durable: SequenceNumber, at received: SequenceNumber) {
        core.keep(
            Slot(
                node: hello.node, region: hello.region, address: hello.address, isPartial: hello.keyspaces != nil,
                durable: min(durable, received), received: received, isLost: false))
    }

    private func welcome(_ answer: Welcome.Answer, _ point: HistoryPoint, _ hello: Hello, _ engine: Engine) {
        core.send(.welcome(welcome(answer, point, hello, engine)), on: link)
        core.figures[hello.node, default: PeerFigures()].answered(answer)
        core.tell(.linked(node: hello.node.description, region: hello.region, answer: "\(answer)"))
    }

    private func welcome(
        _ answer: Welcome.Answer, _ point: HistoryPoint, _ hello: Hello, _ engine: Engine?
    ) -> Welcome {
        Welcome(
            node: core.node, store: engine?.storeID ?? StoreID(high: 0, low: 0), region: core.options.region,
            address: core.options.advertised, answer: answer, point: point, echo: hello.time)
    }

    // MARK: 2. Stream

    /// Sends what the credit allows. Returns whether there may be more to send at once.
    func ship() -> Bool {
        guard case .streaming(let feed) = state, !link.isClosed else { return false }
        for _ in 0..<Self.frames {
            guard progress.inFlight < core.options.creditBytes else { return false }
            do throws(EngineError) {
                let hasSent = try send(feed)
                if let turned = feed.turned { return turn(turned) }
                guard hasSent else { return false }
            } catch {
                core.failed("read the log for \(link.name)", error)
                core.close(link, "the log cannot be read on: \(error.code.rawValue)")
                return false
            }
        }
        return true
    }

    /// What comes next is not to go out any more, though the follower took it there: the link ends.
    private func turn(_ sequence: SequenceNumber) -> Bool {
        if let node = hello?.node { core.owesCopy[node] = sequence }
        core.close(link, "a keyspace is kept from that node by now: a full copy has to follow")
        return false
    }

    /// Asks the follower when it has come to a point, no further.
    func ask(_ request: DigestRequest, at point: HistoryPoint) {
        guard case .streaming(let feed) = state else { return }
        if feed.point == point {
            core.send(.digestRequest(request), on: link)
        } else {
            marker = (point, request)
        }
    }

    private func send(_ feed: RecordFeed) throws(EngineError) -> Bool {
        let sent: Void? = try feed.next(maxBytes: core.options.frameBytes) { records, point in
            guard let (marker, request) = marker, point.position.sequence >= marker.position.sequence else {
                send(records, through: point.position.sequence)
                return
            }
            // The frame ends exactly at the marker, so that the follower can look at itself there.
            let cut = Self.length(of: records, through: marker.position.sequence)
            send(records.slice(0, cut), through: marker.position.sequence)
            core.send(.digestRequest(request), on: link)
            self.marker = nil
            if cut < records.count { send(records.dropFirst(cut), through: point.position.sequence) }
        }
        return sent != nil
    }

    private func send(_ records: ByteView, through sequence: SequenceNumber) {
        guard !records.isEmpty else { return }
        core.send(.records(records), on: link)
        progress.sent(records.count, through: sequence)
        if let node = hello?.node { core.figures[node]?.bytes += UInt64(records.count) }
    }

    /// How many bytes the records up to a sequence number have.
    private static func length(of records: ByteView, through sequence: SequenceNumber) -> Int {
        var run = RecordRun(records)
        while let record = try? run.next() {
            if record.lastSequence >= sequence { return run.offset }
        }
        return records.count
    }

    /// Takes an acknowledgement; false when it says what cannot be.
    func acknowledge(_ ack: Acknowledgement) -> Bool {
        guard case .streaming = state, let hello else { return true }
        guard progress.acknowledge(ack) else { return false }
        members = ack.members
        if var slot = core.slots[hello.node] {
            slot.received = progress.received
            slot.durable = progress.durable
            core.keep(slot)
        }
        for member in ack.members where member.node != core.node {
            core.keep(Slot(member, isLost: core.slots[member.node]?.isLost ?? false))
        }
        return true
    }

    // MARK: 3. Heartbeats

    /// The follower's time has come: it is answered at once.
    func pinged(_ time: UInt64, _ heartbeat: Heartbeat, now: UInt64) {
        lastPing = time
        beat(heartbeat, now: now)
    }

    /// When the next heartbeat is due; nil before the hello.
    var nextHeartbeat: UInt64? { hello == nil || link.isClosed ? nil : nextBeat }

    /// Sends a heartbeat that echoes the latest ping.
    func beat(_ heartbeat: Heartbeat, now: UInt64) {
        nextBeat = now + core.options.heartbeat * 1_000_000
        var heartbeat = heartbeat
        heartbeat.echo = lastPing
        core.send(.heartbeat(heartbeat), on: link)
    }
}
