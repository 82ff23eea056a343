import Foundation

/// What the benchmark asks of every engine: the small protocol behind which each is driven in the same way.
protocol Store: AnyObject, Sendable {
    /// A way in for one thread, with everything reused that the engine lets callers reuse.
    func session() -> any Session
    /// Turns what memory holds into files.
    func flush() throws
    /// Merges everything into one level.
    func compact() throws
    /// Whether background work runs or is due. Asked every few milliseconds.
    var isBusy: Bool { get }
    /// Writes `rows` in key order by the engine's own way to load sorted data.
    func load(sorted rows: Dataset) throws
    /// Bytes of table files.
    var tableBytes: UInt64 { get }
    /// Bytes of memory that the engine says it holds.
    var memoryBytes: UInt64 { get }
    /// Stops the engine cleanly.
    func close() throws
}

extension Store {
    /// Returns once no background work has run for a while, and when the last of it ended.
    @discardableResult
    func settle() -> UInt64 {
        var quietSince = now()
        while now() - quietSince < 200_000_000 {
            usleep(5000)
            if isBusy { quietSince = now() }
        }
        return quietSince
    }
}

/// One thread's way into a store. Keys are `Dataset.keyLength` bytes. A *digest* of a value is its length and, from bit
/// 32, its first byte, so that the value's memory is touched and engines can be compared; -1 stands for an absent key.
protocol Session: AnyObject {
    func get(_ key: UnsafeRawPointer) -> Int64
    /// The sum of the digests of `count` keys that lie one after the other.
    func multiGet(_ keys: UnsafeRawPointer, count: Int) -> Int64
    func put(_ key: UnsafeRawPointer, _ value: UnsafeRawBufferPointer, synced: Bool)
    /// The sum of key lengths and digests of at most `limit` rows from `key` on (nil: from the first).
    func scan(from key: UnsafeRawPointer?, limit: Int) -> (sum: Int64, rows: Int)
}

/// How a store is opened.
struct StoreSettings {
    /// Bytes for memtables, cached blocks, filters and indexes together.
    var memoryBudget: Int
    var memtableSize = 64 << 20
    /// Reads tables past the page cache.
    var direct = false
    /// Whether tables have filters, of 10 bits a key.
    var hasFilters = true
}

/// The engines that are compared.
enum EngineKind: String, CaseIterable {
    case godwit
    case rocksdb
    case rocksdbHyperClock = "rocksdb-hyper-clock"
    case lmdb

    func open(_ directory: String, _ settings: StoreSettings) throws -> any Store {
        switch self {
        case .godwit: try GodwitStore(directory, settings)
        case .rocksdb: try RocksStore(directory, settings, hyperClock: false)
        case .rocksdbHyperClock: try RocksStore(directory, settings, hyperClock: true)
        case .lmdb: try LmdbStore(directory)
        }
    }
}

/// An engine that refused to do something.
struct StoreFailure: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }

    static func check(_ isGood: Bool, _ what: String) throws {
        if !isGood { throw StoreFailure(what) }
    }
}
