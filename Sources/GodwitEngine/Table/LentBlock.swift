/// A block that outlives the epoch, or that the cache did not take: it stays as long as this does. Point reads hand in
/// a fresh one, use the value, and let it go; iterators keep the block they stand in by one.
struct LentBlock: ~Copyable {
    private var block: CachedBlock?
    /// The cache whose memory it is; nil where the block was allocated for this reader alone.
    private var cache: BlockCache?

    init() {}

    /// Whether a block is held, rather than the cache's memory being lent under the epoch.
    var isHolding: Bool { block != nil }

    /// The block that is held.
    var held: CachedBlock? { block }

    /// Takes one pin of a block of a cache over.
    mutating func take(_ pinned: CachedBlock, from cache: BlockCache) {
        release()
        block = pinned
        self.cache = cache
    }

    /// Takes over a block that was allocated for this reader alone.
    mutating func take(own fresh: CachedBlock) {
        release()
        block = fresh
    }

    /// Lets go of what is held.
    mutating func release() {
        guard let block else { return }
        if let cache { cache.unpin(block) } else { block.deallocate() }
        self.block = nil
        cache = nil
    }

    deinit {
        guard let block else { return }
        if let cache { cache.unpin(block) } else { block.deallocate() }
    }
}
