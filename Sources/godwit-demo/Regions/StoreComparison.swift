import CommandSupport
import GodwitEngine

/// Reads the stores of stopped regions: which witnesses they hold, and whether they hold the same.
enum StoreComparison {
    /// The witnesses of the first store, once it is known that all stores hold the same keys and values.
    static func witnesses(_ directories: [String]) throws -> Set<UInt64> {
        let contents = try directories.map(content)
        for (place, other) in contents.enumerated().dropFirst() where other != contents[0] {
            let keys = Set(contents[0].keys).union(other.keys).filter { contents[0][$0] != other[$0] }
            throw CommandFailure(
                "\(directories[0]) and \(directories[place]) differ in \(keys.count) keys: \(keys.sorted().prefix(5))")
        }
        return Set((contents.first ?? [:]).keys.compactMap { Witness.id(String($0.dropFirst("default/".count))) })
    }

    private static func content(_ directory: String) throws -> [String: [UInt8]] {
        var options = EngineOptions()
        options.mode = .readOnly
        let engine = try Engine.open(at: directory, options: options)
        var content: [String: [UInt8]] = [:]
        for keyspace in engine.keyspaces {
            try engine.scan(in: keyspace) { key, value in
                content[keyspace.name + "/" + String(decoding: key.array, as: UTF8.self)] = value.array
                return true
            }
        }
        try engine.close()
        return content
    }
}
