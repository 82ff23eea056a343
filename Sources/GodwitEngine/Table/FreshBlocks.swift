internal import Synchronization

/// Data blocks of a table that is being written, in the cache already: what was just written is what will be read, and a
/// node that answers from memory would have to send each of its first reads to the disk.
///
/// They stand in slots of their own, which no reader knows, and may be evicted from there like others. `publish` moves
/// what is left into the slots of the finished table. What was not moved by the end of the object's life (the table was
/// given up) is let go.
@safe
final class FreshBlocks {
    private static let chunkSize = 1024

    private let cache: BlockCache
    /// Slots by unit, in pieces that stay where they are.
    private var chunks: [UnsafeMutablePointer<Atomic<UInt>>] = unsafe []
    private var count = 0

    init(_ cache: BlockCache) { self.cache = cache }

    deinit {
        if count > 0 { cache.unlink({ slot($0) }, count: count) {} }
        for unsafe chunk in unsafe chunks { unsafe chunk.deallocate() }
    }

    private func slot(_ unit: Int) -> Slot {
        unsafe Slot(chunks[unit / Self.chunkSize] + unit % Self.chunkSize)
    }

    /// Copies the content of the next data unit, where the cache takes it.
    func add(_ content: ByteView) {
        if unsafe count == chunks.count * Self.chunkSize {
            let chunk = UnsafeMutablePointer<Atomic<UInt>>.allocate(capacity: Self.chunkSize)
            for index in 0..<Self.chunkSize { unsafe (chunk + index).initialize(to: Atomic(0)) }
            unsafe chunks.append(chunk)
        }
        count += 1
        guard let block = cache.allocate(length: content.count, kind: .data) else { return }
        unsafe block.target.copyMemory(from: content.base, byteCount: content.count)
        // Nobody has read it yet: it goes before what somebody has.
        _ = block.ages()
        EpochDomain.read { _ = cache.publish(block, in: slot(count - 1)) { true } }
    }

    /// Shows readers the blocks, in the slots of the finished table's root.
    func publish(in root: TableRootPointer, isOpen: () -> Bool) {
        precondition(count == root.root.dataUnits)
        cache.move({ slot($0) }, to: { root.root.dataSlot($0) }, count: count, isOpen: isOpen)
        count = 0
    }
}
