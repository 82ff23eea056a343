internal import Synchronization

/// The keeper of a store's manifest: the one place that says which tables, keyspaces and log segments make the store.
///
/// A commit, in order:
/// 1. the edit is applied to a copy of the state: one that breaks an invariant is a bug and traps before a byte is
///    written;
/// 2. its bytes are appended and synced (or, when there is no trusted file or it has grown too large, a new manifest is
///    written with the state *after* the edit, synced, and `CURRENT` is switched to it);
/// 3. the new state is published.
///
/// **When a commit throws, its outcome is open**: the state in memory is as before, but after a crash the edit may be
/// there or not. Until a later `commit` or `settle` has succeeded, delete neither a file that the edit adds nor one
/// that it removes. The file of a failed commit is never written again: the next commit makes a new manifest from the
/// state in memory, and only then is the failed edit gone for good. The same holds after an unclean recovery, whose
/// last edits may never have been synced: commit (as every open does) before deleting anything.
///
/// Commits may come from any thread and are taken one at a time; `state` and `allocateFileNumber` never wait for one.
final class ManifestStore: Sendable {
    private let fileSystem: any FileSystem
    private let directory: String
    private let isReadOnly: Bool
    /// Whether the manifest was found to end in an unfinished edit.
    let recoveredTornTail: Bool
    /// Whether the store was closed in order when it was recovered: the log need not be read past its last cut.
    let recoveredClean: Bool

    private let published: Locked<ManifestState>
    private let fileNumbers: Atomic<UInt64>
    private let writer: Locked<Writer>

    /// A new manifest is made when the old one is larger than this and than `snapshotsBeforeRotation` snapshots.
    private let rotationFloor: UInt64
    /// Below 1 MiB a manifest is read so fast at open that a shorter one gains nothing.
    static let defaultRotationFloor: UInt64 = 1 << 20
    private static let snapshotsBeforeRotation: UInt64 = 4

    /// What a commit in progress changes.
    private struct Writer {
        /// The manifest that `CURRENT` names, as far as is known.
        var number: UInt64
        /// The manifest to append to; nil when a new one must be made.
        var file: (any File)?
        /// Where the next edit goes.
        var length: UInt64
        /// The checksum of the last edit.
        var checksum: UInt64
        /// The length of header and first edit.
        var snapshotLength: UInt64
        /// The length that `CURRENT` vouches for.
        var vouchedLength: UInt64
        /// Files to delete once it is certain which manifest a crash would find.
        var leftovers: [FileName] = []
        /// Whether a failed commit may come back after a crash.
        var isUnsettled = false
    }

    private init(
        _ fileSystem: any FileSystem, _ directory: String, isReadOnly: Bool, state: ManifestState,
        nextFileNumber: UInt64, writer: Writer, tornTail: Bool, rotationFloor: UInt64
    ) {
        self.fileSystem = fileSystem
        self.directory = directory
        self.isReadOnly = isReadOnly
        self.rotationFloor = rotationFloor
        recoveredTornTail = tornTail
        recoveredClean = state.isClean && !tornTail
        published = Locked(state)
        fileNumbers = Atomic(max(state.nextFileNumber, nextFileNumber))
        self.writer = Locked(writer)
    }

    // MARK: Opening

    /// Makes the manifest of a new store (or of a checkpoint, whose tables and log are linked in already) in a
    /// directory that has none; the directory is made when it is missing. `state` says everything the store begins
    /// with. Other tables and segments in the directory are refused, but by a repair.
    static func create(
        _ fileSystem: any FileSystem, _ directory: String, state: ManifestState,
        rotationFloor: UInt64 = defaultRotationFloor, isRepair: Bool = false
    ) throws(EngineError) -> ManifestStore {
        try fileSystem.createDirectory(directory)
        let names = try fileSystem.list(directory)
        guard !names.contains(FileName.current.description) else {
            throw EngineError(.invalidArgument, "there is a store in \(directory) already: open it, or choose another")
        }
        let known = state.tableNumbers
        let stranger = names.first { name in
            switch FileName(name) {
            case .table(let number): known.firstIndex(of: number) == nil
            case .segment: known.isEmpty && state.logFloor == 0
            default: false
            }
        }
        guard stranger == nil || isRepair else {
            throw EngineError(
                .corruption, "\(directory) has tables or log segments but no CURRENT: run repair, or choose another")
        }
        var writer = Writer(number: 0, file: nil, length: 0, checksum: 0, snapshotLength: 0, vouchedLength: 0)
        writer.leftovers = disposable(names, except: 0)
        let store = ManifestStore(
            fileSystem, directory, isReadOnly: false, state: state, nextFileNumber: numberAbove(names), writer: writer,
            tornTail: false, rotationFloor: rotationFloor)
        try store.settle()
        return store
    }

