/// Why a command does not go on. Thrown before it has written anything.
enum Interrupt: Error {
    /// The reply is an error; the text begins with its code.
    case failed(ErrorText)
    /// What it needs is being fetched; then it runs again from the start.
    case waits
}

extension Interrupt {
    static let syntax = Interrupt.failed("ERR syntax error")
    static let notInteger = Interrupt.failed("ERR value is not an integer or out of range")
    static let notFloat = Interrupt.failed("ERR value is not a valid float")
    static let wrongType = Interrupt.failed("WRONGTYPE Operation against a key holding the wrong kind of value")
    static let tooLong = Interrupt.failed("ERR string exceeds maximum allowed size (proto-max-bulk-len)")
    static let noSuchKey = Interrupt.failed("ERR no such key")
    static let overloaded = Interrupt.failed("BUSY overloaded, retry")
    static let loading = Interrupt.failed("LOADING Redis is loading the dataset in memory")
    static let keyTooLong = Interrupt.failed(
        "ERR a key has at most \(Value.maximumKey) bytes in Godwit, a hash's field \(Value.maximumField)")
}
