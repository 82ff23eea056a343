internal import Synchronization

/// What the cache holds and did, for metrics.
struct CacheStatistics: Sendable, Equatable {
    /// Blocks found resident, about.
    var dataHits: UInt64 = 0
    var filterHits: UInt64 = 0
    var indexHits: UInt64 = 0
    /// Units that had to be read from a file on behalf of a caller that fills the cache.
    var dataMisses: UInt64 = 0
    var filterMisses: UInt64 = 0
    var indexMisses: UInt64 = 0
    /// Blocks published.
    var inserts: UInt64 = 0
    /// Blocks that made room for others.
    var evictions: UInt64 = 0
    /// Blocks that were read or written and could not be kept.
    var refusals: UInt64 = 0
    /// Bytes of resident blocks, rounding included.
    var dataBytes = 0
    var filterBytes = 0
    var indexBytes = 0
    /// Bytes charged by others against the budget.
    var chargedBytes = 0
    /// Bytes evicted whose memory readers may still use.
    var deferredBytes = 0
    /// The budget.
    var capacity = 0
}

/// Keeps units of tables in memory: one budget for data blocks, filters and indexes.
///
/// A hit never comes here: each table has an array of slots that point to its resident blocks. The lock is taken to
/// allocate, publish, evict and free.
///
/// Eviction is a clock: a hand sweeps the spans in turn; a block that was not read since the hand last came by goes
/// (filters and indexes survive four rounds). Evicted memory comes back after the epoch, and a reader that evicts is
/// itself within one, so the cache evicts a little ahead of need. When readers hold more than a tenth of the budget
/// back, or a block is too big, the fill is refused: the reader then owns the block.
@safe
final class BlockCache: @unchecked Sendable {
    private struct State: ~Copyable {
        var capacity: Int
        var spans = CacheSpans()
        /// Blocks larger than a span, by number; and the numbers that are free.
        var large: [CachedBlock?] = []
        var freeLarge: [Int] = []
        var largeBytes = 0
        var charged = 0
        /// Where the sweep goes on: below `spans.count` a span, from there on a large block.
        var hand = 0
        var statistics = CacheStatistics()

        /// How many spans may hold objects.
        var spanLimit: Int { max(0, capacity - largeBytes - charged) / CacheSpans.spanSize }
    }

    private let lock = Lock()
    private var state: State
    private let deferred = Atomic<Int>(0)
    private let dataMisses = Atomic<UInt64>(0)
    private let filterMisses = Atomic<UInt64>(0)
    private let indexMisses = Atomic<UInt64>(0)
    private let refusals = Atomic<UInt64>(0)
    /// Counts hits, for the readers of tables.
    let hits = HitCounters()

    /// Makes an empty cache of `capacity` bytes.
    init(capacity: Int) {
        state = State(capacity: max(capacity, 0))
    }

    deinit { hits.deallocate() }

    /// Changes the budget; what is over it goes at once, but for blocks in use.
    func setCapacity(_ capacity: Int) {
        var victims: [CachedBlock] = []
        lock.withLock {
            state.capacity = max(capacity, 0)
            BlockCache.shrink(&state, &victims)
        }
        retire(victims)
        EpochDomain.collect(large: false)
        lock.withLock { state.spans.releaseUnassigned() }
    }

    /// Takes `bytes` of the budget for memory that lies elsewhere (negative: gives them back).
    func charge(_ bytes: Int) {
        var victims: [CachedBlock] = []
        lock.withLock {
            state.charged += bytes
            precondition(state.charged >= 0)
            BlockCache.shrink(&state, &victims)
        }
        retire(victims)
    }

    /// Counters and sizes now.
    var statistics: CacheStatistics {
        var result = lock.withLock {
            var result = state.statistics
            result.capacity = state.capacity
            result.chargedBytes = state.charged
            return result
        }
        result.dataHits = hits.total(.data)
        result.filterHits = hits.total(.filter)
        result.indexHits = hits.total(.index)
        result.dataMisses = dataMisses.load(ordering: .relaxed)
        result.filterMisses = filterMisses.load(ordering: .relaxed)
        result.indexMisses = indexMisses.load(ordering: .relaxed)
        result.refusals = refusals.load(ordering: .relaxed)
        result.deferredBytes = deferred.load(ordering: .relaxed)
        return result
    }

    /// Counts a unit read from a file.
    func countMiss(_ kind: UnitKind) {
        switch kind {
        case .data: dataMisses.add(1, ordering: .relaxed)
        case .filter: filterMisses.add(1, ordering: .relaxed)
        case .index: indexMisses.add(1, ordering: .relaxed)
        case .top, .rangeTombstones, .properties: break
        }
    }

    // MARK: Filling

