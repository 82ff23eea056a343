internal import Synchronization

extension Engine {
    // MARK: Checking

    /// Reads every byte of the store, past the cache, and says what is damaged: file, offset, what is still readable.
    /// Reads and writes go on meanwhile. Blocks.
    ///
    /// - Parameter progress: Told now and then how far it has come, on the calling thread.
    /// - Returns: All damage that there is; damage is no error of the call.
    /// - Throws: `.unavailable` once closed.
    public func verify(progress: ((WorkProgress) -> Void)? = nil) throws(EngineError) -> VerificationReport {
        try checkOpen()
        var verifier = Verifier(directory, store.environment, progress)
        return try verifier.run(store, writeSide)
    }

    /// Reads every byte of a store that is not open, and may be too damaged to be. Changes nothing, but for
    /// the lock file. Blocks.
    ///
    /// A checkpoint's files are compared with its `CHECKPOINT` too.
    ///
    /// - Parameters:
    ///   - directory: The store's directory.
    ///   - environment: The components that are used.
    ///   - progress: Told now and then how far it has come, on the calling thread.
    /// - Returns: All damage that there is; damage is no error of the call.
    /// - Throws: `.notFound` when the directory holds nothing of a store, `.locked` when it is open elsewhere.
    public static func verify(
        at directory: String, environment: EngineEnvironment = .system, progress: ((WorkProgress) -> Void)? = nil
    ) throws(EngineError) -> VerificationReport {
        var verifier = Verifier(directory, environment, progress)
        return try verifier.run()
    }

    /// Makes a damaged store open again with all that can still be read, and `verify` clean. Damaged files are kept in the
    /// directory `damaged` within the store's. A whole store is not changed. Blocks.
    ///
    /// - Parameters:
    ///   - directory: The directory of a store that is not open.
    ///   - environment: The components that are used.
    ///   - progress: Told now and then how far it has come, on the calling thread.
    /// - Returns: What was done, and which keys may have lost something.
    /// - Throws: `.notFound` when the directory holds nothing of a store, `.locked` when it is open elsewhere,
    ///   `.corruption` when there is nothing to rebuild from, `.diskFull`, `.unsupportedFormat` for data of a newer Godwit,
    ///   which is never touched.
    @discardableResult
    public static func repair(
        at directory: String, environment: EngineEnvironment = .system, progress: ((WorkProgress) -> Void)? = nil
    ) throws(EngineError) -> RepairReport {
        var repair = Repair(directory, environment, progress)
        return try repair.run()
    }

    // MARK: Checkpoints

    /// Makes a checkpoint: the whole store at one position, in a directory that is made or empty. Tables are hard links
    /// where the file system can; writers are not held. Then reads every byte once, for the hashes. Blocks.
    ///
    /// The directory can be restored from, or opened itself: as a store it gets a node id and a new epoch of its own.
    ///
    /// - Parameters:
    ///   - directory: Where it goes; on the same file system it costs no space at first.
    ///   - progress: Told now and then how far it has come, on the calling thread.
    /// - Throws: `.invalidArgument` for a directory that is not empty, `.unavailable` while another checkpoint is made,
    ///   `.diskFull`, `.io`. Nothing is left then.
    @discardableResult
    public func checkpoint(
        to directory: String, progress: ((WorkProgress) -> Void)? = nil
    ) throws(EngineError) -> Checkpoint {
        try checkpoint(to: directory, progress: progress, keeping: nil)
    }

    /// As the public form; only the keyspaces that are chosen have data in it (nil: all). So a node gets no byte of what it
    /// may not have.
    package func checkpoint(
        to directory: String, progress: ((WorkProgress) -> Void)? = nil, keeping choice: CheckpointChoice?
    ) throws(EngineError) -> Checkpoint {
        let side = try writable()
        guard !side.isCheckpointing.exchange(true, ordering: .acquiringAndReleasing) else {
            throw EngineError(.unavailable, "another checkpoint of this store is being made; wait for it")
        }
        defer { side.isCheckpointing.store(false, ordering: .releasing) }
        return try CheckpointWriter(store, side, to: directory, keeping: choice, progress).run()
    }

    /// Makes a store from a checkpoint, after every byte of it was verified. The first open gives the store a node id and
    /// begins a new epoch. Blocks; durable when it returns.
    ///
    /// - Parameters:
    ///   - checkpoint: The checkpoint's directory; it stays as it is.
    ///   - directory: Where the store goes: a directory that is made or empty.
    ///   - newStore: Whether the copy is to be a store of its own, with another store id, that never replicates with the
    ///     one it came from.
    ///   - environment: The components that are used.
    ///   - progress: Told now and then how far it has come, on the calling thread.
    /// - Returns: What was restored.
    /// - Throws: `.corruption` naming the damaged file, `.notFound` for a directory without a complete checkpoint,
    ///   `.invalidArgument` for a target that is not empty, `.diskFull`. Nothing is left in the target then.
    @discardableResult
    public static func restore(
        from checkpoint: String, to directory: String, newStore: Bool = false,
        environment: EngineEnvironment = .system, progress: ((WorkProgress) -> Void)? = nil
    ) throws(EngineError) -> Checkpoint {
        try Restore(from: checkpoint, to: directory, newStore: newStore, environment, progress).run()
    }
}
