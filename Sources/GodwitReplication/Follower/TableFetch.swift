internal import GodwitEngine

/// Has the leader send what belongs in a damaged table's place, piece by piece, and puts it there.
final class TableFetch {
    let id: UInt64
    let table: DamagedTable
    private let replacement: TableReplacement
    /// From where on the leader is asked next; nil once everything is here.
    private(set) var next: [UInt8]?
    /// How many keys came.
    private(set) var keys: UInt64 = 0

    /// Nil when the table's keyspace is gone.
    init?(_ id: UInt64, _ table: DamagedTable, _ engine: Engine) {
        guard let replacement = engine.replacement(for: table) else { return nil }
        self.id = id
        self.table = table
        self.replacement = replacement
        next = table.lower
    }

    deinit { replacement.abandon() }

    /// What to ask for; nil once everything is here.
    var request: DigestRange? {
        next.map { DigestRange(keyspace: table.keyspace, lower: $0, upper: table.upper) }
    }

    /// Takes a piece.
    func take(_ piece: RangePiece) throws(EngineError) {
        for entry in piece.entries {
            try replacement.add(entry.key, entry.value, deadline: entry.deadline, asOf: piece.point)
        }
        keys += UInt64(piece.entries.count)
        next = piece.next
        if next == nil { try replacement.complete(asOf: piece.point) }
    }

    /// Puts it in the table's place, if that can be now; returns whether it is over.
    func install() throws(EngineError) -> Bool { try replacement.install() }
}