    /// Reads the manifest of the store in `directory`. Unless read-only, the names in the directory are synced, so that
    /// what was found there stays, but no file is written before the first commit.
    static func recover(
        _ fileSystem: any FileSystem, _ directory: String, readOnly: Bool = false,
        rotationFloor: UInt64 = defaultRotationFloor
    ) throws(EngineError) -> ManifestStore {
        let found = try ManifestReader.recover(fileSystem, directory)
        let names = try fileSystem.list(directory)
        var writer = Writer(
            number: found.number, file: nil, length: found.length, checksum: found.checksum,
            snapshotLength: found.snapshotLength, vouchedLength: found.current.length)
        if !readOnly {
            try fileSystem.syncDirectory(directory)
            // Only what CURRENT vouches for is known to be on the disk. Edits past it were read from memory that a
            // failed sync may have left unwritten, so they are written anew by the first commit.
            if found.length == found.current.length, !found.isTorn {
                writer.file = try fileSystem.open(FileName.manifest(found.number).path(in: directory), .readWrite)
            } else {
                writer.isUnsettled = true
            }
            writer.leftovers = disposable(names, except: found.number)
        }
        return ManifestStore(
            fileSystem, directory, isReadOnly: readOnly, state: found.state, nextFileNumber: numberAbove(names),
            writer: writer, tornTail: found.isTorn, rotationFloor: rotationFloor)
    }

    /// One more than the highest number among the names: files made after the last edit was written count too.
    private static func numberAbove(_ names: [String]) -> UInt64 {
        (names.compactMap { FileName($0)?.number }.max() ?? 0) + 1
    }

    /// The manifests and temporary files that a store whose manifest is `number` does not need.
    private static func disposable(_ names: [String], except number: UInt64) -> [FileName] {
        names.compactMap { FileName($0) }.filter { name in
            switch name {
            case .manifest(let other): other != number
            case .temporary: true
            default: false
            }
        }
    }

    // MARK: State

    /// The state after the last successful commit.
    var state: ManifestState { published.withLock { $0 } }

    /// Whether a failed commit may come back after a crash (see above).
    var isUnsettled: Bool { writer.withLock { $0.isUnsettled } }

    /// A number that no file of the store has had.
    func allocateFileNumber() -> UInt64 { fileNumbers.add(1, ordering: .relaxed).oldValue }

    // MARK: Commits

    /// Makes an edit durable and takes it into the state, which is returned. See above for what a failure means.
    @discardableResult
    func commit(_ edit: VersionEdit) throws(EngineError) -> ManifestState {
        try commit { (_) throws(EngineError) in edit }
    }

    /// Commits the edit that `make` finds right for the state at its turn, with no other commit in between.
    @discardableResult
    func commit(
        _ make: (ManifestState) throws(EngineError) -> VersionEdit
    ) throws(EngineError) -> ManifestState {
        try refuseReadOnly()
        return try writer.withLock { (writer) throws(EngineError) in
            try commit(make(state), &writer)
        }
    }

    /// Commits `edit` as the last one of an orderly close, then has `CURRENT` vouch for the whole manifest: from then
    /// on a flip of any bit in either file is an error at the next open.
    func markClean(_ edit: VersionEdit = VersionEdit()) throws(EngineError) {
        try refuseReadOnly()
        try writer.withLock { (writer) throws(EngineError) in
            try commit(VersionEdit(edit.changes + [.clean]), &writer)
            guard writer.vouchedLength != writer.length else { return }
            let temporary = try prepareCurrent(
                number: writer.number, length: writer.length, checksum: writer.checksum)
            try switchCurrent(to: temporary, length: writer.length, &writer)
        }
    }

    /// Runs `body` on the files while no commit is under way. It is told whether a failed commit has left them open.
    func quietly<R>(_ body: (_ isUnsettled: Bool) throws(EngineError) -> R) throws(EngineError) -> R {
        try writer.withLock { (writer) throws(EngineError) in try body(writer.isUnsettled) }
    }

    /// Makes a failed commit's outcome certain (it did not happen) by writing the present state as a new manifest. Does
    /// nothing when there is nothing open.
    func settle() throws(EngineError) {
        try refuseReadOnly()
        try writer.withLock { (writer) throws(EngineError) in
            guard writer.file == nil || writer.isUnsettled else { return }
            var next = state
            try bringFileNumbers(into: &next)
            try rotate(to: next, &writer)
            deleteLeftovers(&writer)
            publish(next)
        }
    }

    private func refuseReadOnly() throws(EngineError) {
        if isReadOnly { throw EngineError(.unavailable, "the store is open read-only", file: directory) }
    }

    private func publish(_ next: ManifestState) { published.withLock { $0 = next } }

    private func bringFileNumbers(into state: inout ManifestState) throws(EngineError) {
        let isClean = state.isClean
        try state.apply(
            VersionEdit([.nextFileNumber(fileNumbers.load(ordering: .relaxed))] + (isClean ? [.clean] : [])))
    }

    @discardableResult
    private func commit(_ edit: VersionEdit, _ writer: inout Writer) throws(EngineError) -> ManifestState {
        // First the counter, so that the edit's own changes (`clean` above all) come last.
        let whole = VersionEdit([.nextFileNumber(fileNumbers.load(ordering: .relaxed))] + edit.changes)
        var next = state
        do throws(EngineError) {
            try next.apply(whole)
        } catch {
            if error.code == .unsupportedFormat { throw error }
            preconditionFailure("an edit breaks the manifest: \(error.message)")
        }
        let limit = max(rotationFloor, ManifestStore.snapshotsBeforeRotation * writer.snapshotLength)
        if writer.file == nil || writer.isUnsettled || writer.length > limit {
            try rotate(to: next, &writer)
        } else {
            try append(whole, hashSeed: next.hashSeed, &writer)
        }
        deleteLeftovers(&writer)
        publish(next)
        return next
    }

