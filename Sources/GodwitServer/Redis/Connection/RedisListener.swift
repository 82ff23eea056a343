internal import Glibc
package import GodwitNode
package import Logging
internal import NIOCore
internal import NIOPosix
internal import NIOSSL

/// The Redis listener of a node: one event loop that owns all its connections.
package final class RedisListener: Sendable {
    /// Where it listens, with the port that was picked.
    package let address: HostPort
    private let group: MultiThreadedEventLoopGroup
    private let channel: any Channel
    let executor: Executor

    private init(
        _ address: HostPort, _ group: MultiThreadedEventLoopGroup, _ channel: any Channel, _ executor: Executor
    ) {
        self.address = address
        self.group = group
        self.channel = channel
        self.executor = executor
    }

    /// Listens, and serves until `stop`.
    package static func start(
        _ node: Node, _ settings: RedisSettings, logger: Logger
    ) async throws(NodeError) -> RedisListener {
        let access = try Access(settings)
        let certificates = try settings.tls.map { (files) throws(NodeError) in
            try files.watched(by: "Redis listener", logger)
        }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let loop = group.next()
        let executor = Executor(node, loop: loop, settings: settings, access: access)
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.maxMessagesPerRead, value: 1)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(
                .writeBufferWaterMark, value: .init(low: OutputLimits.lowWater, high: OutputLimits.highWater)
            )
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try accept(channel, executor, certificates) }
            }
        do {
            let channel = try await bind(bootstrap, settings, logger)
            let port = channel.localAddress?.port ?? settings.address.port
            loop.execute { executor.start(port: port) }
            certificates?.watch(on: loop)
            return RedisListener(HostPort(host: settings.address.host, port: port), group, channel, executor)
        } catch {
            try? await group.shutdownGracefully()
            throw NodeError(.network, "cannot listen at \(settings.address) for Redis clients: \(error)")
        }
    }

    private static func bind(
        _ bootstrap: ServerBootstrap, _ settings: RedisSettings, _ logger: Logger
    ) async throws -> any Channel {
        let host = settings.address.host
        do {
            return try await bootstrap.bind(host: host, port: settings.address.port).get()
        } catch let error as IOError where error.errnoCode == EADDRINUSE && settings.takesAnyPort {
            logger.warning("\(settings.address) is taken: Redis clients connect where the line `ready` says")
            return try await bootstrap.bind(host: host, port: 0).get()
        }
    }

    private static func accept(
        _ channel: any Channel, _ executor: Executor, _ certificates: WatchedFiles<NIOSSLContext>?
    ) throws {
        guard executor.clients.count < executor.maximumClients else {
            executor.statistics.rejectedConnections += 1
            if certificates != nil { return channel.close(promise: nil) }
            let text = ByteBuffer(string: "-ERR max number of clients reached\r\n")
            channel.writeAndFlush(text).whenComplete { _ in channel.close(promise: nil) }
            return
        }
        if let certificates {
            try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: certificates.current))
        }
        try channel.pipeline.syncOperations.addHandler(ClientHandler(executor.makeClient(), executor))
    }

    /// What it has done.
    func figures() async -> RedisFigures? {
        let executor = executor
        return try? await group.next().submit { RedisFigures(executor) }.get()
    }

    /// Stops listening, answers what was written, lets go of all connections, and ends the threads.
    package func stop() async {
        try? await channel.close()
        await executor.end()
        try? await group.shutdownGracefully()
    }
}
