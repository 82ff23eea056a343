internal import NIOConcurrencyHelpers
public import NIOCore
public import NIOPosix

/// A TCP proxy on loopback that makes a good link bad: it delays, limits bandwidth, cuts and refuses. For tests, the
/// demo and measurements; what passes through it is not changed.
///
/// Each connection from a client makes one to the target. What is read on one side waits on a queue until its delay is
/// over and the bandwidth allows it, then it is written to the other. A side whose queue is full is not read from.
public final class LinkProxy: Sendable {
    /// How the link behaves. Changes hold for bytes that arrive from then on.
    public struct Conditions: Sendable {
        /// How long each byte is under way, one way.
        public var delay: Duration
        /// Bytes a second, each way; nil for as fast as it goes.
        public var bandwidth: Int?
        /// Whether new connections are taken; those of a cut link are refused.
        public var isCut: Bool

        /// A link that adds nothing, unless said otherwise.
        public init(delay: Duration = .zero, bandwidth: Int? = nil, isCut: Bool = false) {
            self.delay = delay
            self.bandwidth = bandwidth
            self.isCut = isCut
        }
    }

    private let listener: any Channel
    private let state: NIOLockedValueBox<State>

    struct State {
        var conditions: Conditions
        var target: (host: String, port: Int)
        var open: [ObjectIdentifier: any Channel] = [:]
        var connections = 0
        /// How often all connections were broken: one that was being made meanwhile is broken too.
        var drops = 0
    }

    private init(_ listener: any Channel, _ state: NIOLockedValueBox<State>) {
        self.listener = listener
        self.state = state
    }

    /// Listens on a free port of 127.0.0.1 for connections to a host and port.
    public static func start(
        to host: String, port: Int, conditions: Conditions = Conditions(),
        on group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
    ) async throws -> LinkProxy {
        let state = NIOLockedValueBox(State(conditions: conditions, target: (host, port)))
        let listener = try await ServerBootstrap(group: group)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { client in
                Self.connect(client, state)
            }
            .bind(host: "127.0.0.1", port: 0).get()
        return LinkProxy(listener, state)
    }

    /// Where it listens: `127.0.0.1:PORT`.
    public var address: String { "127.0.0.1:\(port)" }

    /// The port it listens at.
    public var port: Int { listener.localAddress?.port ?? 0 }

    /// How many connections it has taken so far.
    public var connections: Int { state.withLockedValue { $0.connections } }

    /// How the link behaves now.
    public var conditions: Conditions {
        get { state.withLockedValue { $0.conditions } }
        set { state.withLockedValue { $0.conditions = newValue } }
    }

    /// Leads new connections to another host and port: a process that was started again.
    public func lead(to host: String, port: Int) { state.withLockedValue { $0.target = (host, port) } }

    /// Breaks every open connection; what was under way is gone. New ones are taken unless the link is cut.
    public func drop() {
        let channels = state.withLockedValue { state in
            state.drops += 1
            return Array(state.open.values)
        }
        for channel in channels { channel.close(promise: nil) }
    }

    /// Breaks every connection and refuses new ones until `mend`.
    public func cut() {
        state.withLockedValue { $0.conditions.isCut = true }
        drop()
    }

    /// Takes connections again.
    public func mend() { state.withLockedValue { $0.conditions.isCut = false } }

    /// Breaks every connection and stops listening.
    public func stop() async {
        cut()
        try? await listener.close()
    }

    /// Joins a client's connection to a new one to the target, or closes it.
    private static func connect(
        _ client: any Channel, _ state: NIOLockedValueBox<State>
    ) -> EventLoopFuture<Void> {
        let taken = state.withLockedValue { state -> State? in
            if state.conditions.isCut { return nil }
            state.connections += 1
            return state
        }
        guard let taken else { return client.eventLoop.makeFailedFuture(ChannelError.connectTimeout(.zero)) }
        return ClientBootstrap(group: client.eventLoop)
            .channelOption(.autoRead, value: false)
            .connect(host: taken.target.host, port: taken.target.port)
            .flatMapThrowing { target in
                let isBroken = state.withLockedValue { state in
                    for channel in [client, target] { state.open[ObjectIdentifier(channel)] = channel }
                    return state.drops != taken.drops
                }
                for channel in [client, target] {
                    channel.closeFuture.whenComplete { _ in
                        state.withLockedValue { _ = $0.open.removeValue(forKey: ObjectIdentifier(channel)) }
                    }
                }
                guard !isBroken else {
                    target.close(promise: nil)
                    throw ChannelError.eof
                }
                try client.pipeline.syncOperations.addHandler(Relay(to: target, state))
                try target.pipeline.syncOperations.addHandler(Relay(to: client, state))
            }
    }
}
