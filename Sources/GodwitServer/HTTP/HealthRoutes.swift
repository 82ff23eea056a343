internal import GodwitNode
internal import GodwitReplication
internal import Hummingbird

/// `/healthz`: the node can serve its role. A follower that lost its primary still can, and says how far behind it is;
/// that is when it is needed most. A node whose log cannot be trusted any more cannot. `?maxLag=5s` and `?role=primary`
/// are the strict forms for a load balancer that wants them: where nobody knows how far the node is behind, no `maxLag`
/// is kept.
///
/// `/readyz`: traffic of the node's role may come: a primary takes writes, a follower has data to read. A deposed node
/// has no traffic: it waits to be told whom to follow.
struct HealthRoutes {
    let node: Node

    func add(to router: Router<some RequestContext>) {
        router.get("/healthz") { request, _ in
            let (maxLag, role) = (try request.duration("maxLag"), request.parameter("role"))
            return try await reply { $0.sickness(maxLag: maxLag, role: role) }
        }
        router.get("/readyz") { _, _ in try await reply { $0.unreadiness() } }
    }

    struct Body: Encodable {
        let ok: Bool
        let reason: String?
        let role: String
        let stage: String
        let region: String
        let lagMilliseconds: UInt64?
    }

    private func reply(_ judge: (Health) -> String?) async throws(Failure) -> HealthReply {
        do throws(NodeError) {
            let health = try await Health(node)
            let (status, reason) = (health.status, judge(health))
            return HealthReply(
                body: Body(
                    ok: reason == nil, reason: reason, role: status.role, stage: status.stage, region: status.region,
                    lagMilliseconds: health.lagMilliseconds))
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
