internal import Glibc
internal import GodwitReplication
internal import NIOConcurrencyHelpers
internal import NIOCore
internal import NIOPosix
internal import NIOSSL

/// Carries the links of a replica over TCP, with TLS when it has contexts. Called by the replication thread; everything
/// that comes goes to `deliver`, from the event loops.
///
/// What waits is bounded: see `LinkFlow`. A dial gives up after its time limit, and more connections than `acceptLimit`
/// are refused, so that a stranger cannot use up the process's files.
final class Transport: Sendable {
    private static let dialLimit = TimeAmount.seconds(5)
    private static let acceptLimit = 256

    private struct Link {
        let channel: any Channel
        let flow: LinkFlow
    }

    private struct State {
        var links: [LinkID: Link] = [:]
        var accepted: UInt64 = 0
        var listener: (any Channel)?
        var isStopped = false
    }

    private let group: any EventLoopGroup
    private let tls: WatchedFiles<TLSContexts>?
    private let deliver: @Sendable (NetworkEvent) -> Void
    private let state = NIOLockedValueBox(State())

    init(
        group: any EventLoopGroup, tls: WatchedFiles<TLSContexts>?,
        deliver: @escaping @Sendable (NetworkEvent) -> Void
    ) {
        self.group = group
        self.tls = tls
        self.deliver = deliver
    }

    /// Takes connections at an address; returns the port.
    func listen(at address: HostPort) async throws(NodeError) -> Int {
        do {
            let listener = try await ServerBootstrap(group: group)
                .serverChannelOption(.backlog, value: 64)
                .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
                .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
                .childChannelOption(.socketOption(.so_keepalive), value: 1)
                .childChannelInitializer { channel in channel.eventLoop.makeCompletedFuture { try self.accept(channel) }
                }
                .bind(host: address.host, port: address.port).get()
            state.withLockedValue { $0.listener = listener }
            return listener.localAddress?.port ?? address.port
        } catch {
            throw NodeError(.network, "cannot listen at \(address): \(error)")
        }
    }

    /// Connects a link; the outcome is told as an event.
    func dial(_ link: LinkID, _ address: String) {
        guard let target = HostPort(address) else {
            deliver(.closed(link, reason: "`\(address)` is no HOST:PORT"))
            return
        }
        let deliver = deliver
        ClientBootstrap(group: group)
            .connectTimeout(Self.dialLimit)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try self.prepare(channel, link, dialled: target) }
            }
            .connect(host: target.host, port: target.port)
            .whenFailure { deliver(.closed(link, reason: "cannot reach \(target): \(Self.text($0))")) }
    }

    /// Sends pieces over a link, flushed together.
    func send(_ link: LinkID, _ pieces: [[UInt8]]) {
        guard let found = state.withLockedValue({ $0.links[link] }) else { return }
        let count = pieces.reduce(0) { $0 + $1.count }
        let channel = found.channel
        guard found.flow.sending(count) else {
            channel.close(promise: nil)
            return
        }
        let flow = found.flow
        channel.eventLoop.execute {
            for (place, piece) in pieces.enumerated() {
                let isLast = place == pieces.count - 1
                let promise = isLast ? channel.eventLoop.makePromise(of: Void.self) : nil
                promise?.futureResult.whenComplete { _ in flow.sent(count) }
                channel.write(ByteBuffer(bytes: piece), promise: promise)
            }
            channel.flush()
        }
    }

    /// Closes a link once what was sent before is on its way.
    func close(_ link: LinkID) {
        guard let found = state.withLockedValue({ $0.links[link] }) else { return }
        found.channel.close(promise: nil)
    }

    /// The thread has taken received bytes.
    func consumed(_ link: LinkID, _ count: Int) {
        guard let found = state.withLockedValue({ $0.links[link] }), found.flow.consumed(count) else { return }
        found.channel.read()
    }

    /// Bytes that wait on a link for the thread, and for the network.
    func waiting(_ link: LinkID) -> (inbound: Int, outbound: Int) {
        state.withLockedValue { $0.links[link] }?.flow.waiting ?? (0, 0)
    }

    /// Stops listening and closes every link.
    func stop() async {
        let (listener, links) = state.withLockedValue { state in
            state.isStopped = true
            return (state.listener, Array(state.links.values))
        }
        try? await listener?.close()
        for link in links { try? await link.channel.close() }
    }

    /// What kept a connection from being made, in few words.
    private static func text(_ error: any Error) -> String {
        guard let failure = error as? NIOConnectionError else { return "\(error)" }
        if let refused = failure.connectionErrors.first?.error as? IOError { return refused.reasonText }
        return failure.connectionErrors.first.map { "\($0.error)" } ?? "no such host"
    }

    private func accept(_ channel: any Channel) throws {
        let link = state.withLockedValue { state -> LinkID? in
            guard !state.isStopped, state.links.count < Self.acceptLimit else { return nil }
            state.accepted += 1
            return .accepted(state.accepted)
        }
        guard let link else { throw ChannelError.ioOnClosedChannel }
        try prepare(channel, link, dialled: nil)
    }

    private func prepare(_ channel: any Channel, _ link: LinkID, dialled target: HostPort?) throws {
        let flow = LinkFlow()
        let isStopped = state.withLockedValue { state in
            if !state.isStopped { state.links[link] = Link(channel: channel, flow: flow) }
            return state.isStopped
        }
        guard !isStopped else { throw ChannelError.ioOnClosedChannel }
        channel.closeFuture.whenComplete { _ in
            self.state.withLockedValue { _ = $0.links.removeValue(forKey: link) }
        }
        let pipeline = channel.pipeline.syncOperations
        if let tls = tls?.current {
            if let target {
                try pipeline.addHandler(
                    NIOSSLClientHandler(context: tls.client, serverHostname: target.isName ? target.host : nil))
            } else {
                try pipeline.addHandler(NIOSSLServerHandler(context: tls.server))
            }
        }
        try pipeline.addHandler(
            LinkHandler(link, isDialled: target != nil, isSecured: tls != nil, flow: flow, deliver: deliver))
    }
}

extension IOError {
    /// The system's words for what it refused.
    fileprivate var reasonText: String {
        switch errnoCode {
        case ECONNREFUSED: "connection refused"
        case EHOSTUNREACH, ENETUNREACH: "no route to it"
        default: "\(self)"
        }
    }
}

extension HostPort {
    /// Whether the host is a name rather than an IP address.
    fileprivate var isName: Bool { (try? SocketAddress(ipAddress: host, port: port)) == nil }
}
