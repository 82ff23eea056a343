internal import CLinuxIO
internal import Synchronization

/// Keeps memory that lock-free readers may be using from being freed under them: one domain for the process.
///
/// 1. A reader stores the current epoch in its thread's slot, reads, and clears the slot.
/// 2. Whoever replaces something first makes it unreachable and then *retires* it: it is tagged with the epoch.
/// 3. `collect` raises the epoch and frees what was retired in an epoch below every slot's.
///
/// Why that is enough: a slot above a tag was filled after the epoch had been raised past that tag, under the same
/// lock as the retiring, so its reader sees the thing unreachable. A slot filled after `collect` looked at it is
/// no danger either: filling it is sequentially consistent, so the reads that follow it see the replacement.
///
/// A slot belongs to one thread from its first read to its exit, and is then reused; slots are never freed.
enum EpochDomain {
    /// The epoch readers enter. Slots hold 0 while quiet, so it starts at 1.
    private static let epoch = Atomic<UInt64>(1)
    /// The newest slot's address; slots are linked and never unlinked.
    private static let slots = Atomic<UInt>(0)
    private static let deferred = Atomic<Int>(0)
    private static let state = Locked(State())

    /// Runs `body` while everything it can reach stays allocated. May be nested; must not wait for other threads.
    @inline(__always)
    static func read<R: ~Copyable, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
        let slot = enter()
        defer { leave(slot) }
        return try body()
    }

    /// Begins a read that `leave` ends, on the same thread; `read` does both.
    @inline(__always)
    static func enter() -> Slot {
        let slot = unsafe Slot(godwit_thread_slot() ?? register())
        if slot.depth == 0 {
            // The store must come before every load of the body: sequentially consistent, an `xchg`.
            unsafe slot.entered.pointee.store(epoch.load(ordering: .acquiring), ordering: .sequentiallyConsistent)
        }
        slot.depth &+= 1
        return slot
    }

    /// Ends a read.
    @inline(__always)
    static func leave(_ slot: Slot) {
        slot.depth &-= 1
        if slot.depth == 0 { unsafe slot.entered.pointee.store(0, ordering: .releasing) }
    }

    /// Frees something by `free` once no reader can be using it. It must be unreachable for new readers already.
    /// `bytes` is how much memory it holds back. Small things may be freed by this very call, on this thread; things of
    /// `largeBytes` or more (unmapping takes long) only by `collect`.
    static func retire(bytes: Int, _ free: @Sendable @escaping () -> Void) {
        deferred.add(bytes, ordering: .relaxed)
        let due = state.withLock { state in
            let item = Retired(tag: epoch.load(ordering: .relaxed), bytes: bytes, free: free)
            if bytes >= largeBytes {
                state.large.append(item)
                return false
            }
            state.small.append(item)
            state.sinceCollect.count += 1
            state.sinceCollect.bytes += bytes
            return state.sinceCollect.count >= 64 || state.sinceCollect.bytes >= largeBytes
        }
        if due { collect(large: false) }
    }

    /// What `retire` leaves to `collect`.
    static let largeBytes = 1 << 20

    /// Frees what no reader can be using any more; `large` says whether that includes what takes long to free.
    static func collect(large: Bool = true) {
        var free: [Retired] = []
        state.withLock { state in
            epoch.add(1, ordering: .sequentiallyConsistent)
            state.sinceCollect = (0, 0)
            var oldest = UInt64.max
            forEachSlot { slot in
                let entered = unsafe slot.entered.pointee.load(ordering: .sequentiallyConsistent)
                if entered != 0 { oldest = min(oldest, entered) }
            }
            state.small.removeAll(before: oldest, into: &free)
            if large { state.large.removeAll(before: oldest, into: &free) }
        }
        for item in free {
            item.free()
            deferred.subtract(item.bytes, ordering: .relaxed)
        }
    }

    /// Whether the calling thread is inside a read.
    static var isReading: Bool {
        if let own = unsafe godwit_thread_slot() { return unsafe Slot(own).depth > 0 }
        return false
    }

    /// Waits until every read that was running when the call began has ended: what was unreachable before the call may
    /// then be freed. False when the calling thread is inside a read itself, or when reads go on for more than a
    /// millisecond or two.
    ///
    /// The wait is for threads of this process, which no executor orders: so it alone is not made through one, and what
    /// follows it in a simulation does not depend on who else runs in the process.
    static func waitForReaders() -> Bool {
        if isReading { return false }
        let before = epoch.add(1, ordering: .sequentiallyConsistent).oldValue
        for attempt in 0..<20 {
            var isRunning = false
            forEachSlot { slot in
                let entered = unsafe slot.entered.pointee.load(ordering: .sequentiallyConsistent)
                if entered != 0, entered <= before { isRunning = true }
            }
            if !isRunning { return true }
            if attempt >= 10 { godwit_pause(100_000) } else { godwit_pause(0) }
        }
        return false
    }

    /// How many bytes have been retired and not yet freed.
    static var deferredBytes: Int { deferred.load(ordering: .relaxed) }

    /// For how long the longest running read has been seen running, at monotonic time `now`. A read counts from the
    /// first call that sees it, so that readers need no clock: call this a few times a second.
    static func oldestHeldNanoseconds(now: UInt64) -> UInt64 {
        state.withLock { _ in
            // Raised first: a read that was entered before has a value that no later read can get again, so that equal
            // values in two calls mean one and the same read.
            let before = epoch.add(1, ordering: .sequentiallyConsistent).oldValue
            var longest: UInt64 = 0
            forEachSlot { slot in
                let entered = unsafe slot.entered.pointee.load(ordering: .sequentiallyConsistent)
                guard entered != 0, entered <= before else { return }
                if slot.seenEntered == entered {
                    longest = max(longest, now > slot.seenAt ? now - slot.seenAt : 0)
                } else {
                    slot.seenEntered = entered
                    slot.seenAt = now
                }
            }
            return longest
        }
    }

    /// How many slots exist: the most threads that ever had one at once.
    static var slotCount: Int {
        var count = 0
        forEachSlot { _ in count += 1 }
        return count
    }

    /// One thread's place, alone on its pair of cache lines. Fields are reached one by one: a collector reads one while
    /// the owner changes another.
    @safe
    struct Slot {
        private let memory: UnsafeMutableRawPointer

        @inline(__always)
        init(_ memory: UnsafeMutableRawPointer) { unsafe self.memory = memory }

        /// An empty slot, linked to the one registered before it.
        init(next: UInt) {
            unsafe memory = .allocate(byteCount: 128, alignment: 128)
            unsafe memory.initializeMemory(as: UInt64.self, repeating: 0, count: 16)
            unsafe memory.bindMemory(to: Atomic<UInt64>.self, capacity: 1).initialize(to: Atomic(0))
            unsafe memory.storeBytes(of: next, toByteOffset: 40, as: UInt.self)
        }

        var address: UInt { unsafe UInt(bitPattern: memory) }

        /// The epoch that the running read entered in; 0 when there is none.
        @inline(__always)
        var entered: UnsafeMutablePointer<Atomic<UInt64>> {
            unsafe memory.assumingMemoryBound(to: Atomic<UInt64>.self)
        }

        /// How many reads are nested; the owner's alone.
        @inline(__always)
        var depth: UInt64 {
            get { field(8) }
            nonmutating set { setField(8, newValue) }
        }

        /// Whether a thread owns the slot; guarded by `state`.
        var isOwned: Bool {
            get { field(16) != 0 }
            nonmutating set { setField(16, newValue ? 1 : 0) }
        }

        /// The read that `oldestHeldNanoseconds` saw last; guarded by `state`.
        var seenEntered: UInt64 {
            get { field(24) }
            nonmutating set { setField(24, newValue) }
        }

        /// When `oldestHeldNanoseconds` saw that read first; guarded by `state`.
        var seenAt: UInt64 {
            get { field(32) }
            nonmutating set { setField(32, newValue) }
        }

        /// The address of the slot registered before this one, or 0; never changes.
        var next: UInt { UInt(field(40)) }

        @inline(__always)
        private func field(_ offset: Int) -> UInt64 { unsafe memory.load(fromByteOffset: offset, as: UInt64.self) }

        @inline(__always)
        private func setField(_ offset: Int, _ value: UInt64) {
            unsafe memory.storeBytes(of: value, toByteOffset: offset, as: UInt64.self)
        }
    }

    private struct Retired {
        let tag: UInt64
        let bytes: Int
        let free: @Sendable () -> Void
    }

    /// Retired things in the order of their tags.
    private struct Queue {
        var items: [Retired] = []

        mutating func append(_ item: Retired) { items.append(item) }

        mutating func removeAll(before oldest: UInt64, into freed: inout [Retired]) {
            let end = items.firstIndex { $0.tag >= oldest } ?? items.count
            freed.append(contentsOf: items[..<end])
            items.removeFirst(end)
        }
    }

    private struct State {
        var small = Queue()
        var large = Queue()
        var sinceCollect = (count: 0, bytes: 0)
    }

    /// Gives the calling thread a slot: one that an exited thread returned, or a new one.
    @inline(never)
    @unsafe private static func register() -> UnsafeMutableRawPointer {
        let address = state.withLock { _ -> UInt in
            unsafe godwit_thread_slot_on_exit { unsafe EpochDomain.unregister($0) }
            var free: Slot?
            forEachSlot { slot in
                if !slot.isOwned { free = slot }
            }
            let slot = free ?? Slot(next: slots.load(ordering: .relaxed))
            slot.isOwned = true
            if free == nil { slots.store(slot.address, ordering: .releasing) }
            return slot.address
        }
        let memory = unsafe UnsafeMutableRawPointer(bitPattern: address)!
        unsafe godwit_thread_slot_set(memory)
        return unsafe memory
    }

    /// Takes back an exiting thread's slot. A destructor that reads after this one registers the thread again.
    @unsafe private static func unregister(_ memory: UnsafeMutableRawPointer?) {
        guard let memory = unsafe memory else { return }
        let slot = unsafe Slot(memory)
        godwit_thread_slot_set(nil)
        precondition(slot.depth == 0, "a thread ended inside a read")
        state.withLock { _ in slot.isOwned = false }
    }

    private static func forEachSlot(_ body: (Slot) -> Void) {
        var address = slots.load(ordering: .acquiring)
        while let memory = unsafe UnsafeMutableRawPointer(bitPattern: address) {
            let slot = unsafe Slot(memory)
            body(slot)
            address = slot.next
        }
    }
}
