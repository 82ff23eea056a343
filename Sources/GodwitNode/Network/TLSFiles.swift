internal import Logging
internal import NIOSSL

/// What the two ends of a link use.
struct TLSContexts: Sendable {
    let client: NIOSSLContext
    let server: NIOSSLContext
}

/// What a node needs for mutual TLS: its certificate, its key, and whom it trusts. The files may be replaced while the node
/// runs: links that are made later use the new ones.
public struct TLSFiles: Sendable, Hashable {
    /// PEM: this node's certificate, then those between it and the authority.
    public var certificate: String
    /// PEM: the key of the certificate.
    public var key: String
    /// PEM: the authorities that other nodes' certificates must come from.
    public var authorities: String

    /// Names the three files.
    public init(certificate: String, key: String, authorities: String) {
        self.certificate = certificate
        self.key = key
        self.authorities = authorities
    }

    /// The contexts for both ends of a link, made anew when the files change.
    func watched(_ logger: Logger) throws(NodeError) -> WatchedFiles<TLSContexts> {
        do {
            return try WatchedFiles(
                "certificates of the replication links", paths: [certificate, key, authorities], logger: logger
            ) { try contexts() }
        } catch {
            throw error as? NodeError ?? NodeError(.invalidArgument, "\(error)")
        }
    }

    /// TLS 1.3, both sides show a certificate.
    private func contexts() throws(NodeError) -> TLSContexts {
        do {
            let chain = try NIOSSLCertificate.fromPEMFile(certificate).map { NIOSSLCertificateSource.certificate($0) }
            let privateKey = try NIOSSLPrivateKey(file: key, format: .pem)
            let roots = NIOSSLTrustRoots.certificates(try NIOSSLCertificate.fromPEMFile(authorities))

            var client = TLSConfiguration.makeClientConfiguration()
            client.minimumTLSVersion = .tlsv13
            client.certificateChain = chain
            client.privateKey = .privateKey(privateKey)
            client.trustRoots = roots
            client.certificateVerification = .fullVerification

            var server = TLSConfiguration.makeServerConfiguration(
                certificateChain: chain, privateKey: .privateKey(privateKey))
            server.minimumTLSVersion = .tlsv13
            server.trustRoots = roots
            // A follower's address says nothing about it; its certificate's node name does.
            server.certificateVerification = .noHostnameVerification
            return TLSContexts(
                client: try NIOSSLContext(configuration: client), server: try NIOSSLContext(configuration: server))
        } catch {
            throw NodeError(
                .invalidArgument,
                "the TLS files \(certificate), \(key), \(authorities) cannot be used: \(error)")
        }
    }
}
