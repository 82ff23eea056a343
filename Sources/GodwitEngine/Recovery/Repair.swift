/// Makes a damaged store open again, with all that can still be read. The store's lock is held throughout.
///
/// 1. *Manifest*. Read it; where it does not verify, write it anew: as it was, when only `CURRENT` is damaged; else from
///    the edits that verify and from what tables say of themselves (`RepairMerge`).
/// 2. *Tables*. Check each; of a damaged one, what verifies becomes a new table in its place.
/// 3. *Log*. Where it is damaged, what stands before the damage becomes tables, and the log begins anew after it.
/// 4. *Node id*. A damaged one is set aside; the next open makes another.
///
/// Damaged files are never deleted: each has a second name, or a copy, in `damaged/` before the store forgets it. Every
/// step is one commit of the manifest, so that a repair that was interrupted can be begun again.
struct Repair {
    let directory: String
    let environment: EngineEnvironment
    var progress: ProgressCounter
    var report = RepairReport()
    var fileSystem: any FileSystem { environment.fileSystem }
    private var aside: String { directory + "/damaged" }

    init(_ directory: String, _ environment: EngineEnvironment, _ listener: ((WorkProgress) -> Void)?) {
        self.directory = directory
        self.environment = environment
        progress = ProgressCounter(total: 0, listener)
    }

    mutating func run() throws(EngineError) -> RepairReport {
        guard try fileSystem.exists(directory), try ManifestReader.exists(fileSystem, directory) else {
            throw EngineError(.notFound, "there is no store in this directory; check the path", file: directory)
        }
        let lock = try fileSystem.lock(FileName.lock.path(in: directory))
        defer { lock.release() }
        progress.begin("reading the manifest")
        let (manifest, isRebuilt) = try manifest()
        if !isRebuilt { try repairTables(manifest) }
        try repairLog(manifest, always: isRebuilt)
        try repairNode()
        if report.hasRepaired, try fileSystem.exists(FileName.checkpoint.path(in: directory)) {
            // The files are no longer those that it lists.
            try setAside(.checkpoint)
        }
        return report
    }

    // MARK: Setting aside

    /// Gives a file a second name among the damaged ones; a log segment is copied, since its file is used again.
    mutating func keep(_ name: FileName) throws(EngineError) {
        let path = name.path(in: directory)
        guard try fileSystem.exists(path) else { return }
        try fileSystem.createDirectory(aside)
        var target = "\(aside)/\(name)"
        var attempt = 0
        while try fileSystem.exists(target) {
            attempt += 1
            target = "\(aside)/\(name).\(attempt)"
        }
        if case .segment = name {
            try FileCopy.copy(fileSystem, path, to: target)
        } else {
            try FileCopy.linkOrCopy(fileSystem, path, to: target)
        }
        try fileSystem.syncDirectory(aside)
        report.setAside.append(target)
    }

    /// Keeps a file among the damaged ones, and takes its name away here.
    mutating func setAside(_ name: FileName) throws(EngineError) {
        try keep(name)
        try drop(name)
    }

    /// Takes a file's name away.
    func drop(_ name: FileName) throws(EngineError) {
        let path = name.path(in: directory)
        if try fileSystem.exists(path) { try fileSystem.remove(path) }
        try fileSystem.syncDirectory(directory)
    }

    // MARK: The node id

    private mutating func repairNode() throws(EngineError) {
        guard try fileSystem.exists(FileName.node.path(in: directory)) else { return }
        do throws(EngineError) {
            _ = try NodeIdentity.read(in: directory, fileSystem)
        } catch {
            guard error.code == .corruption else { throw error }
            try setAside(.node)
            report.actions.append("set the damaged node id aside: the next open makes this a new node")
        }
    }
}
