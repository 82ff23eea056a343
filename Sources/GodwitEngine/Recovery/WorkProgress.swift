/// How far a long piece of work has come, told now and then to whoever asked for it.
public struct WorkProgress: Sendable, Hashable {
    /// What is being done, for people: `checking 000007.sst`.
    public let step: String
    /// Bytes done so far.
    public let done: UInt64
    /// Bytes to do in all, as far as known; never below `done`.
    public let total: UInt64
}

/// Counts bytes of work and tells them.
struct ProgressCounter {
    private let listener: ((WorkProgress) -> Void)?
    private var total: UInt64
    private var done: UInt64 = 0
    private var step = ""

    init(total: UInt64, _ listener: ((WorkProgress) -> Void)?) {
        self.total = total
        self.listener = listener
    }

    /// Names what is done from now on.
    mutating func begin(_ step: String) {
        self.step = step
        tell()
    }

    /// Counts more work to do.
    mutating func expect(_ bytes: UInt64) { total += bytes }

    /// Counts bytes done.
    mutating func pass(_ bytes: UInt64) {
        done += bytes
        tell()
    }

    private func tell() { listener?(WorkProgress(step: step, done: done, total: max(done, total))) }
}
