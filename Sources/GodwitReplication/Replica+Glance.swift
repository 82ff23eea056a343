/// What a driver looks at in every round, without the cost of a whole status.
extension Replica {
    /// Whether the node is the primary, as far as it knows.
    package var isPrimary: Bool {
        if case .primary = role { true } else { false }
    }

    /// Whether `poll` has something to do when the log moves: somebody follows, waits, or is being followed. A primary
    /// that nobody follows need not wake for every commit.
    package var followsLog: Bool {
        if !links.isEmpty || !levels.isEmpty || verification != nil { return true }
        guard case .primary(let reign) = role, case .open = reign.state else { return true }
        return false
    }

    /// Whether the node takes only some keyspaces.
    package var holdsSelection: Bool { core.isPartial }

    /// The reports of tails with all their rows, the latest last.
    package var reports: [RecoveryReport] { core.reports }
}
