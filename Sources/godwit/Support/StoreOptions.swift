import ArgumentParser
import CommandSupport
import Foundation
import GodwitEngine

/// Which store: the option every command has.
struct StoreOptions: ParsableArguments {
    @Option(name: .long, help: ArgumentHelp("The store's directory.", valueName: "dir"))
    var data: String

    /// Opens the store, lends it and closes it; an error of the work comes before one of the close. A node's store is
    /// opened without an epoch of its own, and not for writes: both are its regions' business.
    func withEngine<R>(
        _ mode: EngineOptions.Mode, writes: Bool = false, _ body: (Engine) throws -> R
    ) throws -> R {
        var options = EngineOptions()
        options.mode = mode
        if FileManager.default.fileExists(atPath: data + "/replication/state") {
            if writes {
                throw CommandFailure(
                    "\(data) is a replicated node's: what is written here would be another history than its followers'; "
                        + "write through the node (`godwit serve`), or restore a checkpoint as a store of its own")
            }
            options.beginsEpochs = false
        }
        let engine = try Engine.open(at: data, options: options)
        let result: R
        do {
            result = try body(engine)
        } catch {
            try? engine.close()
            throw error
        }
        try engine.close()
        return result
    }
}

/// Which keyspace: `default` unless one is named.
struct KeyspaceOption: ParsableArguments {
    @Option(name: .long, help: ArgumentHelp("The keyspace; `default` unless one is named.", valueName: "name"))
    var keyspace: String?

    /// The keyspace, which must be there.
    func find(in engine: Engine) throws -> Keyspace {
        guard let keyspace else { return engine.defaultKeyspace }
        if let found = engine.keyspace(keyspace) { return found }
        let names = engine.keyspaces.map(\.name).joined(separator: ", ")
        throw CommandFailure("there is no keyspace `\(keyspace)`; this store has: \(names)")
    }

    /// The keyspace, made when it is not there.
    func findOrCreate(in engine: Engine) throws -> Keyspace {
        guard let keyspace else { return engine.defaultKeyspace }
        return try engine.keyspace(keyspace) ?? engine.createKeyspace(keyspace)
    }
}