    /// Memory for a block of `length` bytes, to be filled and then published or discarded; nil where there is no room.
    func allocate(length: Int, kind: UnitKind) -> CachedBlock? {
        let size = length + CachedBlock.overhead
        var victims: [CachedBlock] = []
        var block: CachedBlock?
        let mayEvict = lock.withLock {
            block = BlockCache.take(&state, size, length, kind)
            if deferred.load(ordering: .relaxed) > state.capacity / 10 { return false }
            BlockCache.makeRoom(&state, size, isNeeded: block == nil, &victims)
            return true
        }
        if mayEvict {
            if !victims.isEmpty {
                retire(victims)
                EpochDomain.collect(large: false)
            }
            if block == nil { block = lock.withLock { BlockCache.take(&state, size, length, kind) } }
        } else {
            EpochDomain.collect(large: false)
        }
        if block == nil { refusals.add(1, ordering: .relaxed) }
        block?.clearSlack()
        return block
    }

    /// Makes a filled block visible in `slot` and returns it; or discards it and returns the one that another thread
    /// published first. Where `isOpen` (asked under the lock) says that the table is closed, returns nil and leaves the
    /// caller the block with its one pin. Within an epoch, so that what it returns stays.
    func publish(_ block: CachedBlock, in slot: Slot, isOpen: () -> Bool) -> CachedBlock? {
        let published: CachedBlock? = lock.withLock {
            guard isOpen() else { return nil }
            if let other = slot.load() { return other }
            block.slot = slot
            slot.store(block)
            if block.isSpanned { state.spans.setPublished(block.span, block.object, true) }
            state.statistics.inserts += 1
            BlockCache.account(&state, block, +1)
            return block
        }
        if let published, published.address != block.address { unpin(block) }
        return published
    }

    /// Gives one pin of a cached block back.
    func unpin(_ block: CachedBlock) {
        guard block.unpin() else { return }
        if block.isSpanned {
            lock.withLock { state.spans.give(block.span, block.object, limit: state.spanLimit) }
        } else {
            lock.withLock {
                state.largeBytes -= BlockCache.largeSize(block)
                state.large[block.object] = nil
                state.freeLarge.append(block.object)
            }
            block.deallocate()
        }
    }

    /// Clears `count` slots and lets their blocks go; `close` runs under the lock, before, and keeps further blocks out.
    /// A piece at a time: readers that bring in a block wait for the lock.
    func unlink(_ slots: (Int) -> Slot, count: Int, close: () -> Void) {
        lock.withLock { close() }
        var victims: [CachedBlock] = []
        for start in stride(from: 0, to: count, by: 64) {
            lock.withLock {
                for index in start..<min(start + 64, count) {
                    guard let block = slots(index).load() else { continue }
                    BlockCache.unpublish(&state, block)
                    victims.append(block)
                }
            }
        }
        retire(victims)
    }

    /// Moves the blocks of `count` slots to others, those that are there still; all go where `isOpen` (asked under the
    /// lock) says that the table is closed. A piece at a time, as in `unlink`.
    func move(_ slots: (Int) -> Slot, to others: (Int) -> Slot, count: Int, isOpen: () -> Bool) {
        var victims: [CachedBlock] = []
        for start in stride(from: 0, to: count, by: 64) {
            lock.withLock {
                let isOpen = isOpen()
                for index in start..<min(start + 64, count) {
                    guard let block = slots(index).load() else { continue }
                    let other = others(index)
                    if isOpen, other.load() == nil {
                        slots(index).store(nil)
                        block.slot = other
                        other.store(block)
                    } else {
                        BlockCache.unpublish(&state, block)
                        victims.append(block)
                    }
                }
            }
        }
        retire(victims)
    }

    // MARK: Under the lock

    private static func largeSize(_ block: CachedBlock) -> Int { (block.length + CachedBlock.overhead + 63) & ~63 }

    private static func take(_ state: inout State, _ size: Int, _ length: Int, _ kind: UnitKind) -> CachedBlock? {
        if let sizeClass = CacheSpans.sizeClass(size) {
            guard let object = state.spans.take(sizeClass, limit: state.spanLimit) else { return nil }
            let block = CachedBlock(slotWord: object.address)!
            block.initialize(kind: kind, length: length, isSpanned: true, object: object.object, span: object.span)
            return block
        }
        guard roomForLarge(state, size) else { return nil }
        let block = CachedBlock.allocate(length: length, kind: kind)
        block.object = state.freeLarge.popLast() ?? state.large.count
        if block.object == state.large.count { state.large.append(block) } else { state.large[block.object] = block }
        state.largeBytes += largeSize(block)
        return block
    }

    /// Whether a block larger than a span fits, and is not so large that it would drive out too much.
    private static func roomForLarge(_ state: borrowing State, _ size: Int) -> Bool {
        let used = state.spans.assigned * CacheSpans.spanSize + state.largeBytes + state.charged
        return size <= state.capacity / 4 && used + size + 64 <= state.capacity
    }

