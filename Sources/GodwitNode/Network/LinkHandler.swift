internal import GodwitReplication
internal import NIOCore
internal import NIOSSL
internal import NIOTLS

/// One end of a link on its event loop: tells of the link once it is usable (after the TLS handshake, if there is one),
/// hands on what comes in one piece per read, and reads only while the replication thread keeps up.
final class LinkHandler: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// How long a peer may take for the TLS handshake.
    private static let handshakeLimit = TimeAmount.seconds(10)

    private let link: LinkID
    private let isDialled: Bool
    private let isSecured: Bool
    private let flow: LinkFlow
    private let deliver: @Sendable (NetworkEvent) -> Void
    /// What came since the last read was complete.
    private var gathered: [ByteBuffer] = []
    private var isUsable = false
    /// Why this side ended it; nil where the other did.
    private var reason: String?
    private var handshakeTimer: Scheduled<Void>?

    init(
        _ link: LinkID, isDialled: Bool, isSecured: Bool, flow: LinkFlow,
        deliver: @escaping @Sendable (NetworkEvent) -> Void
    ) {
        self.link = link
        self.isDialled = isDialled
        self.isSecured = isSecured
        self.flow = flow
        self.deliver = deliver
    }

    func channelActive(context: ChannelHandlerContext) {
        if isSecured {
            let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
            handshakeTimer = context.eventLoop.scheduleTask(in: Self.handshakeLimit) {
                let (handler, context) = bound.value
                handler.close(context, "the TLS handshake did not end in 10 s")
            }
        } else {
            announce(nil)
        }
        context.fireChannelActive()
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case .handshakeCompleted = event as? TLSUserEvent {
            handshakeTimer?.cancel()
            let certificate = try? context.pipeline.syncOperations.handler(type: NIOSSLHandler.self).peerCertificate
            if let identity = certificate.flatMap(PeerNames.identity(of:)) {
                announce(identity)
            } else {
                close(context, "the peer's certificate names no node (URI godwit:node/NAME)")
            }
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        gathered.append(unwrapInboundIn(data))
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        if !gathered.isEmpty, isUsable {
            let count = gathered.reduce(0) { $0 + $1.readableBytes }
            var bytes: [UInt8] = []
            bytes.reserveCapacity(count)
            for buffer in gathered { bytes.append(contentsOf: buffer.readableBytesView) }
            gathered.removeAll(keepingCapacity: true)
            flow.received(count)
            deliver(.received(link, bytes))
        }
        context.fireChannelReadComplete()
    }

    func read(context: ChannelHandlerContext) {
        if flow.mayRead() { context.read() }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { close(context, Self.text(error)) }

    func channelInactive(context: ChannelHandlerContext) {
        handshakeTimer?.cancel()
        // A dialled link is told of as closed even if it never became usable: the replica waits for its dial.
        if isUsable || isDialled {
            deliver(.closed(link, reason: reason ?? "the other side closed the connection"))
        } else if let reason {
            deliver(.turnedAway(reason: reason))
        }
        isUsable = false
        context.fireChannelInactive()
    }

    private func announce(_ identity: PeerIdentity?) {
        isUsable = true
        deliver(isDialled ? .opened(link) : .accepted(link, identity))
    }

    private func close(_ context: ChannelHandlerContext, _ reason: String) {
        self.reason = reason
        context.close(promise: nil)
    }

    private static func text(_ error: any Error) -> String {
        error is NIOSSLError || error is BoringSSLError ? "TLS: \(error)" : "\(error)"
    }
}
