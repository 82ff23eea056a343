internal import GodwitNode
internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import NIOSSL

/// HTTP within TLS: each connection is shown the certificate of the moment at which it comes.
struct TLSChannel: ServerChildChannel {
    typealias Value = HTTP1Channel.Value

    let base: HTTP1Channel
    let certificates: WatchedFiles<NIOSSLContext>

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: certificates.current))
        }.flatMap { base.setup(channel: channel, logger: logger) }
    }

    @concurrent
    func handle(value: Value, logger: Logger) async { await base.handle(value: value, logger: logger) }
}

extension HTTPServerBuilder {
    /// HTTP, within TLS where there are certificates.
    static func http(_ certificates: WatchedFiles<NIOSSLContext>?) -> HTTPServerBuilder {
        guard let certificates else { return .http1() }
        return HTTPServerBuilder { responder in
            TLSChannel(base: HTTP1Channel(responder: responder), certificates: certificates)
        }
    }
}
