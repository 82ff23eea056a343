import CLmdb
import Foundation

/// LMDB: a memory-mapped B+-tree, loaded in key order.
final class LmdbStore: Store, @unchecked Sendable {
    private let db: OpaquePointer

    init(_ directory: String) throws {
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        var error = [CChar](repeating: 0, count: 256)
        guard let opened = lmdb_open(directory, 64 << 30, &error) else {
            throw StoreFailure("lmdb: " + String(decoding: error.prefix { $0 != 0 }.map(UInt8.init), as: UTF8.self))
        }
        db = opened
    }

    func session() -> any Session { LmdbSession(db) }
    func flush() throws {}
    func compact() throws {}
    var isBusy: Bool { false }

    func load(sorted rows: Dataset) throws {
        let session = lmdb_session_new(db)
        defer { lmdb_session_free(session) }
        try StoreFailure.check(lmdb_load_begin(session), "lmdb: begin")
        let key = KeyBuffer()
        for row in 0..<rows.count {
            key.set(existing: row)
            let value = rows.value(row)
            let isGood = lmdb_load_add(session, key.pointer, Dataset.keyLength, value.baseAddress, value.count)
            try StoreFailure.check(isGood, "lmdb: append")
        }
        try StoreFailure.check(lmdb_load_finish(session), "lmdb: commit")
    }

    var tableBytes: UInt64 { 0 }
    var memoryBytes: UInt64 { 0 }
    func close() throws { lmdb_close(db) }
}

private final class LmdbSession: Session {
    private let session: OpaquePointer

    init(_ db: OpaquePointer) { session = lmdb_session_new(db) }

    deinit { lmdb_session_free(session) }

    func get(_ key: UnsafeRawPointer) -> Int64 { checked(lmdb_get(session, key, Dataset.keyLength)) }

    func multiGet(_ keys: UnsafeRawPointer, count: Int) -> Int64 {
        (0..<count).reduce(0) { $0 + get(keys + $1 * Dataset.keyLength) }
    }

    func put(_ key: UnsafeRawPointer, _ value: UnsafeRawBufferPointer, synced: Bool) {
        let isGood = lmdb_put(session, key, Dataset.keyLength, value.baseAddress, value.count)
        precondition(isGood, "lmdb: a put failed")
    }

    func scan(from key: UnsafeRawPointer?, limit: Int) -> (sum: Int64, rows: Int) {
        var rows = 0
        let sum = checked(lmdb_scan(session, key, Dataset.keyLength, limit, &rows))
        return (sum, rows)
    }

    @inline(__always)
    private func checked(_ result: Int64) -> Int64 {
        precondition(result != .min, "lmdb: a read failed")
        return result
    }
}
