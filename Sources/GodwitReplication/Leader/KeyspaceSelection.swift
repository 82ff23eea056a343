internal import GodwitEngine

/// Which keyspaces a node takes: those it asks for, unless they are kept to other regions.
struct KeyspaceSelection: Sendable, Hashable {
    private let names: Set<String>?
    private let region: UInt16

    /// - Parameters:
    ///   - names: The keyspaces the node asks for; nil for all.
    ///   - region: The region it is in: some keyspaces stay within theirs.
    init(_ names: [String]?, region: String) {
        self.names = names.map(Set.init)
        self.region = RegionID.of(region)
    }

    /// Whether the node takes a keyspace of a name, with the settings that it has.
    func takes(_ name: String, _ settings: KeyspaceSettings) -> Bool {
        settings.isFor(region) && names?.contains(name) ?? true
    }

    func takes(_ keyspace: Keyspace) -> Bool { takes(keyspace.name, keyspace.settings) }
}

extension Hello {
    /// What the follower takes.
    var selection: KeyspaceSelection { KeyspaceSelection(keyspaces, region: region) }
}
