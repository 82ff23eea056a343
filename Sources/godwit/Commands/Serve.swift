import ArgumentParser
import CommandSupport
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

    @Option(help: ArgumentHelp("The store's directory; made when it is not there.", valueName: "dir"))
    var data: String?
    @Option(help: ArgumentHelp("Where the node stands: stored with the data, never to change.", valueName: "name"))
    var region: String?
    @Option(help: ArgumentHelp("Where other nodes connect; port 0 picks a free one.", valueName: "host:port"))
    var replication: String?
    @Option(help: ArgumentHelp("Where HTTP is served; port 0 picks a free one.", valueName: "host:port"))
    var admin: String?
    @Option(help: ArgumentHelp("PEM: the HTTP interface's certificate; with it, it speaks TLS.", valueName: "file"))
    var adminTLSCertificate: String?
    @Option(help: ArgumentHelp("PEM: that certificate's key.", valueName: "file"))
    var adminTLSKey: String?
    @Option(help: ArgumentHelp("PEM: whom HTTP callers' certificates must come from.", valueName: "file"))
    var adminTLSAuthorities: String?
    @Option(
        help: ArgumentHelp(
            "Where Redis clients connect (127.0.0.1:6379); port 0 picks a free one. Elsewhere than on loopback it needs "
                + "--redis-password-file or --redis-acl.",
            valueName: "host:port|off"))
    var redis: String?
    @Option(help: ArgumentHelp("When the log is synced for Redis writes (everysec).", valueName: "everysec|always"))
    var redisFsync: String?
    @Option(help: ArgumentHelp("Holds the password of the Redis user `default`, one word.", valueName: "file"))
    var redisPasswordFile: String?
    @Option(help: ArgumentHelp("Redis users, in the format of Redis' ACL file.", valueName: "file"))
    var redisAcl: String?
    @Option(help: ArgumentHelp("PEM: the Redis listener's certificate; with it, it speaks TLS.", valueName: "file"))
    var redisTLSCertificate: String?
    @Option(help: ArgumentHelp("PEM: that certificate's key.", valueName: "file"))
    var redisTLSKey: String?
    @Option(help: ArgumentHelp("PEM: whom Redis clients' certificates must come from.", valueName: "file"))
    var redisTLSAuthorities: String?
    @Option(help: ArgumentHelp("The node to follow; without it the node is a primary.", valueName: "host:port"))
    var follow: String?
    @Option(help: ArgumentHelp("How other nodes reach this one, where that differs.", valueName: "host:port"))
    var advertise: String?
    @Option(help: ArgumentHelp("A YAML file with more settings.", valueName: "file"))
    var config: String?
    @Option(help: ArgumentHelp("Follow these only; such a node is never promoted.", valueName: "name[,name…]"))
    var keyspaces: String?
    @Option(help: ArgumentHelp("PEM: the node's certificate.", valueName: "file"))
    var tlsCertificate: String?
    @Option(help: ArgumentHelp("PEM: the certificate's key.", valueName: "file"))
    var tlsKey: String?
    @Option(help: ArgumentHelp("PEM: the authorities of other nodes' certificates.", valueName: "file"))
    var tlsAuthorities: String?
    @Option(help: ArgumentHelp("Holds the bearer token of HTTP.", valueName: "file"))
    var tokenFile: String?
    @Option(help: ArgumentHelp("Holds a bearer token that opens keys only.", valueName: "file"))
    var dataTokenFile: String?
    @Option(help: ArgumentHelp("Refuse writes once the furthest follower is so far behind.", valueName: "duration"))
    var maximumLag: String?
    @Option(help: ArgumentHelp("The same in bytes of log.", valueName: "size"))
    var maximumLagBytes: String?
    @Option(help: ArgumentHelp("Log kept for followers that are away (1GiB).", valueName: "size"))
    var retentionSize: String?
    @Option(
        help: ArgumentHelp("Which writes of a rejoined node are made again.", valueName: "report|clean|lastWriterWins"))
    var recoveryPolicy: String?
    @Option(help: ArgumentHelp("Memory for memtables and cache (256MiB).", valueName: "size"))
    var memory: String?
    @Option(help: ArgumentHelp("How long a restarted primary waits for its followers (10s).", valueName: "duration"))
    var restartWait: String?
    @Option(help: ArgumentHelp("Between heartbeats; three missed end a link (1s).", valueName: "duration"))
    var heartbeat: String?
    @Option(help: ArgumentHelp("From trace to critical (info).", valueName: "level"))
    var logLevel: String?
    @Flag(help: "Let others reach the node without TLS, tokens and Redis passwords.") var insecure = false
    @Flag(help: "Send the log compressed, for links that cost more than cycles.") var compress = false

    func run() async throws {
        do {
            let settings = try await SettingsReader.read(flags: flags, file: config)
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
