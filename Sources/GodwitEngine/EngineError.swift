/// What went wrong, in few kinds, each with one thing to do next; the details are in the message.
public struct EngineError: Error, Sendable, CustomStringConvertible {
    /// The kind of failure, which decides what a caller does next.
    public enum Code: String, Sendable {
        /// An argument, a limit or an option is wrong. Nothing was changed: correct the call.
        case invalidArgument
        /// Stored bytes are damaged. Undamaged data stays readable: run `verify`, then `repair` or restore.
        case corruption
        /// The operating system refused a file operation. See `errno`; reopening may help.
        case io
        /// The disk is full. Reads go on; writes go on by themselves once space is back.
        case diskFull
        /// A sync of the log failed earlier, so nothing more is acknowledged: reopen the store.
        case poisoned
        /// The directory is open in another process, or holds another store than the one expected.
        case locked
        /// A condition of a conditional batch did not hold. Nothing was written: read again and decide.
        case conflict
        /// A condition is older than the memtables reach. Nothing was written: take a new snapshot and retry.
        case conflictTooOld
        /// The keyspace, table, file or snapshot named in the call is not there.
        case notFound
        /// The data was written by a newer Godwit, or needs a format level that is not enabled.
        case unsupportedFormat
        /// The engine was closed, is opened read-only and was asked to write, or would have to wait for what may
        /// never come: paused background work, or reads whose closures do not return.
        case unavailable
        /// The node takes no writes now: its role or a guard forbids it. The message says who does.
        case notWritable
        /// Records do not continue this history: another chain value, a gap, or an older epoch.
        case history
    }

    /// The kind of failure.
    public let code: Code
    /// One sentence: what happened, where, and what to do.
    public let message: String
    /// The file concerned, where there is one.
    public let file: String?
    /// The byte offset in `file`, where one is known.
    public let offset: UInt64?
    /// The operating system's error number, where the system refused something.
    public let errno: Int32?

    /// Makes an error; `message` should say what, where and what to do.
    public init(
        _ code: Code, _ message: String, file: String? = nil, offset: UInt64? = nil, errno: Int32? = nil
    ) {
        self.code = code
        self.message = message
        self.file = file
        self.offset = offset
        self.errno = errno
    }

    /// `corruption: table 7: checksum … (000007.sst at byte 4096)`.
    public var description: String {
        var text = "\(code.rawValue): \(message)"
        if let file {
            text += " (\(file)"
            if let offset { text += " at byte \(offset)" }
            text += ")"
        }
        return text
    }
}
