internal import Hummingbird

/// Lets a request on only with a token that opens what it asks for. Health is open to everybody: load balancers have no
/// tokens.
///
/// Without any token set, everybody who reaches the listener is let on, but for web pages: a browser says where a request
/// comes from, and no page of the web has business here.
struct TokenGuard<Context: RequestContext>: RouterMiddleware {
    let tokens: Tokens

    @concurrent
    func handle(
        _ request: Request, context: Context, next: @concurrent (Request, Context) async throws -> Response
    ) async throws -> Response {
        try check(request)
        return try await next(request, context)
    }

    private func check(_ request: Request) throws(Failure) {
        let path = request.uri.path
        if path == "/healthz" || path == "/readyz" { return }
        guard tokens.admin != nil || tokens.data != nil else {
            if request.headers[.origin] == nil { return }
            throw Failure(.forbidden, "forbidden", "requests of web pages are not answered without a token")
        }
        let given = Self.bearer(request.headers[.authorization])
        if let given, let admin = tokens.admin, Self.isEqual(given, admin) { return }
        let opensKeys = path.hasPrefix(KeyPath.prefix) || path == "/v1/batch"
        if let given, let data = tokens.data, Self.isEqual(given, data) {
            if opensKeys { return }
            throw Failure(.forbidden, "forbidden", "this token opens keys only")
        }
        // A data token alone protects keys, not what only the local machine reaches besides.
        if tokens.admin == nil, !opensKeys, request.headers[.origin] == nil { return }
        var failure = Failure(.unauthorized, "unauthorized", "send the header `Authorization: Bearer TOKEN`")
        failure.headers[.wwwAuthenticate] = "Bearer"
        throw failure
    }

    private static func bearer(_ header: String?) -> Substring? {
        guard let header, header.lowercased().hasPrefix("bearer ") else { return nil }
        return header.dropFirst("bearer ".count)
    }

    /// Compares without telling by its time how much is right.
    private static func isEqual(_ given: Substring, _ expected: String) -> Bool {
        let (given, expected) = (Array(given.utf8), Array(expected.utf8))
        guard given.count == expected.count else { return false }
        return zip(given, expected).reduce(UInt8(0)) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
