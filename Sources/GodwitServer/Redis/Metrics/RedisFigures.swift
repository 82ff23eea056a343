/// What the listener has done, for the node's metrics.
struct RedisFigures: Sendable {
    struct CommandUse: Sendable {
        let name: String
        let calls: UInt64
        let failed: UInt64
        let nanoseconds: UInt64
        /// Calls by the power of two above their nanoseconds.
        let histogram: [UInt32]
    }

    let connections: Int
    let accepted: Int
    let rejected: Int
    let slowReadersCut: Int
    let failedCommits: Int
    let expiredHashes: Int
    let coldReads: (refused: UInt64, admitted: UInt64, waiting: Int)
    let syncedWrites: (refused: UInt64, admitted: UInt64, waiting: Int)
    let commands: [CommandUse]

    init(_ executor: Executor) {
        let statistics = executor.statistics
        connections = executor.clients.count
        accepted = statistics.connections
        rejected = statistics.rejectedConnections
        slowReadersCut = statistics.slowReadersCut
        failedCommits = statistics.failedCommits
        expiredHashes = executor.sweep.removed
        coldReads = statistics.coldReads.figures
        syncedWrites = statistics.syncedWrites.figures
        commands = CommandTable.shared.commands.compactMap { command in
            let use = statistics.use(of: command)
            guard use.calls > 0 || use.failed > 0 else { return nil }
            return CommandUse(
                name: command.name, calls: UInt64(use.calls), failed: UInt64(use.failed), nanoseconds: use.nanoseconds,
                histogram: use.histogram)
        }
    }
}
