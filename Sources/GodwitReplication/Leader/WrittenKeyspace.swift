package import GodwitEngine

/// A keyspace that a write went to, with the settings that it had before the write: a node whose region is not among
/// theirs was sent the write's place in the log, and not the write.
package struct WrittenKeyspace: Sendable {
    let id: KeyspaceID
    let settings: KeyspaceSettings

    /// Takes note of the settings, before the write.
    package init(_ keyspace: Keyspace) {
        id = keyspace.id
        settings = keyspace.settings
    }
}

extension KeyspaceSettings {
    /// Whether all nodes may hold the keyspace.
    var isForAll: Bool { replicated && regions.isEmpty }

    /// Whether nodes of a region may.
    func isFor(_ region: UInt16) -> Bool { replicated && (regions.isEmpty || regions.contains(region)) }
}