    /// Sweeps until there is room for what is needed now, or, where nothing is needed yet, for what comes next.
    private static func makeRoom(
        _ state: inout State, _ size: Int, isNeeded: Bool, _ victims: inout [CachedBlock]
    ) {
        guard let sizeClass = CacheSpans.sizeClass(size) else {
            if isNeeded, size <= state.capacity / 4 { sweep(&state, until: size, &victims) }
            return
        }
        if state.spans.hasRoom(limit: state.spanLimit) { return }
        let count = CacheSpans.counts[sizeClass]
        // Sixteen objects or two spans ahead, but no more than an eighth of a small cache.
        let ahead = min(16, count * 2, max(1, state.spanLimit * count / 8))
        let free = state.spans.freeObjects[sizeClass]
        if free * 2 > ahead, !isNeeded { return }
        sweep(&state, until: (ahead - min(free, ahead) + 1) * CacheSpans.objectSize(sizeClass), &victims)
    }

    /// Sweeps until blocks of `bytes` in all go, at most five times around.
    private static func sweep(_ state: inout State, until bytes: Int, _ victims: inout [CachedBlock]) {
        var gone = 0
        var steps = 5 * (state.spans.spans.count + state.large.count)
        while gone < bytes, steps > 0 {
            steps -= 1
            if state.hand >= state.spans.spans.count + state.large.count { state.hand = 0 }
            gone += sweepOne(&state, state.hand, &victims) { $0.ages() }
            state.hand += 1
        }
    }

    /// Lets blocks at one place of the sweep go where `goes` says so; returns their bytes.
    private static func sweepOne(
        _ state: inout State, _ hand: Int, _ victims: inout [CachedBlock], _ goes: (CachedBlock) -> Bool
    ) -> Int {
        var gone = 0
        if hand >= state.spans.spans.count {
            guard let block = state.large[hand - state.spans.spans.count], block.slot != nil, !block.isPinned,
                goes(block)
            else { return 0 }
            unpublish(&state, block)
            victims.append(block)
            state.statistics.evictions += 1
            return largeSize(block)
        }
        var bits = state.spans.spans[hand].published
        while bits != 0 {
            let block = state.spans.block(hand, bits.trailingZeroBitCount)
            bits &= bits - 1
            if block.isPinned || !goes(block) { continue }
            gone += CacheSpans.objectSize(state.spans.spans[hand].sizeClass)
            unpublish(&state, block)
            victims.append(block)
            state.statistics.evictions += 1
        }
        return gone
    }

    /// Lets everything go that is over the budget.
    private static func shrink(_ state: inout State, _ victims: inout [CachedBlock]) {
        var over = state.spans.assigned - state.spanLimit
        var hand = state.spans.spans.count + state.large.count
        while over > 0, hand > 0 {
            hand -= 1
            if sweepOne(&state, hand, &victims, { _ in true }) > 0 { over -= 1 }
        }
    }

    private static func unpublish(_ state: inout State, _ block: CachedBlock) {
        block.slot?.store(nil)
        block.slot = nil
        if block.isSpanned { state.spans.setPublished(block.span, block.object, false) }
        account(&state, block, -1)
    }

    private static func account(_ state: inout State, _ block: CachedBlock, _ sign: Int) {
        let bytes = sign * memory(of: block, state)
        switch block.kind {
        case .filter: state.statistics.filterBytes += bytes
        case .index: state.statistics.indexBytes += bytes
        default: state.statistics.dataBytes += bytes
        }
    }

    private static func memory(of block: CachedBlock, _ state: borrowing State) -> Int {
        block.isSpanned ? CacheSpans.objectSize(state.spans.spans[block.span].sizeClass) : largeSize(block)
    }

    /// Gives the cache's own pins of unlinked blocks back once no reader can be at them. In pieces that any later call
    /// frees: what is as large as `EpochDomain.largeBytes` would wait for background work, and fills would be refused until
    /// there is some.
    private func retire(_ victims: [CachedBlock]) {
        var rest = victims[...]
        while !rest.isEmpty {
            var (bytes, count) = (0, 0)
            while count < rest.count, count < 64, bytes < EpochDomain.largeBytes / 4 {
                bytes += rest[rest.startIndex + count].length + CachedBlock.overhead
                count += 1
            }
            retire(rest.prefix(count), bytes)
            rest = rest.dropFirst(count)
        }
    }

    private func retire(_ piece: ArraySlice<CachedBlock>, _ bytes: Int) {
        deferred.add(bytes, ordering: .relaxed)
        let addresses = piece.map(\.address)
        EpochDomain.retire(bytes: bytes) {
            for address in addresses { self.unpin(CachedBlock(slotWord: address)!) }
            self.deferred.subtract(bytes, ordering: .relaxed)
        }
    }
}
