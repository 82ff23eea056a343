import ArgumentParser
import CommandSupport
import FoundationEssentials
import GodwitNode
import GodwitServer

/// What a command says to be let in by a node, and whom it trusts to be that node.
struct NodeAccess: ParsableArguments {
    @Option(help: ArgumentHelp("Holds the node's bearer token; else GODWIT_TOKEN.", valueName: "file"))
    var tokenFile: String?

    @Option(
        help: ArgumentHelp(
            "PEM: whom the node's certificate must come from; with it, TLS is spoken.", valueName: "file"))
    var tlsAuthorities: String?

    @Option(help: ArgumentHelp("PEM: a certificate to show, where the node asks for one.", valueName: "file"))
    var tlsCertificate: String?

    @Option(help: ArgumentHelp("PEM: that certificate's key.", valueName: "file")) var tlsKey: String?

    /// Talks to the node at an address.
    func client(of admin: String) throws -> NodeClient {
        guard let address = HostPort(admin) else {
            throw CommandFailure("`\(admin)` of --admin should be HOST:PORT, such as 127.0.0.1:7401")
        }
        return NodeClient(address, token: try token(), tls: try tls())
    }

    private func token() throws -> String? {
        guard let tokenFile else { return ProcessInfo.processInfo.environment["GODWIT_TOKEN"] }
        guard let bytes = try? Data(contentsOf: URL(filePath: tokenFile)),
            let text = String(bytes: bytes, encoding: .utf8)
        else { throw CommandFailure("the file \(tokenFile) of --token-file cannot be read") }
        return text.split(whereSeparator: \.isWhitespace).first.map(String.init)
    }

    private func tls() throws -> NodeTLS? {
        guard let tlsAuthorities else {
            if tlsCertificate == nil, tlsKey == nil { return nil }
            throw CommandFailure("give --tls-authorities too: whom the node's certificate must come from")
        }
        guard (tlsCertificate == nil) == (tlsKey == nil) else {
            throw CommandFailure("give --tls-certificate and --tls-key together")
        }
        do {
            return try NodeTLS(authorities: tlsAuthorities, certificate: tlsCertificate, key: tlsKey)
        } catch {
            throw CommandFailure("\(error)")
        }
    }
}
