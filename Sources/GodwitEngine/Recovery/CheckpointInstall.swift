/// Makes a received checkpoint the content of a store's directory, in place of what is there: a follower's full copy.
///
/// The checkpoint stands complete in a directory within the store's, and the store is not open.
///
/// 1. Write the file `INSTALL` beside it. From now on the copy is finished by whoever comes next, until 5.
/// 2. Remove `CURRENT`, so that nobody takes the directory for a store meanwhile.
/// 3. Remove the old store's files, but for those whose names the checkpoint uses too: these are replaced.
/// 4. Move the checkpoint's files over, `CURRENT` last.
/// 5. Remove the checkpoint's directory, `INSTALL` last.
///
/// Each step may be done again after a crash anywhere. The node's id stays: it is the same node with other data.
package enum CheckpointInstall {
    private static let marker = "INSTALL"

    /// Whether an install was begun and not finished: `run` it again before the store is opened.
    package static func isPending(_ source: String, _ fileSystem: any FileSystem) throws(EngineError) -> Bool {
        try fileSystem.exists(source + "/" + marker)
    }

    /// Begins or finishes an install. Every file must have been verified and synced.
    ///
    /// - Parameters:
    ///   - source: The checkpoint's directory.
    ///   - directory: The store's.
    /// - Throws: `.locked` while the store is open, `.notFound` or `.corruption` when the checkpoint is not complete.
    package static func run(
        from source: String, to directory: String, _ environment: EngineEnvironment
    ) throws(EngineError) {
        let fileSystem = environment.fileSystem
        let lock = try fileSystem.lock(FileName.lock.path(in: directory))
        defer { lock.release() }
        if try !isPending(source, fileSystem) { try begin(source, environment) }
        // The last file to be moved: without it all the others were, and are not to be cleared away again.
        if try fileSystem.exists(FileName.current.path(in: source)) { try replace(directory, source, environment) }
        try removeAll(source, fileSystem)
    }

    /// Gives an install up that was begun and failed, before anything else in the checkpoint's directory changes: after a
    /// crash nobody is to finish it with what is there by then. The store's directory stays as it is: with the old store,
    /// with none, or with the new one, whole.
    package static func abandon(_ source: String, _ fileSystem: any FileSystem) throws(EngineError) {
        guard try isPending(source, fileSystem) else { return }
        try fileSystem.remove(source + "/" + marker)
        try fileSystem.syncDirectory(source)
    }

    private static func begin(_ source: String, _ environment: EngineEnvironment) throws(EngineError) {
        let fileSystem = environment.fileSystem
        let checkpoint = try Checkpoint.read(at: source, environment: environment)
        for file in checkpoint.files where try !fileSystem.exists(source + "/" + file.name) {
            throw EngineError(.notFound, "the copy lacks \(file.name); receive it first", file: source)
        }
        try fileSystem.open(source + "/" + marker, .create).sync()
        try fileSystem.syncDirectory(source)
    }

    private static func replace(
        _ directory: String, _ source: String, _ environment: EngineEnvironment
    ) throws(EngineError) {
        let fileSystem = environment.fileSystem
        let names = try Checkpoint.read(at: source, environment: environment).files.map(\.name)
        let current = FileName.current.description
        if try fileSystem.exists(directory + "/" + current) {
            try fileSystem.remove(directory + "/" + current)
            try fileSystem.syncDirectory(directory)
        }
        for name in try fileSystem.list(directory) {
            guard let file = FileName(name), file != .lock, file != .node, !names.contains(name) else { continue }
            try fileSystem.remove(directory + "/" + name)
        }
        for name in names where name != current { try move(name, source, directory, fileSystem) }
        try fileSystem.syncDirectory(directory)
        try move(current, source, directory, fileSystem)
        try fileSystem.syncDirectory(directory)
    }

    /// Moves a file, unless that was done before.
    private static func move(
        _ name: String, _ source: String, _ directory: String, _ fileSystem: any FileSystem
    ) throws(EngineError) {
        guard try fileSystem.exists(source + "/" + name) else { return }
        try fileSystem.rename(source + "/" + name, to: directory + "/" + name)
    }

    private static func removeAll(_ source: String, _ fileSystem: any FileSystem) throws(EngineError) {
        for name in try fileSystem.list(source) where name != marker { try fileSystem.remove(source + "/" + name) }
        try fileSystem.syncDirectory(source)
        try fileSystem.remove(source + "/" + marker)
        // Durable before the next copy is received here: it must not be taken for one that is complete.
        try fileSystem.syncDirectory(source)
        try fileSystem.removeDirectory(source)
    }
}
