internal import FoundationEssentials
internal import GodwitNode
internal import Logging
internal import NIOConcurrencyHelpers
internal import NIOSSL

/// The certificate that new connections are shown. Looked after once a second: when the files have changed, connections
/// from then on get the new one, and those that are open go on with theirs. Files that cannot be used (half replaced, say)
/// leave the old one in place until they can.
final class Certificates: Sendable {
    private struct State {
        var context: NIOSSLContext
        var stamp: [Date?]
    }

    private let files: ListenerTLS
    private let listener: String
    private let logger: Logger
    private let state: NIOLockedValueBox<State>

    /// Loads the files of a listener, which is named in errors and in the log.
    init(_ files: ListenerTLS, of listener: String, _ logger: Logger) throws(NodeError) {
        self.files = files
        self.listener = listener
        self.logger = logger
        let stamp = Self.stamp(files)
        do {
            state = NIOLockedValueBox(State(context: try Self.context(files), stamp: stamp))
        } catch {
            throw NodeError(.invalidArgument, "the TLS files of the \(listener) cannot be used: \(error)")
        }
    }

    /// What a new connection is to use.
    var current: NIOSSLContext { state.withLockedValue { $0.context } }

    /// Loads the files anew if they have changed. Reads the disk.
    func refresh() {
        let stamp = Self.stamp(files)
        guard stamp != state.withLockedValue({ $0.stamp }) else { return }
        do {
            let context = try Self.context(files)
            state.withLockedValue { $0 = State(context: context, stamp: stamp) }
            logger.info("the \(listener) uses a new certificate")
        } catch {
            logger.warning("the new certificate of the \(listener) cannot be used yet", metadata: ["error": "\(error)"])
        }
    }

    private static func stamp(_ files: ListenerTLS) -> [Date?] {
        [files.certificate, files.key, files.clientAuthorities].map { path in
            path.flatMap { try? FileManager.default.attributesOfItem(atPath: $0)[.modificationDate] as? Date }
        }
    }

    private static func context(_ files: ListenerTLS) throws -> NIOSSLContext {
        let chain = try NIOSSLCertificate.fromPEMFile(files.certificate).map { NIOSSLCertificateSource.certificate($0) }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain, privateKey: .privateKey(try NIOSSLPrivateKey(file: files.key, format: .pem)))
        configuration.minimumTLSVersion = .tlsv13
        if let authorities = files.clientAuthorities {
            configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(authorities))
            configuration.certificateVerification = .noHostnameVerification
        }
        return try NIOSSLContext(configuration: configuration)
    }
}
