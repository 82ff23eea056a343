import Deadline
import LinkProxy
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import Testing

/// The proxy that tests, demo and measurements trust must itself do what it says.
@Suite(.deadline(seconds: 120)) struct LinkProxyTests {
    /// Sends back what it gets.
    private final class Echo: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            context.writeAndFlush(data, promise: nil)
        }
    }

    /// Counts what comes.
    private final class Counter: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer
        let count = NIOLockedValueBox(0)

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let bytes = unwrapInboundIn(data).readableBytes
            count.withLockedValue { $0 += bytes }
        }
    }

    private func withProxy(
        _ conditions: LinkProxy.Conditions, _ body: (LinkProxy, any Channel, Counter) async throws -> Void
    ) async throws {
        let group = MultiThreadedEventLoopGroup.singleton
        let echo = try await ServerBootstrap(group: group)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Echo()) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let proxy = try await LinkProxy.start(
            to: "127.0.0.1", port: echo.localAddress?.port ?? 0, conditions: conditions)
        let counter = Counter()
        let client = try await ClientBootstrap(group: group)
            .channelInitializer { $0.pipeline.addHandler(counter) }
            .connect(host: "127.0.0.1", port: proxy.port).get()
        try await body(proxy, client, counter)
        try? await client.close()
        await proxy.stop()
        try? await echo.close()
    }

    private func wait(_ counter: Counter, for count: Int) async throws -> Duration {
        let clock = ContinuousClock()
        let start = clock.now
        while counter.count.withLockedValue({ $0 }) < count {
            guard clock.now - start < .seconds(20) else { break }
            try await Task.sleep(for: .milliseconds(1))
        }
        #expect(counter.count.withLockedValue { $0 } == count)
        return clock.now - start
    }

    @Test("what is sent comes back unchanged in size, with no delay of the proxy's own")
    func passes() async throws {
        try await withProxy(LinkProxy.Conditions()) { proxy, client, counter in
            try await client.writeAndFlush(ByteBuffer(repeating: 1, count: 4 << 20))
            #expect(try await wait(counter, for: 4 << 20) < .seconds(5))
            #expect(proxy.connections == 1)
        }
    }

    @Test("each byte is under way as long as the delay says, each way, however much is sent")
    func delays() async throws {
        try await withProxy(LinkProxy.Conditions(delay: .milliseconds(40))) { _, client, counter in
            try await client.writeAndFlush(ByteBuffer(repeating: 1, count: 1 << 20))
            let took = try await wait(counter, for: 1 << 20)
            #expect(took >= .milliseconds(80))
            #expect(took < .milliseconds(1000), "a delay is no limit of bandwidth")
        }
    }

    @Test("bandwidth is limited")
    func limits() async throws {
        try await withProxy(LinkProxy.Conditions(bandwidth: 4 << 20)) { _, client, counter in
            try await client.writeAndFlush(ByteBuffer(repeating: 1, count: 2 << 20))
            let took = try await wait(counter, for: 2 << 20)
            #expect(took >= .milliseconds(450))
            #expect(took < .seconds(4))
        }
    }

    /// Waits for a channel to close, at most 10 s: a connection that outlives its link must not hold up the run.
    private func closes(_ channel: any Channel) async throws -> Bool {
        for _ in 0..<1000 where channel.isActive { try await Task.sleep(for: .milliseconds(10)) }
        return !channel.isActive
    }

    /// Waits until the proxy has taken so many connections: a client is connected before the proxy knows of it.
    private func takes(_ count: Int, _ proxy: LinkProxy) async throws -> Bool {
        for _ in 0..<1000 where proxy.connections < count { try await Task.sleep(for: .milliseconds(10)) }
        return proxy.connections == count
    }

    @Test("a connection that is being made while the link is cut is broken too")
    func cutsWhileConnecting() async throws {
        try await withProxy(LinkProxy.Conditions()) { proxy, _, _ in
            for _ in 0..<200 {
                let client = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                    .connect(host: "127.0.0.1", port: proxy.port).get()
                proxy.cut()
                try #require(await closes(client))
                proxy.mend()
            }
        }
    }

    @Test("a cut link ends connections and takes no new ones until it is mended")
    func cuts() async throws {
        try await withProxy(LinkProxy.Conditions()) { proxy, client, _ in
            try #require(await takes(1, proxy))
            proxy.cut()
            try #require(await closes(client))
            let second = try? await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connect(host: "127.0.0.1", port: proxy.port).get()
            if let second { try #require(await closes(second)) }
            #expect(proxy.connections == 1)
            proxy.mend()
            let third = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
                .connect(host: "127.0.0.1", port: proxy.port).get()
            #expect(try await takes(2, proxy))
            try await third.close()
        }
    }
}
