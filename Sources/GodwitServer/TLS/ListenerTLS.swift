/// The files of a listener that speaks TLS 1.3.
package struct ListenerTLS: Sendable, Hashable {
    /// PEM: the certificate, then those between it and the authority.
    package var certificate: String
    /// PEM: its key.
    package var key: String
    /// PEM: whom clients' certificates must come from; nil where clients need none.
    package var clientAuthorities: String?

    /// Names the files.
    package init(certificate: String, key: String, clientAuthorities: String?) {
        self.certificate = certificate
        self.key = key
        self.clientAuthorities = clientAuthorities
    }
}
