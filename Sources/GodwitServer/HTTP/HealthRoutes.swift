internal import GodwitNode
internal import GodwitReplication
internal import Hummingbird

/// `/healthz`: the node can serve its role. A follower that lost its primary still can, and says how far behind it is; that
/// is when it is needed most. `?maxLag=5s` and `?role=primary` are the strict forms for a load balancer that wants them.
///
/// `/readyz`: traffic of the node's role may come: a primary takes writes, a follower has data to read.
struct HealthRoutes {
    let node: Node

    func add(to router: Router<some RequestContext>) {
        router.get("/healthz") { request, _ in try await health(request) }
        router.get("/readyz") { _, _ in try await readiness() }
    }

    struct Body: Encodable {
        var ok = true
        var reason: String?
        let role: String
        let stage: String
        let region: String
        let lagMilliseconds: UInt64
    }

    private func health(_ request: Request) async throws -> HealthReply {
        let maxLag = try request.duration("maxLag")
        let role = request.parameter("role")
        return try await reply { status in
            if let role, role != status.role { return "the role is \(status.role), not \(role)" }
            if let maxLag, status.role != "primary", Duration.milliseconds(Int64(status.lag.milliseconds)) > maxLag {
                return "the node is \(status.lag.milliseconds) ms behind"
            }
            return nil
        }
    }

    private func readiness() async throws -> HealthReply {
        let hasData = node.engine != nil
        return try await reply { status in
            if !hasData { return "the node has no data yet" }
            return status.role == "primary" ? status.refusingWrites : nil
        }
    }

    private func reply(_ judge: (ReplicaStatus) -> String?) async throws(Failure) -> HealthReply {
        do throws(NodeError) {
            let status = try await node.status()
            let reason = judge(status)
            return HealthReply(
                body: Body(
                    ok: reason == nil, reason: reason, role: status.role, stage: status.stage, region: status.region,
                    lagMilliseconds: status.lag.milliseconds))
        } catch {
            throw Failure(error)
        }
    }
}

/// 200 or 503, with the reason.
struct HealthReply: ResponseGenerator {
    let body: HealthRoutes.Body

    func response(from request: Request, context: some RequestContext) throws -> Response {
        var response = try JSON(body).response(from: request, context: context)
        response.status = body.ok ? .ok : .serviceUnavailable
        return response
    }
}
