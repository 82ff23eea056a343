internal import CommandSupport
internal import GodwitEngine
internal import GodwitReplication
internal import Hummingbird

extension Request {
    /// A query parameter's text.
    func parameter(_ name: String) -> String? { uri.queryParameters[name[...]].map(String.init) }

    /// A query parameter that is a duration: `500ms`, `5s`.
    func duration(_ name: String) throws(Failure) -> Duration? {
        try parameter(name, "a duration such as 500ms, 5s or 2m") { DurationText.parse($0) }
    }

    /// A query parameter that is a position, as replies give it: `1.5f00aa12@1042`.
    func position(_ name: String) throws(Failure) -> Position? {
        try parameter(name, "a position as a write's reply gives it, such as 1.5f00aa12@1042", Position.init(_:))
    }

    /// A query parameter that is a write level: `local`, `received(1)`, `durable(2)`.
    func level(_ name: String) throws(Failure) -> WriteLevel? {
        try parameter(name, "local, received(n) or durable(n)", WriteLevel.init(_:))
    }

    /// A query parameter that is true or false.
    func flag(_ name: String) throws(Failure) -> Bool { try parameter(name, "true or false", Bool.init) ?? false }

    private func parameter<Value>(
        _ name: String, _ expected: String, _ parse: (String) -> Value?
    ) throws(Failure) -> Value? {
        guard let text = parameter(name) else { return nil }
        guard let value = parse(text) else {
            throw Failure(.badRequest, "invalidArgument", "`\(text)` of `\(name)` should be \(expected)")
        }
        return value
    }
}
