internal import GodwitEngine

/// What the engine refuses, in Redis' words where it has some.
enum Failures {
    static func text(_ error: EngineError) -> ErrorText {
        switch error.code {
        case .notWritable:
            error.message.contains("behind")
                ? "NOREPLICAS Not enough good replicas to write."
                : "READONLY You can't write against a read only replica."
        case .poisoned, .diskFull, .io: "MISCONF Errors writing to the AOF file: \(error.message)"
        case .unavailable: "LOADING \(error.message)"
        default: "ERR \(error.message)"
        }
    }
}
