/// What a keyspace decides for its data. Kept in the manifest and carried by the record that creates the keyspace, so
/// that every node of a history has the same.
public struct KeyspaceSettings: Hashable, Sendable {
    /// How long an entry written without a deadline lives, in milliseconds; 0, the default, is for ever.
    public var defaultTTL: UInt64
    /// How blocks are compressed; LZ4 by default, since it decompresses faster than memory copies cost.
    public var compression: Compression
    /// How many uncompressed bytes a block aims at; 4,096 by default, one page of a disk.
    public var blockSize: UInt32
    /// How many filter bits a key gets; 10 by default (about 1 % false positives), 0 for no filter.
    public var filterBitsPerKey: UInt32
    /// Whether followers get this keyspace; true by default.
    public var replicated: Bool
    /// The regions whose nodes may hold this keyspace's data, ascending; empty, the default, is all of them.
    public var regions: [UInt16]

    /// Makes settings; each has its default.
    public init(
        defaultTTL: UInt64 = 0, compression: Compression = .lz4, blockSize: UInt32 = 4096,
        filterBitsPerKey: UInt32 = 10, replicated: Bool = true, regions: [UInt16] = []
    ) {
        self.defaultTTL = defaultTTL
        self.compression = compression
        self.blockSize = blockSize
        self.filterBitsPerKey = filterBitsPerKey
        self.replicated = replicated
        self.regions = regions
    }

    /// Throws `.invalidArgument` when a setting is out of its bounds.
    public func validate() throws(EngineError) {
        if let complaint { throw EngineError(.invalidArgument, complaint) }
    }

    /// What is out of bounds, or nil.
    var complaint: String? {
        if blockSize < 256 || blockSize > 1 << 20 { return "blockSize is \(blockSize): choose 256 to 1048576 bytes" }
        if filterBitsPerKey > 64 { return "filterBitsPerKey is \(filterBitsPerKey): choose 0 to 64" }
        for (region, next) in zip(regions, regions.dropFirst()) where region >= next {
            return "regions must ascend without repeats, and \(next) comes after \(region)"
        }
        return nil
    }
}

/// A keyspace as the manifest knows it.
struct KeyspaceMeta: Hashable, Sendable {
    /// The number that records and edits name it by; never used again after a drop.
    let id: UInt32
    /// The name that callers use.
    let name: String
    /// The sequence number of the record that created it; 0 for one that was there from the start.
    let createdSequence: SequenceNumber
    /// What it decides for its data.
    var settings: KeyspaceSettings
    /// Everything up to this sequence number is in tables: recovery skips it.
    var flushedThrough: SequenceNumber
}
