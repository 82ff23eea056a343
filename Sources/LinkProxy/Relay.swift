internal import NIOConcurrencyHelpers
internal import NIOCore

/// One direction of a connection: what is read here is written to the other channel when its time has come.
final class Relay: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    /// What may wait for its time; more than bandwidth times delay of a fast link to the other side of the world.
    private static let queueLimit = 64 << 20

    private let other: any Channel
    private let state: NIOLockedValueBox<LinkProxy.State>
    private var queue = CircularBuffer<(due: NIODeadline, bytes: ByteBuffer)>()
    private var queued = 0
    private var isScheduled = false
    /// When the bandwidth is free for the next byte.
    private var freeAt = NIODeadline.uptimeNanoseconds(0)

    init(to other: any Channel, _ state: NIOLockedValueBox<LinkProxy.State>) {
        self.other = other
        self.state = state
    }

    func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { context.read() }
    }

    func channelActive(context: ChannelHandlerContext) { context.read() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let bytes = unwrapInboundIn(data)
        let conditions = state.withLockedValue { $0.conditions }
        let now = NIODeadline.now()
        if let bandwidth = conditions.bandwidth {
            freeAt = max(freeAt, now) + .nanoseconds(Int64(bytes.readableBytes) * 1_000_000_000 / Int64(bandwidth))
        } else {
            freeAt = now
        }
        queue.append((freeAt + TimeAmount(conditions.delay), bytes))
        queued += bytes.readableBytes
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        release(context)
        if queued < Self.queueLimit { context.read() }
    }

    func channelInactive(context: ChannelHandlerContext) { other.close(promise: nil) }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    /// Writes what is due and asks to be called for the rest.
    private func release(_ context: ChannelHandlerContext) {
        let now = NIODeadline.now()
        let wasFull = queued >= Self.queueLimit
        var wrote = false
        while let first = queue.first, first.due <= now {
            queued -= first.bytes.readableBytes
            other.write(first.bytes, promise: nil)
            queue.removeFirst()
            wrote = true
        }
        if wrote { other.flush() }
        if wasFull, queued < Self.queueLimit { context.read() }
        guard let first = queue.first, !isScheduled else { return }
        isScheduled = true
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(deadline: first.due) {
            let (relay, context) = bound.value
            relay.isScheduled = false
            if context.channel.isActive { relay.release(context) }
        }
    }
}
