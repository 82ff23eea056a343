import Foundation
import GodwitNode
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import NIOSSL

@testable import GodwitServer

/// A client that sends what a test says, byte for byte.
final class TestClient: Sendable {
    private struct State {
        var received: ArraySlice<UInt8> = []
        var isClosed = false
    }

    private final class Receiver: ChannelInboundHandler, Sendable {
        typealias InboundIn = ByteBuffer
        let state: NIOLockedValueBox<State>
        init(_ state: NIOLockedValueBox<State>) { self.state = state }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let bytes = unwrapInboundIn(data)
            state.withLockedValue { $0.received += ArraySlice(bytes.readableBytesView) }
        }

        func channelInactive(context: ChannelHandlerContext) { state.withLockedValue { $0.isClosed = true } }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
    }

    struct Lost: Error {}

    let channel: any Channel
    private let state: NIOLockedValueBox<State>

    private init(_ channel: any Channel, _ state: NIOLockedValueBox<State>) {
        self.channel = channel
        self.state = state
    }

    static func connect(
        _ address: HostPort, tls: NIOSSLContext? = nil, reads: Bool = true
    ) async throws -> TestClient {
        let state = NIOLockedValueBox(State())
        let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .channelOption(.autoRead, value: reads)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls {
                        try channel.pipeline.syncOperations.addHandler(
                            NIOSSLClientHandler(context: tls, serverHostname: "localhost"))
                    }
                    try channel.pipeline.syncOperations.addHandler(Receiver(state))
                }
            }
            .connect(host: address.host, port: address.port).get()
        return TestClient(channel, state)
    }

    /// Sends bytes as they are.
    func send(_ bytes: [UInt8]) { channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil) }

    func send(_ text: String) { send(Array(text.utf8)) }

    /// A request as an array of bulk strings.
    static func request(_ words: [String]) -> [UInt8] {
        var bytes = Array("*\(words.count)\r\n".utf8)
        for word in words { bytes += Array("$\(word.utf8.count)\r\n".utf8) + Array(word.utf8) + [13, 10] }
        return bytes
    }

    /// Sends a request and waits for its reply.
    @discardableResult
    func call(_ words: String...) async throws -> RedisValue { try await call(words) }

    @discardableResult
    func call(_ words: [String]) async throws -> RedisValue {
        send(Self.request(words))
        return try await reply()
    }

    /// The next reply.
    func reply(within seconds: Int = 20) async throws -> RedisValue {
        let end = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < end {
            let (value, isClosed) = state.withLockedValue { (RedisValue.take(&$0.received), $0.isClosed) }
            if let value { return value }
            if isClosed { throw Lost() }
            try await Task.sleep(for: .microseconds(200))
        }
        throw Lost()
    }

    /// Whether the other side closes soon.
    func isClosed(within seconds: Int = 10) async throws -> Bool {
        let end = ContinuousClock.now + .seconds(seconds)
        while ContinuousClock.now < end {
            if state.withLockedValue({ $0.isClosed }) { return true }
            try await Task.sleep(for: .milliseconds(1))
        }
        return false
    }

    func close() async { try? await channel.close() }
}
