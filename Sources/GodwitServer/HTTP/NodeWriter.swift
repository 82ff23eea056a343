internal import CommandSupport
internal import GodwitEngine
internal import GodwitNode
internal import GodwitReplication
internal import HTTPTypes

/// Fills a batch and writes it through the node, and puts what goes wrong into HTTP's words.
struct NodeWriter {
    let node: Node
    let admission: HTTPAdmission

    func write(
        _ level: WriteLevel?, _ limit: Duration?, _ fill: (Engine, WriteBatch) throws(EngineError) -> Void
    ) async throws -> WriteReply {
        guard let engine = node.engine else { throw Failure(NodeError.notReady) }
        let batch: WriteBatch
        do throws(EngineError) {
            batch = try engine.makeBatch()
            try fill(engine, batch)
        } catch {
            throw Failure(error)
        }
        return try await admission.write(level) {
            do throws(NodeError) {
                return WriteReply(try await node.write(batch, level: level ?? .local, limit: limit ?? .seconds(5)))
            } catch {
                throw Failure(error)
            }
        }
    }

    /// Throws for keyspaces that only Redis commands write to: over HTTP their rows could not be kept in order.
    static func checkWritable(_ keyspace: String) throws(Failure) {
        if Database.owns(keyspace) {
            throw Failure(.conflict, "refused", "the keyspace `\(keyspace)` is written by Redis commands only")
        }
    }

    /// A keyspace that must be there.
    static func find(_ name: String, in engine: Engine) throws(EngineError) -> Keyspace {
        if let keyspace = engine.keyspace(name) { return keyspace }
        throw EngineError(.notFound, "there is no keyspace `\(name)`")
    }

    /// A keyspace, made where it is not there. Two requests may try at once; one of them finds the other's.
    static func findOrCreate(_ name: String, in engine: Engine) throws(EngineError) -> Keyspace {
        if let keyspace = engine.keyspace(name) { return keyspace }
        do throws(EngineError) {
            return try engine.createKeyspace(name)
        } catch {
            if let keyspace = engine.keyspace(name) { return keyspace }
            throw error
        }
    }

    static func duration(_ text: String) -> Duration? { DurationText.parse(text) }
}
