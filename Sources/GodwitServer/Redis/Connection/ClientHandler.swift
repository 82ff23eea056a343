internal import GodwitEngine
internal import NIOCore
internal import NIOPosix

/// The end of one connection: finds requests in what comes, has the executor carry them out, and sends replies, those of
/// a turn in one write. Nothing is read from a client that waits, so what it sends meanwhile stays with it.
final class ClientHandler: ChannelDuplexHandler, @unchecked Sendable {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Why requests of the connection are not looked at.
    enum Pause {
        /// Something is being fetched for its command, or somebody else answers it.
        case fetching
        /// A commit is under way, or others have their turn first.
        case turn
        /// Its replies wait for a commit or a sync.
        case commit
        /// Its client does not read.
        case output
        /// It has said or done something after which nothing more counts.
        case closing
    }

    /// Requests carried out before other connections have their turn.
    private static let turnLimit = 1024
    /// Bytes of replies after which they are sent before more requests are looked at.
    private static let replyLimit = 256 << 10
    /// Memory kept for the next turn.
    private static let keptMemory = 64 << 10

    let client: Client
    private let executor: Executor
    private var context: ChannelHandlerContext?
    private let input = ByteBox(capacity: 1024)
    private let decoder = LoopOwned(RequestDecoder())
    private let paused = LoopOwned<Pause?>(nil)
    /// Why nothing is looked at now; nil while requests are.
    private(set) var pause: Pause? {
        @inline(__always) get { paused.value }
        @inline(__always) set { paused.value = newValue }
    }
    private var isRunning = false
    /// Whether the client will send nothing more, though it may still read.
    private var isInputOver = false
    private var holdsRead = false
    private var wire = ByteBuffer()
    private var slowTimer: Scheduled<Void>?
    /// Bytes of large replies that wait for the socket.
    private var unsent = 0
    /// Bytes of others that wait for it, counted while the client is held back.
    private var held = 0
    /// Bytes that wait for the socket, as far as they are counted.
    var waiting: Int { unsent + held }
    /// Whether it belongs to those whose replies wait for the end of the turn.
    var isInTurn = false
    /// Where replies of commands begin that saw or made what is not committed yet.
    private let marked = LoopOwned<[(start: Int, isData: Bool)]>([])
    private var marks: [(start: Int, isData: Bool)] {
        @inline(__always) _read { yield marked.value }
        @inline(__always) _modify { yield &marked.value }
    }

    init(_ client: Client, _ executor: Executor) {
        self.client = client
        self.executor = executor
        decoder.value.limits = executor.limits
    }

    /// Bytes that wait to be looked at.
    var bufferedBytes: Int { input.count }

    /// The number of the connection; file descriptors are not shown.
    var descriptor: Int { client.id }

