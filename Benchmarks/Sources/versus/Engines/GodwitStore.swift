import Foundation
import GodwitEngine

/// Godwit as it is embedded: the same calls that any program makes.
final class GodwitStore: Store, @unchecked Sendable {
    private let engine: Engine
    private var lastWrites: EngineMetrics.Writes?

    init(_ directory: String, _ settings: StoreSettings) throws {
        var options = EngineOptions()
        options.memoryBudget = settings.memoryBudget
        options.memtableSize = settings.memtableSize
        options.directReads = settings.direct
        engine = try Engine.open(at: directory, options: options)
        if !settings.hasFilters {
            try engine.alterKeyspace(engine.defaultKeyspace, settings: KeyspaceSettings(filterBitsPerKey: 0))
        }
    }

    func session() -> any Session { GodwitSession(engine) }
    func flush() throws { try engine.flush() }
    func compact() throws { try engine.compact() }

    var isBusy: Bool {
        // Whatever works moves a counter.
        let (writes, waiting) = (engine.metrics.writes, engine.metrics.memory.waitingMemtables)
        defer { lastWrites = writes }
        return writes != lastWrites || waiting > 0
    }

    func load(sorted rows: Dataset) throws {
        try engine.ingest { (writer) throws(EngineError) in
            let key = KeyBuffer()
            for row in 0..<rows.count {
                key.set(existing: row)
                try writer.add(key.view.bytes, rows.value(row).bytes)
            }
        }
    }

    var tableBytes: UInt64 { (try? engine.approximateSize()) ?? 0 }
    var memoryBytes: UInt64 { engine.metrics.memory.total }
    /// Nanoseconds that writers were slowed or held for background work, by the engine's own timer.
    var writersWaited: UInt64 { engine.metrics.writes.delayedNanoseconds }
    /// The longest of these waits since the store was opened.
    var longestWait: UInt64 { engine.metrics.writes.longestDelayNanoseconds }
    func close() throws { try engine.close() }
}

private final class GodwitSession: Session {
    private let engine: Engine
    private var batch: [Key16] = []

    init(_ engine: Engine) { self.engine = engine }

    func get(_ key: UnsafeRawPointer) -> Int64 {
        let key = UnsafeRawBufferPointer(start: key, count: Dataset.keyLength).bytes
        return attempt { () throws(EngineError) in try engine.get(key, digest) } ?? -1
    }

    func multiGet(_ keys: UnsafeRawPointer, count: Int) -> Int64 {
        if batch.count != count { batch = Array(repeating: Key16(), count: count) }
        for index in 0..<count {
            batch[index] = keys.loadUnaligned(fromByteOffset: index * Dataset.keyLength, as: Key16.self)
        }
        var sum = -Int64(count)
        attempt { () throws(EngineError) in
            try engine.multiGet(batch) { _, value in sum += digest(value) + 1 }
        }
        return sum
    }

    func put(_ key: UnsafeRawPointer, _ value: UnsafeRawBufferPointer, synced: Bool) {
        let key = UnsafeRawBufferPointer(start: key, count: Dataset.keyLength).bytes
        attempt { () throws(EngineError) in
            _ = try engine.put(key, value.bytes, durability: synced ? .synced : .buffered)
        }
    }

    func scan(from key: UnsafeRawPointer?, limit: Int) -> (sum: Int64, rows: Int) {
        let lower = key.map { Array(UnsafeRawBufferPointer(start: $0, count: Dataset.keyLength)) }
        var sum: Int64 = 0
        var rows = 0
        attempt { () throws(EngineError) in
            try engine.scan(KeyRange(from: lower), limit: limit) { key, value in
                sum += Int64(key.byteCount) + digest(value)
                rows += 1
                return true
            }
        }
        return (sum, rows)
    }

    @inline(__always)
    private func attempt<R>(_ body: () throws(EngineError) -> R) -> R {
        do throws(EngineError) {
            return try body()
        } catch {
            fatalError("godwit: \(error)")
        }
    }
}

/// A key of 16 bytes without memory of its own.
private struct Key16: ByteSource {
    var low: UInt64 = 0
    var high: UInt64 = 0

    func withBytes<R, E: Error>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R {
        try withUnsafeBytes(of: self) { (bytes) throws(E) in try body(bytes.bytes) }
    }
}

@inline(__always)
private func digest(_ value: RawSpan) -> Int64 {
    let first = value.byteCount > 0 ? value.unsafeLoad(fromByteOffset: 0, as: UInt8.self) : 0
    return Int64(first) << 32 | Int64(value.byteCount)
}
