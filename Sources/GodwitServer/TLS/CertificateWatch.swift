internal import GodwitNode
internal import NIOPosix
internal import NIOSSL
internal import ServiceLifecycle

/// Has certificates looked after once a second, until the server stops.
struct CertificateWatch: Service {
    let certificates: WatchedFiles<NIOSSLContext>

    @concurrent
    func run() async throws {
        let certificates = certificates
        await cancelWhenGracefulShutdown {
            while (try? await Task.sleep(for: .seconds(1))) != nil {
                try? await NIOThreadPool.singleton.runIfActive { certificates.refresh() }
            }
        }
    }
}