    // MARK: What the channel says

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        client.handler = self
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        client.handler = nil
        self.context = nil
    }

    func channelActive(context: ChannelHandlerContext) {
        executor.add(client, context.channel)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        pause = .closing
        slowTimer?.cancel()
        forgetHeld()
        executor.remove(client)
        client.handler = nil
        self.context = nil
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if pause == .closing { return }
        let bytes = unwrapInboundIn(data)
        unsafe bytes.withUnsafeReadableBytes { raw in
            guard let base = raw.baseAddress else { return }
            unsafe input.append(ByteSlice(base, count: raw.count))
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) { run() }

    func read(context: ChannelHandlerContext) {
        if pause == nil { context.read() } else { holdsRead = true }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        // Not now: this is said while something is written, maybe within another client's command.
        if context.channel.isWritable, pause == .output {
            context.eventLoop.execute { if self.pause == .output { self.resume() } }
        }
        context.fireChannelWritabilityChanged()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .inputClosed = event as? ChannelEvent else { return context.fireUserInboundEventTriggered(event) }
        isInputOver = true
        // What it has asked is answered, then that is all; but what may take as long as somebody likes is not waited for.
        if executor.holdsLong(client) { close() } else { run() }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { close() }

    // MARK: Requests

    /// Goes on after a pause.
    func resume() {
        guard pause != .closing else { return }
        if pause == .output {
            slowTimer?.cancel()
            slowTimer = nil
            forgetHeld()
        }
        pause = nil
        guard context?.channel.isWritable ?? true else { return holdBack() }
        run()
        if pause == nil, holdsRead {
            holdsRead = false
            context?.read()
        }
    }

    /// Looks at no more requests until `resume`.
    func wait(_ why: Pause) { if pause != .closing { pause = why } }

    /// Carries out what has come.
    private func run() {
        guard pause == nil, !isRunning, context != nil, !executor.isEnding else { return }
        if input.isEmpty { return endIfOver() }
        // Requests of one connection never begin within those of another.
        if executor.running != nil { return executor.loop.execute { self.run() } }
        isRunning = true
        executor.beginTurn(self)
        var left = Self.turnLimit
        var ahead = 0
        while pause == nil, step() {
            left -= 1
            if ahead > 0 {
                ahead -= 1
            } else if !input.isEmpty {
                ahead = executor.lookAhead(client, input.slice)
            }
            if left == 0 {
                if pause == nil { yield() }
                break
            }
            if client.reply.bytes.count > Self.replyLimit { executor.sendNow(self) }
        }
        input.shrink(to: Self.keptMemory)
        if isInputOver, pause == nil { pause = .closing }
        executor.endTurn(self)
        isRunning = false
    }

    /// Closes once the replies are sent where nothing more will be asked.
    private func endIfOver() {
        guard isInputOver, pause == nil else { return }
        pause = .closing
        if !isInTurn { flush() }
    }

    /// Lets others have their turn, then goes on.
    private func yield() {
        pause = .turn
        context?.eventLoop.execute { if self.pause == .turn { self.resume() } }
    }

    /// Takes one request; returns whether there may be another.
    @inline(__always)
    private func step() -> Bool {
        switch decoder.value.next(input.slice, client.arguments, isAuthenticated: client.user != nil) {
        case .incomplete:
            input.reserve(decoder.value.missing(of: input.count))
            return false
        case .nothing:
            consume()
            return true
        case .damaged(let text):
            client.reply.error("ERR Protocol error: \(text)")
            closeAfterReplies()
            return false
        case .request:
            guard executor.execute(client) == .done else { return false }
            if executor.isDirty { marks.append((client.replyStart, client.lastCommand?.flags.isData ?? false)) }
            consume()
            return true
        }
    }

    private func consume() {
        input.consume(decoder.value.length)
        decoder.value.finish()
    }

    // MARK: Replies

    /// Sends what waits. Called when nothing of it depends on a commit any more.
    func flush() {
        marks.removeAll(keepingCapacity: true)
        let bytes = client.reply.bytes
        guard let context else { return }
        if !bytes.isEmpty {
            wire.clear(minimumCapacity: bytes.count)
            unsafe wire.writeBytes(UnsafeRawBufferPointer(start: bytes.slice.base, count: bytes.count))
            let count = bytes.count
            bytes.clear(keeping: Self.keptMemory)
            if pause == .closing {
                send(context, count).whenComplete { _ in self.close() }
                return
            }
            if count <= Self.keptMemory {
                context.writeAndFlush(wrapOutboundOut(wire), promise: nil)
            } else {
                _ = send(context, count)
            }
            if wire.capacity > Self.keptMemory { wire = ByteBuffer() }
        } else if pause == .closing {
            close()
        }
        if pause == nil, !context.channel.isWritable { holdBack() }
    }

    /// Sends what is put together, and counts it until the socket has taken it.
    private func send(_ context: ChannelHandlerContext, _ count: Int) -> EventLoopFuture<Void> {
        unsent += count
        executor.unsent += count
        let sent = context.writeAndFlush(wrapOutboundOut(wire))
        sent.whenComplete { _ in
            self.unsent -= count
            self.executor.unsent -= count
        }
        executor.boundOutput()
        return sent
    }

    /// The client reads slower than it asks: nothing more is done for it until it has read, and if that takes too long
    /// it is cut off. So its replies take bounded memory for a bounded time.
    private func holdBack() {
        pause = .output
        slowTimer?.cancel()
        countHeld()
        // Its command, if one waits, lets others go on meanwhile.
        executor.putAside(client)
        slowTimer = context?.eventLoop.scheduleTask(in: executor.limitsOfOutput.patience) { [weak self] in
            guard let self, self.pause == .output else { return }
            self.executor.statistics.slowReadersCut += 1
            self.close()
        }
        executor.boundOutput()
    }

    /// Counts what waits for the socket and is not counted yet: small replies, which are only looked at when there are many.
    private func countHeld() {
        forgetHeld()
        let buffered = try? context?.channel.syncOptions?.getOption(.bufferedWritableBytes)
        held = max(0, (buffered ?? 0) - unsent)
        executor.unsent += held
    }

    private func forgetHeld() {
        executor.unsent -= held
        held = 0
    }

    /// The replies so far depend on nothing any more.
    func forgetMarks() { marks.removeAll(keepingCapacity: true) }

    /// Replaces the replies that depended on a commit by what became of it. What the present command has said is dropped.
    func refuse(_ text: ErrorText) {
        guard let first = marks.first else { return }
        let bytes = client.reply.bytes
        let end = isRunning ? client.replyStart : bytes.count
        let kept = bytes.slice.slice(first.start, end - first.start).array
        bytes.truncate(to: first.start)
        for (index, mark) in marks.enumerated() {
            if mark.isData {
                client.reply.error(text)
            } else {
                let next = index + 1 < marks.count ? marks[index + 1].start : end
                bytes.append(Array(kept[(mark.start - first.start)..<(next - first.start)]))
            }
        }
        forgetMarks()
        client.replyStart = bytes.count
    }

    /// Answers the request that waited by an error, and goes on.
    func refuseRequest(_ text: ErrorText) {
        guard pause != .closing else { return }
        client.replyStart = client.reply.bytes.count
        executor.refuse(client, client.lastCommand, text)
        consume()
        executor.endTurn(self)
        resume()
    }

    /// Closes once the replies are sent.
    func closeAfterReplies() { pause = .closing }

    /// Closes now.
    func close() {
        pause = .closing
        // Over TLS the end is some time off.
        executor.giveUp(client)
        context?.close(promise: nil)
    }
}
