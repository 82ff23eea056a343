internal import FoundationEssentials
internal import GodwitEngine
internal import GodwitNode
internal import Hummingbird
internal import NIOCore

/// `POST /v1/batch`: many operations as one write, all or nothing, across keyspaces. `level` and `wait` as for single
/// keys.
///
///     {"operations": [
///       {"put": "plane/N14228", "value": "…", "keyspace": "default", "ttl": "30m"},
///       {"put": "…", "valueBase64": "AAEC"},
///       {"delete": "session/7"}]}
struct BatchRoute {
    /// Bytes of a batch as JSON; its values are text or base64, so this is above the longest value.
    private static let bodyLimit = 32 << 20

    let node: Node
    let admission: HTTPAdmission

    func add(to router: Router<some RequestContext>) {
        router.post("/v1/batch") { request, _ in
            let (level, limit) = (try request.level("level"), try request.duration("wait"))
            let operations = try await read(request)
            for operation in operations { try NodeWriter.checkWritable(operation.keyspace ?? "default") }
            return try await NodeWriter(node: node, admission: admission).write(level, limit) {
                engine, batch throws(EngineError) in
                for operation in operations { try operation.add(to: batch, of: engine) }
            }
        }
    }

    private func read(_ request: Request) async throws -> [BatchOperation] {
        let body: ByteBuffer
        do {
            body = try await request.body.collect(upTo: Self.bodyLimit)
        } catch is NIOTooManyBytesError {
            throw Failure(.contentTooLarge, "invalidArgument", "a batch has at most 32 MiB as JSON")
        }
        do {
            return try JSONDecoder().decode(BatchBody.self, from: Data(body.readableBytesView)).operations
        } catch {
            throw Failure(.badRequest, "invalidArgument", "the batch cannot be read: \(error)")
        }
    }
}

/// A batch as JSON.
package struct BatchBody: Codable, Sendable {
    /// What to do, in order.
    package var operations: [BatchOperation]
}

/// One operation of a batch: `put` or `delete` names the key.
package struct BatchOperation: Codable, Sendable {
    var put: String?
    var delete: String?
    var value: String?
    var valueBase64: Data?
    var keyspace: String?
    var ttl: String?

    /// Sets a key.
    package static func put(_ key: String, _ value: String, in keyspace: String? = nil) -> BatchOperation {
        BatchOperation(put: key, value: value, keyspace: keyspace)
    }

    /// Removes a key.
    package static func delete(_ key: String, in keyspace: String? = nil) -> BatchOperation {
        BatchOperation(delete: key, keyspace: keyspace)
    }

    /// Checks the operation and adds it to a batch.
    func add(to batch: WriteBatch, of engine: Engine) throws(EngineError) {
        func require(_ holds: Bool, _ text: String) throws(EngineError) {
            if !holds { throw EngineError(.invalidArgument, "an operation of the batch \(text)") }
        }
        try require((put == nil) != (delete == nil), "names neither or both of `put` and `delete`")
        let name = keyspace ?? "default"
        if let put {
            try require((value == nil) != (valueBase64 == nil), "needs one of `value` and `valueBase64`")
            let duration = ttl.flatMap { NodeWriter.duration($0) }
            try require(ttl == nil || duration != nil, "has a `ttl` that is no duration such as 30m")
            let bytes = valueBase64.map { Array($0) } ?? Array((value ?? "").utf8)
            try batch.put(put, bytes, in: NodeWriter.findOrCreate(name, in: engine), ttl: duration)
        } else if let delete, let found = engine.keyspace(name) {
            try batch.delete(delete, in: found)
        }
    }
}
