import GodwitEngine

/// The store that is killed: so small that flushes, compactions and new log segments come every few milliseconds.
enum CrashStore {
    static func open(_ directory: String) throws(EngineError) -> Engine {
        var options = EngineOptions()
        options.memoryBudget = 16 << 20
        options.memtableSize = 256 << 10
        options.segmentSize = 256 << 10
        options.logSize = 1 << 20
        options.tableSize = 128 << 10
        options.baseLevelSize = 512 << 10
        options.diskReserve = 1 << 20
        return try Engine.open(at: directory, options: options)
    }

    /// The keyspace of a number, made when it is not there.
    static func space(_ index: Int, _ engine: Engine) throws(EngineError) -> Keyspace {
        let name = CrashScript.spaces[index]
        if let found = engine.keyspace(name) { return found }
        return try engine.createKeyspace(name)
    }

    /// The number of the last batch of a writer that the keyspace holds; 0 for none.
    static func head(_ writer: Int, _ engine: Engine, _ space: Keyspace) throws(EngineError) -> Int {
        let stored: [UInt8]? = try engine.get(CrashScript.head(writer), in: space)
        return stored.flatMap { Int(String(decoding: $0, as: UTF8.self)) } ?? 0
    }
}
