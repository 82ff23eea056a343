internal import GodwitEngine
internal import GodwitNode
internal import GodwitReplication
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore

/// `PUT`, `GET` and `DELETE /v1/keys/{keyspace}/{key}`: values as raw bytes.
///
/// | parameter | of | meaning |
/// |---|---|---|
/// | `ttl` | `PUT` | how long the value lives |
/// | `level` | `PUT`, `DELETE` | `local`, `received(n)`, `durable(n)` |
/// | `wait` | all | how long to wait for the level, or for the reader's demands |
/// | `maxStaleness`, `after` | `GET` | what the read demands |
struct KeyRoutes {
    /// The longest value an engine takes.
    static let valueLimit = 16 << 20

    let node: Node
    let admission: HTTPAdmission

    func add(to router: Router<some RequestContext>) {
        router.put("/v1/keys/**") { request, _ in try await put(request) }
        router.get("/v1/keys/**") { request, _ in try await get(request) }
        router.delete("/v1/keys/**") { request, _ in try await delete(request) }
    }

    private func put(_ request: Request) async throws -> WriteReply {
        let path = try KeyPath(request.uri.path)
        try NodeWriter.checkWritable(path.keyspace)
        let (level, limit, ttl) = (
            try request.level("level"), try request.duration("wait"), try request.duration("ttl")
        )
        let value: ByteBuffer
        do {
            value = try await request.body.collect(upTo: Self.valueLimit)
        } catch is NIOTooManyBytesError {
            throw Failure(.contentTooLarge, "invalidArgument", "a value has at most 16 MiB")
        }
        return try await NodeWriter(node: node, admission: admission).write(level, limit) {
            engine, batch throws(EngineError) in
            let keyspace = try NodeWriter.findOrCreate(path.keyspace, in: engine)
            try batch.put(path.key, Array(value.readableBytesView), in: keyspace, ttl: ttl)
        }
    }

    private func delete(_ request: Request) async throws -> WriteReply {
        let path = try KeyPath(request.uri.path)
        try NodeWriter.checkWritable(path.keyspace)
        let (level, limit) = (try request.level("level"), try request.duration("wait"))
        return try await NodeWriter(node: node, admission: admission).write(level, limit) {
            engine, batch throws(EngineError) in
            try batch.delete(path.key, in: NodeWriter.find(path.keyspace, in: engine))
        }
    }

    private func get(_ request: Request) async throws -> Response {
        let path = try KeyPath(request.uri.path)
        do {
            let engine = try await node.readable(
                after: request.position("after"), maxStaleness: request.duration("maxStaleness"),
                limit: request.duration("wait") ?? .zero)
            let keyspace = try NodeWriter.find(path.keyspace, in: engine)
            let found = try await admission.read { try await engine.getAsync(path.key, in: keyspace) }
            guard let value = found else { throw Failure(.notFound, "absent", "there is no such key") }
            return Response(
                status: .ok, headers: [.contentType: "application/octet-stream", .cacheControl: "no-store"],
                body: ResponseBody(byteBuffer: ByteBuffer(bytes: value)))
        } catch let error as NodeError {
            throw Failure(error)
        } catch let error as EngineError {
            throw Failure(error)
        }
    }
}

/// What a writer is told. 200 when the write has come as far as was asked, 202 when that is not known: it stands all
/// the same.
struct WriteReply: ResponseGenerator {
    private let outcome: WriteOutcome

    init(_ outcome: WriteOutcome) { self.outcome = outcome }

    private struct Body: Encodable {
        let confirmed: Bool
        let heldBy: [String]
        let position: String
    }

    func response(from request: Request, context: some RequestContext) throws -> Response {
        let body = Body(
            confirmed: outcome.isConfirmed, heldBy: outcome.heldBy, position: "\(outcome.position)")
        var response = try JSON(body).response(from: request, context: context)
        response.status = outcome.isConfirmed ? .ok : .accepted
        return response
    }
}
