internal import AsyncHTTPClient
internal import CommandSupport
internal import FoundationEssentials
package import GodwitNode
package import GodwitReplication
internal import NIOCore
internal import NIOHTTP1

/// Talks to a node's HTTP interface: what the commands, the demo and the tests use.
package struct NodeClient: Sendable {
    /// The node.
    package let address: HostPort
    private let token: String?
    private let tls: NodeTLS?

    /// The process's connections. A node that does not listen is told of at once, not tried again until the time is
    /// over.
    private static let http: HTTPClient = {
        var configuration = HTTPClient.Configuration()
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.timeout.connect = .seconds(5)
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    /// A node's answer that is no success.
    package struct Refusal: Error, Sendable, CustomStringConvertible {
        /// The HTTP status.
        package let status: Int
        /// What kind of refusal, for programs.
        package let code: String
        /// What happened and what to do.
        package let message: String

        /// `notWritable: …`.
        package var description: String { "\(code): \(message)" }
    }

    /// What a writer is told.
    package struct Written: Sendable, Decodable {
        /// Whether the write has come as far as was asked.
        package let confirmed: Bool
        /// The regions that have it.
        package let heldBy: [String]
        /// Its position.
        package let position: String
    }

    /// A verification with its verdict.
    package struct Verified: Sendable, Decodable {
        /// Whether every follower has the same data.
        package let equal: Bool
        /// What was compared and what differs.
        package let verification: NodeVerification
    }

    /// A client for one node. The connections are the process's.
    package init(_ address: HostPort, token: String? = nil, tls: NodeTLS? = nil) {
        self.address = address
        self.token = token
        self.tls = tls
    }

    // MARK: The operator

    /// Everything there is to know about the node's replication.
    package func status() async throws -> ReplicaStatus { try decode(await json("GET", "/v1/status")) }

    /// The reports of tails.
    package func recovery() async throws -> [RecoveryReport] { try decode(await json("GET", "/v1/recovery")) }

    /// Makes the node the primary; returns its epoch.
    @discardableResult
    package func promote(allowDataLoss: Bool = false) async throws -> String {
        let answer: [String: String] = try decode(await json("POST", "/v1/promote?allowDataLoss=\(allowDataLoss)"))
        return answer["epoch"] ?? ""
    }

    /// Hands the primary's role to a follower: its region or node id.
    package func switchover(to node: String, limit: String = "10s") async throws -> SwitchoverOutcome {
        let path = "/v1/switchover?to=\(Self.encoded(Array(node.utf8)))&limit=\(limit)"
        let answer: [String: SwitchoverOutcome] = try decode(await json("POST", path, timeout: .seconds(120)))
        return answer["outcome"] ?? .inDoubt
    }

    /// Makes the node follow another one, at its replication address.
    package func rejoin(_ leader: String) async throws {
        _ = try await json("POST", "/v1/rejoin?leader=\(Self.encoded(Array(leader.utf8)))")
    }

    /// Has the node forget another one: its region or node id.
    package func forget(_ node: String) async throws {
        _ = try await json("DELETE", "/v1/slots/\(Self.encoded(Array(node.utf8)))")
    }

    /// Compares the node's data with that of its followers.
    package func verify() async throws -> Verified {
        try decode(await json("POST", "/v1/verify", timeout: .seconds(3600)))
    }

    /// The text of any page.
    package func text(_ path: String) async throws -> String {
        String(decoding: try await json("GET", path), as: UTF8.self)
    }

    /// The JSON text of an answer, as it came.
    package func json(_ method: String, _ path: String, timeout: Duration = .seconds(30)) async throws -> [UInt8] {
        let (status, body) = try await send(method, path, nil, timeout)
        guard (200..<300).contains(status) else { throw Self.refusal(status, body) }
        return body
    }

    // MARK: The data

    /// Sets a key. `query` is more parameters: `level=durable(1)&ttl=5m`.
    package func put(
        _ key: String, _ value: [UInt8], in keyspace: String = "default", _ query: String = "",
        timeout: Duration = .seconds(30)
    ) async throws -> Written {
        let (status, body) = try await send("PUT", Self.path(keyspace, key, query), value, timeout)
        guard status == 200 || status == 202 else { throw Self.refusal(status, body) }
        return try decode(body)
    }

    /// Writes many operations as one.
    package func write(_ operations: [BatchOperation], _ query: String = "") async throws -> Written {
        let body = Array(try JSONEncoder().encode(BatchBody(operations: operations)))
        let path = query.isEmpty ? "/v1/batch" : "/v1/batch?\(query)"
        let (status, answer) = try await send("POST", path, body, .seconds(30))
        guard status == 200 || status == 202 else { throw Self.refusal(status, answer) }
        return try decode(answer)
    }

    /// Removes a key.
    package func delete(_ key: String, in keyspace: String = "default", _ query: String = "") async throws -> Written {
        let (status, body) = try await send("DELETE", Self.path(keyspace, key, query), nil, .seconds(30))
        guard status == 200 || status == 202 else { throw Self.refusal(status, body) }
        return try decode(body)
    }

    /// The value of a key; nil for absent.
    package func get(_ key: String, in keyspace: String = "default", _ query: String = "") async throws -> [UInt8]? {
        let (status, body) = try await send("GET", Self.path(keyspace, key, query), nil, .seconds(30))
        if status == 200 { return body }
        let refusal = Self.refusal(status, body)
        if refusal.code == "absent" { return nil }
        throw refusal
    }

    // MARK: Inside

    private func send(
        _ method: String, _ path: String, _ body: [UInt8]?, _ timeout: Duration
    ) async throws -> (status: Int, body: [UInt8]) {
        var request = HTTPClientRequest(url: "\(tls == nil ? "http" : "https")://\(address)\(path)")
        request.tlsConfiguration = tls?.configuration
        request.method = HTTPMethod(rawValue: method)
        if let token { request.headers.add(name: "authorization", value: "Bearer \(token)") }
        if let body { request.body = .bytes(body) }
        let response: HTTPClientResponse
        do {
            response = try await Self.http.execute(request, timeout: TimeAmount(timeout))
        } catch {
            throw CommandFailure("no answer from \(address): \(error)")
        }
        let bytes = try await response.body.collect(upTo: 64 << 20)
        return (Int(response.status.code), Array(bytes.readableBytesView))
    }

    private func decode<Value: Decodable>(_ bytes: [UInt8]) throws -> Value {
        try JSONDecoder().decode(Value.self, from: Data(bytes))
    }

    private static func refusal(_ status: Int, _ body: [UInt8]) -> Refusal {
        struct Body: Decodable {
            let error: String
            let message: String
        }
        if let told = try? JSONDecoder().decode(Body.self, from: Data(body)) {
            return Refusal(status: status, code: told.error, message: told.message)
        }
        return Refusal(status: status, code: "http", message: "HTTP status \(status)")
    }

    private static func path(_ keyspace: String, _ key: String, _ query: String) -> String {
        let path = "\(KeyPath.prefix)\(encoded(Array(keyspace.utf8)))/\(encoded(Array(key.utf8)))"
        return query.isEmpty ? path : "\(path)?\(query)"
    }

    /// Percent-encodes everything but letters, digits and `-._~`.
    private static func encoded(_ bytes: [UInt8]) -> String {
        var text = ""
        for byte in bytes {
            let scalar = Unicode.Scalar(byte)
            if scalar.isASCII,
                scalar.properties.isAlphabetic || (48...57).contains(byte) || "-._~".unicodeScalars.contains(scalar)
            {
                text.unicodeScalars.append(scalar)
            } else {
                text += "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }
        return text
    }
}
