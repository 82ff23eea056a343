import CRocks
import Foundation

/// RocksDB by its C++ interface; `CRocks.cc` says how it is tuned.
final class RocksStore: Store, @unchecked Sendable {
    private let db: OpaquePointer
    private let directory: String

    init(_ directory: String, _ settings: StoreSettings, hyperClock: Bool) throws {
        self.directory = directory
        // The same budget: what Godwit sets aside for memtables is not the cache's here either.
        let cache = settings.memoryBudget - 2 * settings.memtableSize
        var error = [CChar](repeating: 0, count: 256)
        let opened = directory.withCString { path in
            var options = rocks_options(
                path: path, cache_bytes: cache, memtable_bytes: settings.memtableSize, hyper_clock: hyperClock,
                direct: settings.direct, filters: settings.hasFilters)
            return rocks_open(&options, &error)
        }
        guard let opened else {
            throw StoreFailure("rocksdb: " + String(decoding: error.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self))
        }
        db = opened
    }

    func session() -> any Session { RocksSession(db) }
    func flush() throws { try StoreFailure.check(rocks_flush(db), "rocksdb: flush") }
    func compact() throws { try StoreFailure.check(rocks_compact(db), "rocksdb: compact") }
    var isBusy: Bool { rocks_is_busy(db) }

    func load(sorted rows: Dataset) throws {
        let loader = rocks_loader_new(db, directory)
        let key = KeyBuffer()
        for row in 0..<rows.count {
            key.set(existing: row)
            let value = rows.value(row)
            let isGood = rocks_loader_add(loader, key.pointer, Dataset.keyLength, value.baseAddress, value.count)
            try StoreFailure.check(isGood, "rocksdb: a table file")
        }
        try StoreFailure.check(rocks_loader_finish(loader), "rocksdb: ingest")
    }

    var tableBytes: UInt64 { rocks_table_bytes(db) }
    var memoryBytes: UInt64 { rocks_memory(db) }
    func close() throws { rocks_close(db) }
}

private final class RocksSession: Session {
    private let session: OpaquePointer

    init(_ db: OpaquePointer) { session = rocks_session_new(db) }

    deinit { rocks_session_free(session) }

    func get(_ key: UnsafeRawPointer) -> Int64 { checked(rocks_get(session, key, Dataset.keyLength)) }

    func multiGet(_ keys: UnsafeRawPointer, count: Int) -> Int64 {
        checked(rocks_multi_get(session, keys, Dataset.keyLength, count))
    }

    func put(_ key: UnsafeRawPointer, _ value: UnsafeRawBufferPointer, synced: Bool) {
        let isGood = rocks_put(session, key, Dataset.keyLength, value.baseAddress, value.count, synced)
        precondition(isGood, "rocksdb: a put failed")
    }

    func scan(from key: UnsafeRawPointer?, limit: Int) -> (sum: Int64, rows: Int) {
        var rows = 0
        let sum = checked(rocks_scan(session, key, Dataset.keyLength, limit, &rows))
        return (sum, rows)
    }

    @inline(__always)
    private func checked(_ result: Int64) -> Int64 {
        precondition(result != .min, "rocksdb: a read failed")
        return result
    }
}
