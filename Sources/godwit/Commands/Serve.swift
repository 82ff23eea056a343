import ArgumentParser
import CommandSupport
import GodwitNode
import GodwitServer

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Serves a store over HTTP and replicates it to other regions.",
        discussion: """
            Settings come from flags, else from the environment (GODWIT_DATA, GODWIT_TLS_KEY, …), else from a YAML file \
            with the flags' names as keys. When the node serves, it prints one line: \
            `ready region=… role=… replication=HOST:PORT admin=HOST:PORT redis=HOST:PORT`. SIGTERM stops it cleanly. Logs go to standard \
            error.

            Plain TCP is for loopback addresses. Elsewhere replication needs --tls-certificate, --tls-key and \
            --tls-authorities, and HTTP needs --token-file, unless --insecure is said.

            Examples:
              godwit serve --data ./us --region us-east --replication 127.0.0.1:7400 --admin 127.0.0.1:7401
              godwit serve --data ./eu --region eu-west --replication 127.0.0.1:7410 --admin 127.0.0.1:7411 \
            --redis 127.0.0.1:6380 --follow 127.0.0.1:7400
              godwit serve --config /etc/godwit.yaml
            """
    )

    @Option(help: setting("data")) var data: String?
    @Option(help: setting("region")) var region: String?
    @Option(help: setting("replication")) var replication: String?
    @Option(help: setting("admin")) var admin: String?
    @Option(help: setting("admin-tls-certificate")) var adminTLSCertificate: String?
    @Option(help: setting("admin-tls-key")) var adminTLSKey: String?
    @Option(help: setting("admin-tls-authorities")) var adminTLSAuthorities: String?
    @Option(help: setting("redis")) var redis: String?
    @Option(help: setting("redis-fsync")) var redisFsync: String?
    @Option(help: setting("redis-password-file")) var redisPasswordFile: String?
    @Option(help: setting("redis-acl")) var redisAcl: String?
    @Option(help: setting("redis-tls-certificate")) var redisTLSCertificate: String?
    @Option(help: setting("redis-tls-key")) var redisTLSKey: String?
    @Option(help: setting("redis-tls-authorities")) var redisTLSAuthorities: String?
    @Option(help: setting("follow")) var follow: String?
    @Option(help: setting("advertise")) var advertise: String?
    @Option(help: ArgumentHelp("A YAML file with more settings.", valueName: "file"))
    var config: String?
    @Option(help: setting("keyspaces")) var keyspaces: String?
    @Option(help: setting("tls-certificate")) var tlsCertificate: String?
    @Option(help: setting("tls-key")) var tlsKey: String?
    @Option(help: setting("tls-authorities")) var tlsAuthorities: String?
    @Option(help: setting("token-file")) var tokenFile: String?
    @Option(help: setting("data-token-file")) var dataTokenFile: String?
    @Option(help: setting("maximum-lag")) var maximumLag: String?
    @Option(help: setting("maximum-lag-bytes")) var maximumLagBytes: String?
    @Option(help: setting("retention-size")) var retentionSize: String?
    @Option(help: setting("recovery-policy")) var recoveryPolicy: String?
    @Option(help: setting("memory")) var memory: String?
    @Option(help: setting("restart-wait")) var restartWait: String?
    @Option(help: setting("heartbeat")) var heartbeat: String?
    @Option(help: setting("log-level")) var logLevel: String?
    @Flag(help: setting("insecure")) var insecure = false
    @Flag(help: setting("compress")) var compress = false
    @Flag(
        help: """
            Takes writes at once after a restart, without asking the nodes that follow: for when none of them can be \
            reached. Writes that only they still hold end in their tails.
            """)
    var force = false

    func run() async throws {
        do {
            var settings = try await SettingsReader.read(flags: flags, file: config)
            // For one start alone, so no setting of a file.
            if force { settings.node.restartWait = 0 }
            try await Server.run(settings) { line in
                try? Descriptor.write(Array((line + "\n").utf8), to: 1)
            }
        } catch let error as CancellationError {
            throw error
        } catch {
            throw CommandFailure("\(error)")
        }
    }

    private var flags: [String: String] {
        let given = [
            "data": data, "region": region, "replication": replication, "admin": admin, "follow": follow,
            "admin-tls-certificate": adminTLSCertificate, "admin-tls-key": adminTLSKey,
            "admin-tls-authorities": adminTLSAuthorities, "redis": redis, "redis-fsync": redisFsync,
            "redis-password-file": redisPasswordFile, "redis-acl": redisAcl,
            "redis-tls-certificate": redisTLSCertificate, "redis-tls-key": redisTLSKey,
            "redis-tls-authorities": redisTLSAuthorities,
            "advertise": advertise, "keyspaces": keyspaces, "tls-certificate": tlsCertificate, "tls-key": tlsKey,
            "tls-authorities": tlsAuthorities, "token-file": tokenFile, "data-token-file": dataTokenFile,
            "maximum-lag": maximumLag, "maximum-lag-bytes": maximumLagBytes, "retention-size": retentionSize,
            "recovery-policy": recoveryPolicy, "memory": memory, "restart-wait": restartWait, "heartbeat": heartbeat,
            "log-level": logLevel, "insecure": insecure ? "true" : nil, "compress": compress ? "true" : nil,
        ]
        return given.compactMapValues { $0 }
    }
}

/// What is said of a setting wherever it is explained.
private func setting(_ name: String) -> ArgumentHelp {
    guard let setting = SettingsReader.names.first(where: { $0.name == name }) else {
        preconditionFailure("no setting is called \(name)")
    }
    return ArgumentHelp("\(setting.help)", valueName: setting.value)
}
