/// Makes a store from a checkpoint.
///
/// 1. Read `CHECKPOINT`, and every byte that it lists: nothing is made of a damaged checkpoint.
/// 2. Copy the tables, hashing again what is written; sync each.
/// 3. Write a manifest, the checkpoint's own or the same under a new store id. From the moment that `CURRENT` names it
///    there is a store; before, there is none.
///
/// The store has no node id and no log: the first open makes a node id, and begins a new epoch since the store was not
/// closed in order. A new store id changes what the log is bound to; tables are bound to the hash seed, which stays.
struct Restore {
    private let source: String
    private let target: String
    private let isNewStore: Bool
    private let environment: EngineEnvironment
    private let progress: ((WorkProgress) -> Void)?
    private var fileSystem: any FileSystem { environment.fileSystem }

    init(
        from source: String, to target: String, newStore: Bool, _ environment: EngineEnvironment,
        _ progress: ((WorkProgress) -> Void)?
    ) {
        self.source = source
        self.target = target
        isNewStore = newStore
        self.environment = environment
        self.progress = progress
    }

    func run() throws(EngineError) -> Checkpoint {
        let checkpoint = try Checkpoint.read(at: source, environment: environment)
        if try fileSystem.exists(FileName.node.path(in: source)) {
            throw EngineError(
                .invalidArgument,
                "this checkpoint was opened as a store since it was made, and is none any more: make "
                    + "a checkpoint of it, or use another", file: source)
        }
        var counter = ProgressCounter(total: 2 * checkpoint.bytes, progress)
        var complaint: EngineError?
        try checkpoint.check(in: source, fileSystem, &counter) { if complaint == nil { complaint = $0 } }
        if let complaint { throw complaint }
        let state = try ManifestReader.recover(fileSystem, source).state

        try DirectoryClaim.claim(target, fileSystem, for: "a restore")
        let lock = try fileSystem.lock(FileName.lock.path(in: target))
        defer { lock.release() }
        do throws(EngineError) {
            try copy(checkpoint, state, &counter)
        } catch {
            DirectoryClaim.empty(target, fileSystem)
            throw error
        }
        return checkpoint
    }

    private func copy(
        _ checkpoint: Checkpoint, _ state: ManifestState, _ counter: inout ProgressCounter
    ) throws(EngineError) {
        let free = try fileSystem.freeSpace(target)
        guard free > checkpoint.bytes else {
            throw EngineError(
                .diskFull, "the checkpoint has \(checkpoint.bytes) bytes and \(free) are free; make room", file: target)
        }
        for file in checkpoint.files {
            guard case .table? = FileName(file.name) else { continue }
            counter.begin("copying \(file.name)")
            let path = target + "/" + file.name
            let written = try FileCopy.copy(fileSystem, source + "/" + file.name, to: path) { counter.pass(UInt64($0)) }
            if let complaint = checkpoint.complaint(file, written.size, written.hash, source + "/" + file.name) {
                throw complaint
            }
        }
        counter.begin("writing the manifest")
        var state = state
        if isNewStore {
            let random = environment.random
            state = try ManifestState(state, storeID: StoreID(high: random.next(), low: random.next()))
        }
        _ = try ManifestStore.create(fileSystem, target, state: state)
    }
}
