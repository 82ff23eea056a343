internal import GodwitNode
internal import Logging
internal import NIOSSL

extension ListenerTLS {
    /// What new connections use, made anew when the files change.
    ///
    /// - Parameter listener: Who uses it, for errors and the log.
    func watched(by listener: String, _ logger: Logger) throws(NodeError) -> WatchedFiles<NIOSSLContext> {
        do {
            return try WatchedFiles(
                "certificate of the \(listener)", paths: [certificate, key] + (clientAuthorities.map { [$0] } ?? []),
                logger: logger
            ) { try context() }
        } catch {
            throw NodeError(.invalidArgument, "the TLS files of the \(listener) cannot be used: \(error)")
        }
    }

    private func context() throws -> NIOSSLContext {
        let chain = try NIOSSLCertificate.fromPEMFile(certificate).map { NIOSSLCertificateSource.certificate($0) }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain, privateKey: .privateKey(try NIOSSLPrivateKey(file: key, format: .pem)))
        configuration.minimumTLSVersion = .tlsv13
        if let clientAuthorities {
            configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(clientAuthorities))
            configuration.certificateVerification = .noHostnameVerification
        }
        return try NIOSSLContext(configuration: configuration)
    }
}
