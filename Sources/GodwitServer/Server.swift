internal import Foundation
internal import GodwitEngine
internal import GodwitNode
internal import GodwitReplication
internal import Hummingbird
internal import HummingbirdCore
internal import Logging
internal import NIOCore
internal import ServiceLifecycle
internal import UnixSignals

/// A node with its HTTP interface, run until it is told to stop: what `godwit serve` is.
package enum Server {
    /// HTTP connections at once; more wait in the system's queue.
    private static let connectionLimit = 1024

    /// Starts everything, calls `ready` with the line that says so, and runs until SIGTERM or SIGINT; then closes the
    /// store.
    package static func run(
        _ settings: ServerSettings, ready: @escaping @Sendable (_ line: String) -> Void
    ) async throws {
        var settings = settings
        var logger = Logger(label: "godwit", factory: StreamLogHandler.standardError(label:))
        logger.logLevel = settings.logLevel
        logger[metadataKey: "region"] = "\(settings.node.region)"
        settings.node.logger = logger
        let certificates = try settings.adminTLS.map { (files) throws(NodeError) in
            try files.watched(by: "HTTP listener", logger)
        }
        let node = try await Node.start(settings.node)
        var listener: RedisListener?
        do {
            if let redis = settings.redis { listener = try await RedisListener.start(node, redis, logger: logger) }
            let admin = settings.admin
            let redis = listener.map { " redis=\($0.address)" } ?? ""
            let application = Application(
                router: router(node, settings.tokens, listener),
                server: .http(certificates),
                configuration: ApplicationConfiguration(
                    address: .hostname(admin.host, port: admin.port),
                    availableConnectionsDelegate: MaximumAvailableConnections(connectionLimit)),
                onServerRunning: { channel in
                    let port = channel.localAddress?.port ?? admin.port
                    let role = (try? await node.status().role) ?? "follower"
                    ready(
                        """
                        ready region=\(node.region) role=\(role) replication=\(node.address) \
                        admin=\(HostPort(host: admin.host, port: port))\(redis)
                        """)
                },
                logger: logger)
            let services: [any Service] =
                [application] + (certificates.map { [CertificateWatch(certificates: $0)] } ?? [])
            let group = ServiceGroup(
                configuration: ServiceGroupConfiguration(
                    services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: quiet(logger)))
            try await group.run()
        } catch {
            await listener?.stop()
            try? await node.close()
            throw error
        }
        await listener?.stop()
        try await node.close()
    }

    /// All routes.
    static func router(_ node: Node, _ tokens: Tokens, _ redis: RedisListener? = nil) -> Router<BasicRequestContext> {
        let router = Router()
        router.add(middleware: TokenGuard(tokens: tokens))
        HealthRoutes(node: node).add(to: router)
        AdminRoutes(node: node).add(to: router)
        let admission = HTTPAdmission()
        KeyRoutes(node: node, admission: admission).add(to: router)
        BatchRoute(node: node, admission: admission).add(to: router)
        router.get("/metrics") { _, _ in
            do {
                let text = MetricsText(
                    try await node.status(), node.engine?.metrics, await redis?.figures(), admission
                ).text
                return Response(
                    status: .ok, headers: [.contentType: "text/plain; version=0.0.4; charset=utf-8"],
                    body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
            } catch let error as NodeError {
                throw Failure(error)
            }
        }
        return router
    }

    /// A logger for what libraries say of themselves.
    private static func quiet(_ logger: Logger) -> Logger {
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .warning)
        return quiet
    }
}
