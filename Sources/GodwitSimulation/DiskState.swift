internal import GodwitEngine
internal import Glibc

/// What a name in a directory stands for.
enum NodeReference: Equatable {
    case file(Int)
    case directory(Int)
}

/// A directory of the simulated disk: the names as readers see them and as the disk has them.
struct DirectoryNode {
    var names: [String: NodeReference] = [:]
    var durableNames: [String: NodeReference] = [:]
}

/// A change of names that is not durable yet. A rename is one change, however many directories it touches.
struct NameChange {
    var removed: (directory: Int, name: String)?
    var added: (directory: Int, name: String, node: NodeReference)?

    /// The names that change.
    private var names: [(directory: Int, name: String)] {
        var names: [(directory: Int, name: String)] = []
        if let removed { names.append(removed) }
        if let added { names.append((added.directory, added.name)) }
        return names
    }

    /// Whether a name of this change is one of the other's.
    func shares(_ other: NameChange) -> Bool {
        names.contains { mine in other.names.contains { $0 == mine } }
    }

    /// Whether the directory's names change.
    func touches(_ directory: Int) -> Bool { removed?.directory == directory || added?.directory == directory }
}

/// The whole simulated disk as a value: copying it clones the disk. Files and directories are known by number, so that
/// handles can outlive names. Nothing here depends on the order of a dictionary.
struct DiskState {
    var random: Xoshiro
    var files: [FileNode] = []
    /// The first one is the root, which always is.
    var directories: [DirectoryNode] = [DirectoryNode()]
    var pendingNames: [NameChange] = []
    /// How many crashes there were: handles of earlier generations are dead.
    var generation = 0
    var locks: [String: Int] = [:]
    var locksTaken = 0
    var openFiles = 0
    var openFilesLimit = Int.max
    var capacity: UInt64?
    var plan = FaultPlan()

    init(seed: UInt64) { random = Xoshiro(seed: seed) }

    // MARK: Paths

