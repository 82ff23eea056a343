/// The node's id: 128 random bits in a file of their own that no checkpoint contains, so that two copies of one store
/// are two nodes.
enum NodeIdentity {
    /// Makes the file where it is missing.
    static func ensure(in directory: String, _ environment: EngineEnvironment) throws(EngineError) {
        let fileSystem = environment.fileSystem
        let path = FileName.node.path(in: directory)
        if try fileSystem.exists(path), try fileSystem.open(path, .read).size() == 24 { return }
        let bytes = ByteWriter()
        bytes.append(environment.random.next())
        bytes.append(environment.random.next())
        bytes.append(bytes.view.hash(seed: 0))
        let temporary = path + ".tmp"
        if try fileSystem.exists(temporary) { try fileSystem.remove(temporary) }
        let file = try fileSystem.open(temporary, .create)
        try file.writeFully(bytes.view, at: 0)
        try file.sync()
        try fileSystem.rename(temporary, to: path)
        try fileSystem.syncDirectory(directory)
    }

    /// The id, 16 bytes.
    static func read(in directory: String, _ fileSystem: any FileSystem) throws(EngineError) -> [UInt8] {
        let path = FileName.node.path(in: directory)
        let bytes = try fileSystem.open(path, .read).read(24, at: 0)
        guard bytes.withView({ $0.slice(0, 16).hash(seed: 0) == $0.load(16, as: UInt64.self) }) else {
            throw EngineError(
                .corruption, "the node id is damaged; delete the file to become a new node", file: path, offset: 0)
        }
        return Array(bytes[..<16])
    }
}
