internal import GodwitEngine

/// Syncs files in the background, one after the other, while others are received.
final class FileSyncs {
    /// Nanoseconds after which to look again whether all are synced.
    static let pause: UInt64 = 2_000_000

    private struct State {
        var files: [any File] = []
        var isSyncing = false
        var failure: EngineError?
    }

    private let state: Locked<State>
    private let job: any JobHandle

    init(_ executor: any Executor) {
        let state = Locked(State())
        self.state = state
        job = executor.start(Job(name: "sync of a full copy", priority: .background) { Self.step(state) })
    }

    deinit { job.stop() }

    /// Takes a file that is written.
    func add(_ file: any File) {
        state.withLock { $0.files.append(file) }
        job.wake()
    }

    /// Whether all files are synced. Throws what a sync has met.
    func areDone() throws(EngineError) -> Bool {
        let (isDone, failure) = state.withLock { ($0.files.isEmpty && !$0.isSyncing, $0.failure) }
        if let failure { throw failure }
        return isDone
    }

    private static func step(_ state: Locked<State>) -> StepResult {
        let file = state.withLock { state -> (any File)? in
            guard state.failure == nil, !state.files.isEmpty else { return nil }
            state.isSyncing = true
            return state.files.removeFirst()
        }
        guard let file else { return .waiting(until: nil) }
        var failure: EngineError?
        do throws(EngineError) { try file.sync() } catch { failure = error }
        state.withLock { state in
            state.isSyncing = false
            state.failure = failure
        }
        return .more
    }
}