    /// The parts of a path; a relative path begins at the root.
    static func parts(_ path: String) -> [String] {
        var parts: [String] = []
        for part in path.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(String(part)) }
        }
        return parts
    }

    /// What a path stands for, or nil.
    func lookUp(_ path: String) -> NodeReference? {
        var node = NodeReference.directory(0)
        for part in Self.parts(path) {
            guard case .directory(let number) = node, let next = directories[number].names[part] else { return nil }
            node = next
        }
        return node
    }

    /// The number of a directory, or the error a system gives.
    func directory(_ path: String, _ action: String) throws(EngineError) -> Int {
        switch lookUp(path) {
        case .directory(let number): return number
        case .file: throw .system(action, file: path, errno: ENOTDIR)
        case nil: throw .system(action, file: path, errno: ENOENT)
        }
    }

    /// The number of a file, or the error a system gives.
    func file(_ path: String, _ action: String) throws(EngineError) -> Int {
        switch lookUp(path) {
        case .file(let number): return number
        case .directory: throw .system(action, file: path, errno: EISDIR)
        case nil: throw .system(action, file: path, errno: ENOENT)
        }
    }

    /// The directory a path is in, and its last part.
    func parent(_ path: String, _ action: String) throws(EngineError) -> (directory: Int, name: String) {
        let parts = Self.parts(path)
        guard let name = parts.last else { throw .system(action, file: path, errno: EEXIST) }
        return (try directory(parts.dropLast().joined(separator: "/"), action), name)
    }

    // MARK: Names

    /// Changes names as readers see them and notes that the change is not durable.
    mutating func change(_ change: NameChange) {
        if let removed = change.removed {
            let node = directories[removed.directory].names.removeValue(forKey: removed.name)
            if case .file(let number)? = node { files[number].links -= 1 }
        }
        if let added = change.added {
            let replaced = directories[added.directory].names.updateValue(added.node, forKey: added.name)
            if case .file(let number)? = replaced { files[number].links -= 1 }
            if case .file(let number) = added.node { files[number].links += 1 }
        }
        pendingNames.append(change)
    }

    /// Makes the changes that touch a directory durable.
    mutating func syncNames(of directory: Int) { syncNames { $0.touches(directory) } }

    /// Makes the changes of one name durable.
    mutating func syncName(_ name: String, in directory: Int) {
        syncNames { change in
            (change.added.map { ($0.directory, $0.name) == (directory, name) } ?? false)
                || (change.removed.map { ($0.directory, $0.name) == (directory, name) } ?? false)
        }
    }

    /// Makes the chosen changes durable, and with each the earlier changes of the same names: a later state of a name
    /// never reaches the disk before an earlier one.
    private mutating func syncNames(_ isChosen: (NameChange) -> Bool) {
        var chosen: [Bool] = pendingNames.map(isChosen)
        for later in pendingNames.indices.reversed() where chosen[later] {
            for earlier in pendingNames.indices[..<later] where !chosen[earlier] {
                chosen[earlier] = pendingNames[earlier].shares(pendingNames[later])
            }
        }
        var left: [NameChange] = []
        var touched: [Int] = []
        for (change, isChosen) in zip(pendingNames, chosen) {
            if isChosen { persist(change, &touched) } else { left.append(change) }
        }
        pendingNames = left
        for file in touched { reclaim(file) }
    }

    private mutating func persist(_ change: NameChange, _ touched: inout [Int]) {
        if let removed = change.removed,
            case .file(let number)? = directories[removed.directory].durableNames.removeValue(forKey: removed.name)
        {
            files[number].durableLinks -= 1
            touched.append(number)
        }
        if let added = change.added {
            let replaced = directories[added.directory].durableNames.updateValue(added.node, forKey: added.name)
            if case .file(let number)? = replaced {
                files[number].durableLinks -= 1
                touched.append(number)
            }
            if case .file(let number) = added.node {
                files[number].durableLinks += 1
                touched.append(number)
            }
        }
    }

    /// Forgets a file's bytes once nothing can reach it: no name, no handle, no state a crash could leave.
    mutating func reclaim(_ file: Int) {
        let node = files[file]
        guard node.links == 0, node.durableLinks == 0, node.handles == 0, !node.content.isEmpty else { return }
        if pendingNames.contains(where: { $0.added?.node == .file(file) }) { return }
        files[file].clear()
    }

    // MARK: Space

    /// The bytes of all files that a name or a handle keeps.
    var usedSpace: UInt64 {
        files.reduce(0) { $0 + ($1.links > 0 || $1.handles > 0 ? UInt64($1.content.count) : 0) }
    }

    /// The bytes that can still be stored; plenty where there is no limit.
    var freeSpace: UInt64 {
        guard let capacity else { return 1 << 40 }
        let used = usedSpace
        return capacity > used ? capacity - used : 0
    }

    // MARK: Crash

    /// Loses power. Handles and locks are gone; names and files are left as `outcome` says.
    mutating func crash(_ outcome: CrashOutcome) {
        generation += 1
        locks = [:]
        openFiles = 0
        plan.isPowerOff = false
        plan.powerOffAt = nil
        crashNames(outcome)
        for number in files.indices {
            files[number].handles = 0
            if files[number].links == 0 {
                files[number].clear()
            } else {
                files[number].crash(outcome, &random)
            }
        }
    }

    private mutating func crashNames(_ outcome: CrashOutcome) {
        var outcome = outcome
        if outcome == .random {
            let choices: [CrashOutcome] = [.loseUnsynced, .keepEverything, .inOrder, .scattered]
            outcome = choices[random.below(choices.count)]
        }
        var kept: [NameChange] = []
        switch outcome {
        case .loseUnsynced: break
        case .keepEverything: kept = pendingNames
        case .inOrder: kept = Array(pendingNames.prefix(random.below(pendingNames.count + 1)))
        case .scattered, .random: kept = pendingNames.filter { _ in random.below(2) == 0 }
        }
        pendingNames = []
        var touched: [Int] = []
        for change in kept { persist(change, &touched) }
        for number in directories.indices { directories[number].names = directories[number].durableNames }
        for number in files.indices { files[number].links = 0 }
        countLinks(of: 0)
        for number in files.indices { files[number].durableLinks = files[number].links }
    }

    /// Counts the names below a directory, each file's once more.
    private mutating func countLinks(of directory: Int) {
        for node in directories[directory].names.values {
            switch node {
            case .file(let number): files[number].links += 1
            case .directory(let number): countLinks(of: number)
            }
        }
    }

    // MARK: Walking

    /// All files below the root by path, in bytewise order of their paths' parts.
    var paths: [(path: String, file: Int)] {
        var found: [(path: String, file: Int)] = []
        func walk(_ directory: Int, _ prefix: String) {
            for name in sortedNames(directory) {
                switch directories[directory].names[name] {
                case .file(let number)?: found.append((prefix + name, number))
                case .directory(let number)?: walk(number, prefix + name + "/")
                case nil: break
                }
            }
        }
        walk(0, "/")
        return found
    }

    /// The names in a directory in bytewise order.
    func sortedNames(_ directory: Int) -> [String] {
        directories[directory].names.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    }
}
