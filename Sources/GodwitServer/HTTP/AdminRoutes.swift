internal import GodwitNode
internal import GodwitReplication
internal import Hummingbird

/// What an operator does with a node, by HTTP.
struct AdminRoutes {
    let node: Node

    func add(to router: Router<some RequestContext>) {
        router.get("/v1/status") { _, _ in
            try await Self.answering { () throws(NodeError) in JSON(try await node.status()) }
        }
        router.get("/v1/recovery") { _, _ in
            try await Self.answering { () throws(NodeError) in JSON(try await node.recoveryReports()) }
        }
        router.post("/v1/promote") { request, _ in
            let allowDataLoss = try request.flag("allowDataLoss")
            return try await Self.answering { () throws(NodeError) in
                JSON(["epoch": "\(try await node.promote(allowDataLoss: allowDataLoss))"])
            }
        }
        router.post("/v1/switchover") { request, _ in
            let target = try Self.required(request, "to", "the follower's region or node id")
            let limit = try request.duration("limit") ?? .seconds(10)
            return try await Self.answering { () throws(NodeError) in
                JSON(["outcome": try await node.switchover(to: target, limit: limit)])
            }
        }
        router.post("/v1/rejoin") { request, _ in
            let text = try Self.required(request, "leader", "HOST:PORT of the new primary's replication listener")
            guard let leader = HostPort(text) else {
                throw Failure(.badRequest, "invalidArgument", "`\(text)` of `leader` should be HOST:PORT")
            }
            return try await Self.answering { () throws(NodeError) in
                try await node.rejoin(leader)
                return JSON(["leader": "\(leader)"])
            }
        }
        router.delete("/v1/slots/:node") { _, context in
            let name = try context.parameters.require("node")
            return try await Self.answering { () throws(NodeError) in
                try await node.forget(name)
                return JSON(["forgotten": name])
            }
        }
        router.post("/v1/verify") { _, _ in
            try await Self.answering { () throws(NodeError) in JSON(VerifyReply(try await node.verify())) }
        }
    }

    private static func required(_ request: Request, _ name: String, _ meaning: String) throws(Failure) -> String {
        guard let text = request.parameter(name), !text.isEmpty else {
            throw Failure(.badRequest, "invalidArgument", "say `?\(name)=`: \(meaning)")
        }
        return text
    }

    private static func answering<R>(_ body: () async throws(NodeError) -> R) async throws(Failure) -> R {
        do throws(NodeError) {
            return try await body()
        } catch {
            throw Failure(error)
        }
    }
}

/// A verification with its verdict in front.
struct VerifyReply: Encodable {
    let equal: Bool
    let outcome: NodeVerification.Outcome
    let verification: NodeVerification

    init(_ verification: NodeVerification) {
        equal = verification.isEqual
        outcome = verification.outcome
        self.verification = verification
    }
}
