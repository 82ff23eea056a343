/// 128 random bits that name a node: one copy of a store. Two copies of one store are two nodes.
public struct NodeID: Hashable, Comparable, Sendable, CustomStringConvertible {
    /// The first 64 bits.
    public let high: UInt64
    /// The last 64 bits.
    public let low: UInt64

    /// Makes an id from its two halves.
    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Reads 32 hexadecimal digits; nil when the text is anything else.
    public init?(_ text: String) {
        guard text.utf8.count == 32, let high = UInt64(text.prefix(16), radix: 16),
            let low = UInt64(text.suffix(16), radix: 16)
        else { return nil }
        self.init(high: high, low: low)
    }

    /// Orders by the digits.
    public static func < (left: NodeID, right: NodeID) -> Bool { (left.high, left.low) < (right.high, right.low) }

    /// 32 hexadecimal digits.
    public var description: String { StoreID(high: high, low: low).description }

    /// The 16 bytes: high half, then low half, little-endian each.
    package var bytes: [UInt8] { StoreID(high: high, low: low).bytes }

    /// The id of the node in a directory, which may hold no data yet; made where there is none. Errors as `Engine.open` with the
    /// option `region`.
    package static func ensure(
        in directory: String, region: String?, _ environment: EngineEnvironment
    ) throws(EngineError) -> NodeID {
        try NodeIdentity.ensure(in: directory, region: region, environment).id
    }
}

/// The number by which records name the region they were first written in.
public enum RegionID {
    /// The number of a region's name: 16 bits of its hash, never 0, which stands for no region. Two regions of one store
    /// must not share a number; a handshake between them is refused.
    public static func of(_ name: String) -> UInt16 {
        let hash = Array(name.utf8).withView { $0.hash(seed: 0) }
        return max(1, UInt16(truncatingIfNeeded: hash))
    }
}

/// What belongs to the node and not to the data: in a file of its own, `NODE`, that no checkpoint contains.
///
///     0    16   node id
///     16   1    length of the region's name; 0 for none
///     17        the name, UTF-8
///     then 8    XXH3-64 of everything above, seed 0
struct NodeIdentity: Equatable, Sendable {
    static let longestRegion = 64

    let id: NodeID
    let region: String?

    /// Reads the file, or makes it where it is missing. A node without a region becomes one of `region`.
    ///
    /// - Throws: `.invalidArgument` when the node is of another region, or the name is empty or longer than 64 bytes.
    static func ensure(
        in directory: String, region: String?, _ environment: EngineEnvironment
    ) throws(EngineError) -> NodeIdentity {
        if let region, !(1...longestRegion).contains(region.utf8.count) {
            throw EngineError(.invalidArgument, "a region's name has 1 to 64 bytes; this one has \(region.utf8.count)")
        }
        let fileSystem = environment.fileSystem
        let path = FileName.node.path(in: directory)
        // An empty file is what a power loss leaves of one that was being made.
        guard try fileSystem.exists(path), try fileSystem.open(path, .read).size() > 0 else {
            let random = environment.random
            let made = NodeIdentity(id: NodeID(high: random.next(), low: random.next()), region: region)
            try made.write(in: directory, fileSystem)
            return made
        }
        let found = try read(in: directory, fileSystem)
        guard let region, region != found.region else { return found }
        if let stored = found.region {
            throw EngineError(
                .invalidArgument,
                "this node is of region `\(stored)`, not `\(region)`: give its own region, or another directory",
                file: path)
        }
        let adopted = NodeIdentity(id: found.id, region: region)
        try adopted.write(in: directory, fileSystem)
        return adopted
    }

    /// Reads the file.
    static func read(in directory: String, _ fileSystem: any FileSystem) throws(EngineError) -> NodeIdentity {
        let path = FileName.node.path(in: directory)
        let file = try fileSystem.open(path, .read)
        let damaged = EngineError(
            .corruption, "the node id is damaged; delete the file to become a new node", file: path, offset: 0)
        let size = try file.size()
        guard (25...25 + UInt64(longestRegion)).contains(size) else { throw damaged }
        let bytes = try file.read(Int(size), at: 0)
        return try bytes.withView { (view) throws(EngineError) in
            let end = view.count - 8
            guard view.slice(0, end).hash(seed: 0) == view.load(end, as: UInt64.self),
                Int(view[16]) == end - 17, let name = String(validating: view.slice(17, end - 17).array, as: UTF8.self)
            else { throw damaged }
            return NodeIdentity(id: NodeID(high: view.load(0), low: view.load(8)), region: name.isEmpty ? nil : name)
        }
    }

    private func write(in directory: String, _ fileSystem: any FileSystem) throws(EngineError) {
        let bytes = ByteWriter()
        bytes.append(id.high)
        bytes.append(id.low)
        let name = Array((region ?? "").utf8)
        bytes.append(UInt8(name.count))
        bytes.append(name)
        bytes.append(bytes.view.hash(seed: 0))
        let path = FileName.node.path(in: directory)
        let temporary = path + ".tmp"
        if try fileSystem.exists(temporary) { try fileSystem.remove(temporary) }
        let file = try fileSystem.open(temporary, .create)
        try file.writeFully(bytes.view, at: 0)
        try file.sync()
        try fileSystem.rename(temporary, to: path)
        try fileSystem.syncDirectory(directory)
    }
}
