/// Keeps the memory of memtables that are gone for those to come: having the kernel hand out and clear a page costs
/// more than filling it. A store has one; what it keeps is unmapped with it.
@safe
final class ArenaPool: @unchecked Sendable {
    private let limit: Int
    private let lock = Lock()
    private var kept: [Mapping] = []
    /// Memtables that have memory now.
    private var users = 0

    /// Reserved memory of which the first `touched` bytes are backed.
    struct Mapping {
        let address: UInt
        let reserved: Int
        let touched: Int
    }

    /// A pool that keeps at most `limit` bytes of touched memory.
    init(limit: Int) { self.limit = limit }

    deinit {
        for mapping in kept { Self.unmap(mapping) }
    }

    /// How many bytes of memory are kept for later.
    var byteCount: Int { lock.withLock { kept.reduce(0) { $0 + $1.touched } } }

    /// Memory of `reserved` bytes, its content undefined, and how much of it is touched already; nil when none is kept: then the
    /// caller maps its own. Either way it is given back by `give`.
    func take(_ reserved: Int) -> Mapping? {
        lock.withLock {
            users += 1
            guard let index = kept.lastIndex(where: { $0.reserved == reserved }) else { return nil }
            return kept.remove(at: index)
        }
    }

    /// Takes memory that nobody uses any more. Keeps it while no more than one memtable has any, since the budget has room
    /// for two; else unmaps it.
    func give(_ mapping: Mapping) {
        let fits = lock.withLock {
            users -= 1
            // A little is sooner mapped anew than found here; and it would stand in the way of more.
            let fits =
                mapping.touched >= PageMemory.hugePage && users <= 1
                && kept.reduce(mapping.touched) { $0 + $1.touched } <= limit
            if fits { kept.append(mapping) }
            return fits
        }
        if !fits { Self.unmap(mapping) }
    }

    /// Gives a mapping back to the system.
    static func unmap(_ mapping: Mapping) {
        unsafe PageMemory.free(UnsafeMutableRawPointer(bitPattern: mapping.address)!, mapping.reserved)
    }
}
