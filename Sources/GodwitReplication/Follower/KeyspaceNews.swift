internal import GodwitEngine

/// What records do to the keyspaces of the follower that is about to apply them.
///
/// Records that change whether it takes a keyspace are not applied: what it has of the keyspace is not what it is to
/// have from there on, be it all or nothing. It has a full copy made, which holds just that, and goes on behind the
/// change. So a follower's history never holds such a change, and a restart meets it again until the copy is there.
struct KeyspaceNews {
    /// A keyspace that the follower takes after a change and did not before, or the other way round.
    private(set) var turned: String?
    /// Whether keyspaces are made or changed at all.
    private(set) var isAny = false

    init(of records: ByteView, _ engine: Engine, _ selection: KeyspaceSelection) throws(EngineError) {
        var made: [KeyspaceID: (name: String, settings: KeyspaceSettings)] = [:]
        var run = RecordRun(records)
        while turned == nil, let change = try run.nextKeyspaceChange() {
            isAny = true
            switch change {
            case .create(let create):
                made[create.id] = (create.name, try KeyspaceSettings(encoded: create.settings))
            case .alter(let alter):
                guard let before = made[alter.id] ?? engine.keyspaceEver(alter.id) else { continue }
                let after = try KeyspaceSettings(encoded: alter.settings)
                let isTurned = selection.takes(before.name, before.settings) != selection.takes(before.name, after)
                if isTurned { turned = before.name }
                made[alter.id] = (before.name, after)
            }
        }
    }
}
