public import GodwitEngine
internal import GodwitReplication

/// Why a node did not do what it was asked, in few kinds, each with one thing to do next.
public struct NodeError: Error, Sendable, CustomStringConvertible {
    /// The kind of failure, which decides what a caller does next.
    public enum Code: String, Sendable {
        /// An argument or a setting is wrong. Nothing was changed: correct the call.
        case invalidArgument
        /// The store or the disk said no; `cause` says why.
        case engine
        /// This node takes no writes now: it is not the primary, or must not be for the moment. Ask the primary.
        case notWritable
        /// The node holds no data yet, or is replacing it by a full copy. Retry, or ask another node.
        case notReady
        /// This node is further behind than the read allows. Retry, allow more, or ask the primary.
        case stale
        /// The position belongs to writes that were lost or set aside when another node took over: read again.
        case positionLost
        /// What was asked did not end in time. It may still end; look at the status.
        case timeout
        /// The rules of replication forbid it; the message says which and what to do.
        case refused
        /// The network cannot do it: an address in use, no such host.
        case network
        /// The node was closed.
        case closed
    }

    /// The kind of failure.
    public let code: Code
    /// One sentence: what happened and what to do.
    public let message: String
    /// What the engine said, where it was the engine.
    public let cause: EngineError?

    /// Makes an error; `message` should say what happened and what to do.
    public init(_ code: Code, _ message: String, cause: EngineError? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    /// `stale: this node is 7 s behind …`.
    public var description: String { "\(code.rawValue): \(message)" }
}

extension NodeError {
    /// The node was closed.
    package static let closed = NodeError(.closed, "the node was closed; start it again")
    /// The node has no data.
    package static let notReady = NodeError(
        .notReady, "this node has no data yet, or takes a full copy of it; retry, or ask another node")

    init(_ error: ReplicationError) {
        switch error.code {
        case .invalidArgument: self.init(.invalidArgument, error.message, cause: error.cause)
        case .noData: self.init(.notReady, error.message, cause: error.cause)
        case .engine: self.init(.engine, error.message, cause: error.cause)
        case .wrongRole, .notFurthest, .partial, .notConnected, .busy:
            self.init(.refused, error.message, cause: error.cause)
        }
    }

    /// What the engine refused.
    public init(_ error: EngineError) {
        self.init(error.code == .notWritable ? .notWritable : .engine, error.message, cause: error)
    }
}
