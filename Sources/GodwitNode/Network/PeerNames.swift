internal import GodwitReplication
internal import NIOSSL

/// What a replication certificate says of its holder, in its subject alternative names (URIs):
///
///     godwit:node/eu-west          the node (its region); exactly one
///     godwit:keyspace/routes       a keyspace it may have; any number
///     godwit:keyspace/*            it may have all of them
///
/// A certificate without a node name, or with two, is no replication certificate.
enum PeerNames {
    /// The holder's identity; nil when the certificate is none for replication.
    static func identity(of certificate: NIOSSLCertificate) -> PeerIdentity? {
        var names: [String] = []
        for name in certificate._subjectAlternativeNames() where name.nameType == .uri {
            names.append(String(decoding: name.contents, as: UTF8.self))
        }
        return identity(names)
    }

    /// The identity that URIs stand for.
    static func identity(_ names: [String]) -> PeerIdentity? {
        let nodes = names.compactMap { rest(of: $0, after: "godwit:node/") }
        let keyspaces = names.compactMap { rest(of: $0, after: "godwit:keyspace/") }
        guard nodes.count == 1, let node = nodes.first, !node.isEmpty else { return nil }
        return PeerIdentity(name: node, keyspaces: keyspaces.contains("*") ? nil : keyspaces)
    }

    private static func rest(of name: String, after prefix: String) -> String? {
        name.hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : nil
    }
}
