package import GodwitNode
internal import NIOSSL

/// What a caller of a node's HTTP interface needs for TLS: whom it trusts, and who it is where the node asks.
package struct NodeTLS: Sendable {
    let configuration: TLSConfiguration

    /// Loads the files.
    ///
    /// - Parameters:
    ///   - authorities: PEM: whom the node's certificate must come from.
    ///   - certificate: PEM: the caller's own certificate.
    ///   - key: PEM: that certificate's key.
    package init(authorities: String, certificate: String? = nil, key: String? = nil) throws(NodeError) {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv13
        do {
            configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(authorities))
            if let certificate, let key {
                configuration.certificateChain = try NIOSSLCertificate.fromPEMFile(certificate).map {
                    .certificate($0)
                }
                configuration.privateKey = .privateKey(try NIOSSLPrivateKey(file: key, format: .pem))
            }
        } catch {
            let files = [authorities, certificate, key].compactMap { $0 }.joined(separator: ", ")
            throw NodeError(.invalidArgument, "the TLS files \(files) cannot be used: \(error)")
        }
        self.configuration = configuration
    }
}
