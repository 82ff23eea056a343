public import GodwitEngine

/// Why a node did not do what its operator or its writer asked for.
public struct ReplicationError: Error, Sendable, CustomStringConvertible {
    /// The kind of failure, which decides what to do next.
    public enum Code: String, Sendable, Codable {
        /// An argument or an option is wrong: correct it.
        case invalidArgument
        /// The node's role does not allow it: ask the node that the message names, or change this node's role first.
        case wrongRole
        /// Another node is further: promote that one, or accept the loss with `allowDataLoss`.
        case notFurthest
        /// The node holds only some keyspaces, and is never promoted.
        case partial
        /// The node has no data yet: wait for its full copy.
        case noData
        /// The node named is not connected: wait until it is.
        case notConnected
        /// Something of the kind is under way already: wait for it.
        case busy
        /// The engine or the file system refused; see `cause`.
        case engine
    }

    /// The kind of failure.
    public let code: Code
    /// One sentence: what happened and what to do.
    public let message: String
    /// What the engine said, where it was asked.
    public let cause: EngineError?

    /// Makes an error.
    public init(_ code: Code, _ message: String, cause: EngineError? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    init(_ cause: EngineError) { self.init(.engine, cause.description, cause: cause) }

    /// `wrongRole: …`.
    public var description: String { "\(code.rawValue): \(message)" }
}
