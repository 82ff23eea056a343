internal import GodwitEngine

/// A database: the keyspace `redis.n` for its keys, `redis.n.fields` for the fields of large hashes, `redis.n.deadlines`
/// to find those of them that have expired.
struct Database {
    let number: Int
    let keys: Keyspace
    let fields: Keyspace
    let deadlines: Keyspace

    /// How many there are.
    static let count = 16

    /// The names of a database's keyspaces.
    static func names(_ number: Int) -> [String] {
        ["redis.\(number)", "redis.\(number).fields", "redis.\(number).deadlines"]
    }

    /// Whether a keyspace belongs to a database, so that only Redis commands may write there.
    static func owns(_ keyspace: String) -> Bool { keyspace.hasPrefix("redis.") }

    /// The database, if all its keyspaces are there.
    init?(_ number: Int, in engine: Engine) {
        let found = Self.names(number).compactMap { engine.keyspace($0) }
        guard found.count == 3 else { return nil }
        self.number = number
        (keys, fields, deadlines) = (found[0], found[1], found[2])
    }

    /// Makes what is missing of the keyspaces; returns whether all of them were. Blocks.
    static func create(_ number: Int, in engine: Engine) throws(EngineError) -> Bool {
        var made = 0
        for name in names(number) where engine.keyspace(name) == nil {
            do throws(EngineError) {
                _ = try engine.createKeyspace(name)
                made += 1
            } catch {
                if engine.keyspace(name) == nil { throw error }
            }
        }
        return made == 3
    }
}
