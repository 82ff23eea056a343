internal import GodwitEngine
internal import NIOCore

/// Tells keys that may be those of large hashes from keys that are not, so that a write which replaces a key blindly
/// need not read it first. One bit array for each database: a key that was ever that of a large hash is in it, others
/// by chance.
final class LargeKeys: @unchecked Sendable {
    private enum State {
        /// Nobody has looked what there is.
        case unknown
        /// No large hash has been there.
        case none
        case some([UInt64])
    }

    private static let bits = 1 << 20
    private var states = [State](repeating: .unknown, count: Database.count)
    /// Keys added while what is there is being read.
    private var added = [[UInt64]](repeating: [], count: Database.count)
    /// Counts what was forgotten: what was asked before says nothing of now.
    private(set) var generation = 0

    /// Whether no key of a database is a large hash.
    @inline(__always)
    func isEmpty(_ database: Int) -> Bool { if case .none = states[database] { true } else { false } }

    /// Whether a key may be that of a large hash.
    func mayContain(_ database: Int, _ key: ByteSlice) -> Bool {
        switch states[database] {
        case .unknown: return true
        case .none: return false
        case .some(let words):
            let hash = Self.hash(key)
            return Self.places(hash).allSatisfy { words[$0 >> 6] & 1 << UInt64($0 & 63) != 0 }
        }
    }

    /// A key has become that of a large hash.
    func insert(_ database: Int, _ key: ByteSlice) {
        let hash = Self.hash(key)
        switch states[database] {
        case .unknown: added[database].append(hash)
        case .none: states[database] = .some(Self.words([hash]))
        case .some(var words):
            states[database] = .unknown
            for place in Self.places(hash) { words[place >> 6] |= 1 << UInt64(place & 63) }
            states[database] = .some(words)
        }
    }

    /// A database was made: nothing is in it but what was added since.
    func isNew(_ database: Int) { settle(database, []) }

    /// Says what there is where that is not known yet.
    private func settle(_ database: Int, _ found: [UInt64]) {
        guard case .unknown = states[database] else { return }
        let all = found + added[database]
        states[database] = all.isEmpty ? .none : .some(Self.words(all))
    }

    /// Another engine, or another role: nothing is known.
    func forget() {
        states = [State](repeating: .unknown, count: Database.count)
        added = [[UInt64]](repeating: [], count: Database.count)
        generation += 1
    }

    /// Reads what is there, in the background.
    func load(_ engine: Engine, on pool: FetchPool, _ loop: any EventLoop) {
        for number in 0..<Database.count { load(number, engine, on: pool, loop) }
    }

    /// Reads what is there in one database.
    func load(_ number: Int, _ engine: Engine, on pool: FetchPool, _ loop: any EventLoop) {
        guard let database = Database(number, in: engine) else { return }
        let generation = generation
        pool.submit {
            var hashes: [UInt64] = []
            do throws(EngineError) {
                try engine.scan(in: database.deadlines) { _, key in
                    hashes.append(key.withView { Self.hash(ByteSlice($0)) })
                    return true
                }
            } catch {
                // What cannot be read stays unknown: writes read first, and meet the damage themselves.
                return
            }
            let found = hashes
            loop.execute { if self.generation == generation { self.settle(number, found) } }
        }
    }

    private static func hash(_ key: ByteSlice) -> UInt64 { key.hash(seed: 0x6C61_7267) }

    private static func places(_ hash: UInt64) -> [Int] {
        [Int(hash & UInt64(bits - 1)), Int(hash >> 20 & UInt64(bits - 1)), Int(hash >> 40 & UInt64(bits - 1))]
    }

    private static func words(_ hashes: [UInt64]) -> [UInt64] {
        var words = [UInt64](repeating: 0, count: bits / 64)
        for hash in hashes { for place in places(hash) { words[place >> 6] |= 1 << UInt64(place & 63) } }
        return words
    }
}
