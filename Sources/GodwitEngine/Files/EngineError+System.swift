#if canImport(Glibc)
    internal import Glibc
#endif

extension EngineError {
    /// The error for a file operation that the operating system refused: `action` says what was tried ("cannot read the
    /// file"), `number` is its `errno`. Decides the code, so that every file system answers alike.
    public static func system(_ action: String, file: String, errno number: Int32) -> EngineError {
        let reason = unsafe String(cString: strerror(number))
        switch number {
        case ENOENT: return EngineError(.notFound, "\(action): \(reason)", file: file, errno: number)
        case ENOSPC, EDQUOT:
            return EngineError(
                .diskFull, "\(action): \(reason); free some space and writes go on", file: file, errno: number)
        case EMFILE, ENFILE:
            return EngineError(
                .io, "\(action): \(reason); raise the limit of open files (ulimit -n)", file: file, errno: number)
        default: return EngineError(.io, "\(action): \(reason)", file: file, errno: number)
        }
    }
}