    private func append(_ edit: VersionEdit, hashSeed: UInt64, _ writer: inout Writer) throws(EngineError) {
        guard let file = writer.file else { preconditionFailure("no manifest to append to") }
        let bytes = ByteWriter()
        let checksum = ManifestFormat.encodeEdit(
            previous: writer.checksum, hashSeed: hashSeed, offset: writer.length, into: bytes,
            payload: edit.encode(into:))
        // Until both calls have returned nobody knows what is on the disk: the file is given up first.
        writer.file = nil
        writer.isUnsettled = true
        try file.writeFully(bytes.view, at: writer.length)
        try file.sync()
        writer.file = file
        writer.isUnsettled = false
        writer.length += UInt64(bytes.count)
        writer.checksum = checksum
    }

    /// Writes `state` as a new manifest and switches `CURRENT` to it.
    private func rotate(to state: ManifestState, _ writer: inout Writer) throws(EngineError) {
        let number = allocateFileNumber()
        let name = FileName.manifest(number)
        var next = state
        try bringFileNumbers(into: &next)
        let bytes = ByteWriter(capacity: 4096)
        let header = ManifestFormat.Header(number: number, storeID: state.storeID, hashSeed: state.hashSeed)
        let headerChecksum = ManifestFormat.encode(header, into: bytes)
        let checksum = ManifestFormat.encodeEdit(
            previous: headerChecksum, hashSeed: state.hashSeed, offset: UInt64(bytes.count), into: bytes,
            payload: next.snapshotEdit().encode(into:))
        let length = UInt64(bytes.count)

        let temporary: FileName
        let file: any File
        do throws(EngineError) {
            file = try write(bytes.view, as: name)
            temporary = try prepareCurrent(number: number, length: length, checksum: checksum)
        } catch {
            // CURRENT does not name it: it must not take space on what may be a full disk.
            removeIfPossible(name)
            throw error
        }
        writer.leftovers.append(name)
        try switchCurrent(to: temporary, length: length, &writer)

        writer.leftovers.removeAll { $0 == name }
        if writer.number != 0 { writer.leftovers.append(.manifest(writer.number)) }
        writer.number = number
        writer.file = file
        writer.length = length
        writer.checksum = checksum
        writer.snapshotLength = length
    }

    /// Deletes what nothing needs now that `CURRENT` is known; what cannot be deleted is tried again next time.
    private func deleteLeftovers(_ writer: inout Writer) {
        writer.leftovers.removeAll { removeIfPossible($0) }
    }

    /// Writes and syncs a new file; what it leaves when it fails is removed.
    private func write(_ bytes: ByteView, as name: FileName) throws(EngineError) -> any File {
        let file = try fileSystem.open(name.path(in: directory), .create)
        do throws(EngineError) {
            try file.writeFully(bytes, at: 0)
            try file.sync()
        } catch {
            removeIfPossible(name)
            throw error
        }
        return file
    }

    /// Writes what `CURRENT` is to say, under a temporary name, and makes the names of all new files durable: a crash
    /// may keep a rename and lose an older creation.
    private func prepareCurrent(number: UInt64, length: UInt64, checksum: UInt64) throws(EngineError) -> FileName {
        let temporary = FileName.temporary(allocateFileNumber())
        let bytes = ByteWriter()
        ManifestFormat.encode(
            ManifestFormat.Current(manifest: number, length: length, checksum: checksum), into: bytes)
        _ = try write(bytes.view, as: temporary)
        do throws(EngineError) {
            try fileSystem.syncDirectory(directory)
        } catch {
            removeIfPossible(temporary)
            throw error
        }
        return temporary
    }

    /// Gives the prepared file the name `CURRENT`. From the rename on, a failure leaves open which of two manifests a
    /// crash would find, so both are kept until a later switch succeeds.
    private func switchCurrent(
        to temporary: FileName, length: UInt64, _ writer: inout Writer
    ) throws(EngineError) {
        let file = writer.file
        writer.file = nil
        writer.isUnsettled = true
        writer.leftovers.append(temporary)
        try fileSystem.rename(temporary.path(in: directory), to: FileName.current.path(in: directory))
        try fileSystem.syncDirectory(directory)
        writer.leftovers.removeAll { $0 == temporary }
        writer.file = file
        writer.isUnsettled = false
        writer.vouchedLength = length
    }

    /// Removes a file that nothing needs; what cannot be removed is left to the next rotation or open.
    @discardableResult
    private func removeIfPossible(_ name: FileName) -> Bool {
        let path = name.path(in: directory)
        do throws(EngineError) {
            if try fileSystem.exists(path) { try fileSystem.remove(path) }
            return true
        } catch {
            return false
        }
    }
}
