internal import NIOSSL

/// What a node needs for mutual TLS: its certificate, its key, and whom it trusts.
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

    /// The contexts for both ends of a link: TLS 1.3, both sides show a certificate.
    func contexts() throws(NodeError) -> (client: NIOSSLContext, server: NIOSSLContext) {
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
            return (try NIOSSLContext(configuration: client), try NIOSSLContext(configuration: server))
        } catch {
            throw NodeError(
                .invalidArgument,
                "the TLS files \(certificate), \(key), \(authorities) cannot be used: \(error)")
        }
    }
}
