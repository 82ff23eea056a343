import Glibc
import GodwitSimulation
import Testing

@testable import GodwitEngine

/// Writes to a store and remembers what was acknowledged, so that it can be asked for after a crash.
final class Ledger {
    /// What the store must hold: acknowledged writes.
    private(set) var acknowledged: [String: String?] = [:]
    /// The write that power or an error cut off: it may be there or not.
    private(set) var open: [String: String?] = [:]

    func put(_ engine: Engine, _ key: String, _ value: String, durability: Durability = .synced) throws(EngineError) {
        open = [key: Optional(value)]
        try engine.put(key, value, durability: durability)
        settle()
    }

    func delete(_ engine: Engine, _ key: String) throws(EngineError) {
        open = [key: String?.none]
        try engine.delete(key)
        settle()
    }

    /// Writes several keys as one batch.
    func batch(_ engine: Engine, _ entries: [String: String]) throws(EngineError) {
        open = entries.mapValues { Optional($0) }
        let batch = try engine.makeBatch()
        for (key, value) in entries.sorted(by: { $0.key < $1.key }) { try batch.put(key, value) }
        try engine.write(batch)
        settle()
    }

    /// Forgets the write that was cut off: it is known not to be there.
    func forgetOpen() { open = [:] }

    private func settle() {
        acknowledged.merge(open) { $1 }
        open = [:]
    }

    /// Takes what the store holds for true: after a crash, whatever was cut off has been decided.
    func check(_ engine: Engine, _ context: String) throws {
        var isNew: Bool?
        for (key, value) in open.sorted(by: { $0.key < $1.key }) {
            let found = try engine.get(key).map { String(decoding: $0, as: UTF8.self) }
            if found == value, found != acknowledged[key] ?? nil {
                #expect(isNew != false, "\(context): half a batch is there, key \(key)")
                isNew = true
            } else {
                #expect(found == acknowledged[key] ?? nil, "\(context): key \(key)")
                #expect(isNew != true || found == value, "\(context): half a batch is missing, key \(key)")
                if found != value { isNew = false }
            }
        }
        if isNew == true { settle() }
        open = [:]
        var found: [String: String?] = [:]
        try engine.scan { key, value in
            found[String(decoding: key.withView { $0.array }, as: UTF8.self)] =
                Optional(String(decoding: value.withView { $0.array }, as: UTF8.self))
            return true
        }
        let expected = acknowledged.filter { $0.value != nil }
        #expect(found == expected, "\(context): the scan differs")
        for (key, value) in acknowledged {
            #expect(try engine.get(key).map { String(decoding: $0, as: UTF8.self) } == value, "\(context): key \(key)")
        }
    }
}

extension Engine {
    /// A value as text.
    func text(_ key: String, in keyspace: Keyspace? = nil, at snapshot: Snapshot? = nil) throws(EngineError) -> String? {
        try get(key, in: keyspace, at: snapshot).map { String(decoding: $0, as: UTF8.self) }
    }

    /// All live keys in order.
    func keys(_ range: KeyRange = .all, in keyspace: Keyspace? = nil, at snapshot: Snapshot? = nil) throws -> [String] {
        var keys: [String] = []
        try scan(range, in: keyspace, at: snapshot) { key, _ in
            keys.append(String(decoding: key.withView { $0.array }, as: UTF8.self))
            return true
        }
        return keys
    }
}

/// The error that `body` throws, nil for none.
func failure(_ body: () throws(EngineError) -> Void) -> EngineError? {
    do throws(EngineError) {
        try body()
        return nil
    } catch {
        return error
    }
}

extension World {
    /// Lets background work come to rest, with time for what waits to try again.
    func settle() { executor.run(nanoseconds: 2_000_000_000) }

    /// The tables on the disk that the engine does not name and that stay. A table goes when no reader of the process can
    /// be using what held it: tests that run at the same time may hold it back a while.
    func orphans(_ engine: Engine) -> [String] {
        let known = Set(engine.store.manifest.state.tableNumbers.map { FileName.table($0).path(in: "/store") })
        var found: [String] = []
        for attempt in 0..<1000 {
            found = disk.paths.filter { $0.hasSuffix(".sst") && !known.contains($0) }
            if found.isEmpty { break }
            if attempt > 0 { usleep(10_000) }
            executor.run(nanoseconds: 10_000_000)
        }
        return found
    }
}
