internal import GodwitEngine
internal import GodwitNode
internal import Hummingbird

/// An answer that is no success: a status, a code for programs, a sentence for people.
struct Failure: Error, HTTPResponseError {
    let status: HTTPResponse.Status
    let code: String
    let message: String
    var headers = HTTPFields()

    init(_ status: HTTPResponse.Status, _ code: String, _ message: String) {
        self.status = status
        self.code = code
        self.message = message
    }

    /// What a node's refusal means over HTTP.
    init(_ error: NodeError) {
        let status: HTTPResponse.Status =
            switch error.code {
            case .invalidArgument: .badRequest
            case .refused: .conflict
            case .positionLost: .gone
            case .timeout: .gatewayTimeout
            case .network: .badGateway
            case .notWritable, .notReady, .stale, .closed: .serviceUnavailable
            case .engine:
                switch error.cause?.code {
                case .invalidArgument: .badRequest
                case .notFound: .notFound
                case .diskFull: HTTPResponse.Status(code: 507, reasonPhrase: "Insufficient Storage")
                case .unavailable: .serviceUnavailable
                default: .internalServerError
                }
            }
        self.init(
            status, error.code == .engine ? error.cause?.code.rawValue ?? "engine" : error.code.rawValue, error.message)
        // An engine that was closed between two lines of a request has been replaced by a full copy.
        if status == .serviceUnavailable { headers[.retryAfter] = "1" }
    }

    init(_ error: EngineError) { self.init(NodeError(error)) }

    func response(from request: Request, context: some RequestContext) throws -> Response {
        var response = try JSON(Body(error: code, message: message)).response(from: request, context: context)
        response.status = status
        for field in headers { response.headers[field.name] = field.value }
        return response
    }

    private struct Body: Encodable {
        let error: String
        let message: String
    }
}
