internal import CLinuxIO
internal import Synchronization

/// Counts cache hits without a shared write: sixteen stripes, a thread keeping to one of them. Two threads in one
/// stripe may lose counts to each other, so the sums are close, not exact.
///
/// A value, not an object: readers of tables copy it, so that counting retains nothing. The cache frees the memory.
@safe
struct HitCounters: @unchecked Sendable {
    private static let stripes = 16
    /// Words of a stripe: two cache lines, so that neighbours do not share what the processor fetches in pairs.
    private static let stride = 16
    private let words: UnsafeMutablePointer<Atomic<UInt64>>

    init() {
        let count = HitCounters.stripes * HitCounters.stride
        let memory = UnsafeMutableRawPointer.allocate(byteCount: count * 8, alignment: 128)
        unsafe words = memory.bindMemory(to: Atomic<UInt64>.self, capacity: count)
        for index in 0..<count { unsafe (words + index).initialize(to: Atomic(0)) }
    }

    func deallocate() { unsafe words.deallocate() }

    /// Counts a hit of each kind that a point read that found everything resident makes.
    @inline(__always)
    func countHits(filter: Bool, index: Bool, data: Bool) {
        // Threads have epoch slots 128 bytes apart, so the address tells threads apart.
        let thread = UInt(bitPattern: unsafe godwit_thread_slot()) &>> 7
        let stripe = unsafe words + Int(thread & 15) &* HitCounters.stride
        if filter { unsafe HitCounters.bump(stripe + Int(UnitKind.filter.rawValue)) }
        if index { unsafe HitCounters.bump(stripe + Int(UnitKind.index.rawValue)) }
        if data { unsafe HitCounters.bump(stripe + Int(UnitKind.data.rawValue)) }
    }

    @inline(__always)
    @unsafe private static func bump(_ word: UnsafeMutablePointer<Atomic<UInt64>>) {
        unsafe word.pointee.store(word.pointee.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
    }

    /// About how many hits of a kind there were.
    func total(_ kind: UnitKind) -> UInt64 {
        var sum: UInt64 = 0
        for stripe in 0..<HitCounters.stripes {
            let word = unsafe words + stripe * HitCounters.stride + Int(kind.rawValue)
            sum &+= unsafe word.pointee.load(ordering: .relaxed)
        }
        return sum
    }
}
