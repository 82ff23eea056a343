/// The cursors of scans under way: a number stands for the last key that was looked at. So a scan goes on behind that
/// key whatever was written meanwhile, and everything that stayed is met. The table is bounded; whoever comes back with
/// a cursor that made room for others is told so, and never served with a gap.
final class CursorTable {
    /// What is scanned: a database, or a large hash in it.
    struct Scope: Hashable {
        let database: Int
        var incarnation: UInt64 = 0
    }

    private struct Place {
        let scope: Scope
        let last: [UInt8]
    }

    private let limit: Int
    private let byteLimit: Int
    private var places: [UInt64: Place] = [:]
    private var oldest: UInt64
    private var next: UInt64
    private var bytes = 0

    /// A table of at most so many cursors and bytes. Numbers begin by chance, so that another node's are not taken for
    /// this one's.
    init(limit: Int = 16_384, byteLimit: Int = 16 << 20) {
        self.limit = limit
        self.byteLimit = byteLimit
        next = UInt64.random(in: 1 << 32..<1 << 53)
        oldest = next
    }

    /// A cursor that stands for `last`.
    func make(_ scope: Scope, _ last: [UInt8]) -> UInt64 {
        let number = next
        next += 1
        places[number] = Place(scope: scope, last: last)
        bytes += last.count + 64
        while places.count > limit || bytes > byteLimit {
            if let place = places.removeValue(forKey: oldest) { bytes -= place.last.count + 64 }
            oldest += 1
        }
        return number
    }

    /// What a cursor stands for.
    func find(_ number: UInt64, in scope: Scope) throws(Interrupt) -> [UInt8] {
        guard let place = places[number], place.scope == scope else {
            throw .failed(
                "ERR cursor \(number) is not known: it made room for newer ones, or belongs to another scan or node; "
                    + "begin again with 0")
        }
        return place.last
    }
}
