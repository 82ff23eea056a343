import Synchronization
import Testing

@testable import GodwitEngine

/// The domain is one for the process: reads of other tests may hold back for a moment what these retire, so that what
/// is to be freed is awaited.
@Suite(.serialized) struct EpochDomainTests {
    /// Counts what was freed.
    private final class Counter: Sendable {
        let value = Atomic<Int>(0)
        func add() { value.add(1, ordering: .relaxed) }
        var count: Int { value.load(ordering: .relaxed) }
    }

    @Test("what nobody reads is freed by the next collect") func collectFrees() {
        let freed = Counter()
        EpochDomain.retire(bytes: 10) { freed.add() }
        EpochDomain.retire(bytes: EpochDomain.largeBytes) { freed.add() }
        #expect(collectRetired(large: false) { freed.count == 1 })
        #expect(collectRetired { freed.count == 2 })
    }

    @Test("a read holds back what is retired during it, also by its own thread") func readerHoldsBack() {
        let freed = Counter()
        EpochDomain.read {
            EpochDomain.retire(bytes: 1000) { freed.add() }
            EpochDomain.collect()
            #expect(freed.count == 0)
            // Other tests retire and free too; these bytes are among what is left.
            #expect(EpochDomain.deferredBytes >= 1000)
        }
        #expect(collectRetired { freed.count == 1 })
    }

    @Test("a read inside a read does not end the outer one") func getInsideGet() {
        let freed = Counter()
        EpochDomain.read {
            EpochDomain.read {}
            EpochDomain.retire(bytes: 1) { freed.add() }
            EpochDomain.read { EpochDomain.collect() }
            EpochDomain.collect()
            #expect(freed.count == 0)
        }
        #expect(collectRetired { freed.count == 1 })
    }

    @Test("a read passes its body's result and error on") func resultsAndErrors() throws {
        struct Failure: Error {}
        #expect(EpochDomain.read { 7 } == 7)
        #expect(throws: Failure.self) { try EpochDomain.read { () throws(Failure) in throw Failure() } }
        let freed = Counter()
        EpochDomain.retire(bytes: 1) { freed.add() }
        #expect(collectRetired { freed.count == 1 })
    }

    @Test("retiring frees small things by itself, so that the backlog stays bounded") func retireCollects() {
        let freed = Counter()
        var retired = 0
        while freed.count == 0, retired < 1_000_000 {
            EpochDomain.retire(bytes: 1) { freed.add() }
            retired += 1
        }
        #expect(freed.count > 0)
        #expect(collectRetired { freed.count == retired })
    }

    @Test("ten thousand threads that read and end share a few slots") func threadsComeAndGo() {
        let sum = Counter()
        for _ in 0..<2500 {
            onThreads(4) { _ in EpochDomain.read { sum.add() } }
        }
        #expect(sum.count == 10_000)
        // The other slots belong to the threads of the test runner.
        #expect(EpochDomain.slotCount < 200)
        let freed = Counter()
        EpochDomain.retire(bytes: 1) { freed.add() }
        #expect(collectRetired { freed.count == 1 })
    }

    @Test("a read that lasts is reported with its age, and only while it lasts") func heldReadIsReported() {
        final class Flags: Sendable {
            let entered = Atomic<Bool>(false)
            let leave = Atomic<Bool>(false)
            let left = Atomic<Bool>(false)
        }
        let flags = Flags()
        onThreads(2) { index in
            if index == 0 {
                EpochDomain.read {
                    flags.entered.store(true, ordering: .releasing)
                    while !flags.leave.load(ordering: .acquiring) {}
                }
                flags.left.store(true, ordering: .releasing)
            } else {
                while !flags.entered.load(ordering: .acquiring) {}
                let start: UInt64 = 1_000_000_000_000
                _ = EpochDomain.oldestHeldNanoseconds(now: start)
                #expect(EpochDomain.oldestHeldNanoseconds(now: start + 2_000_000_000) == 2_000_000_000)
                flags.leave.store(true, ordering: .releasing)
                while !flags.left.load(ordering: .acquiring) {}
                EpochDomain.read {}
                // Another test's read may be there, but not for long.
                #expect(collectRetired { EpochDomain.oldestHeldNanoseconds(now: start + 3_000_000_000) == 0 })
            }
        }
    }

    @Test("readers never see freed memory while writers replace it") func concurrentReplacement() {
        // The cell holds the address of two words that are equal as long as they are alive.
        final class Cell: Sendable {
            let address = Atomic<UInt>(Cell.make(0))
            let stop = Atomic<Bool>(false)
            let freed = Atomic<Int>(0)
            let torn = Atomic<Int>(0)

            static func make(_ value: UInt64) -> UInt {
                let words = UnsafeMutablePointer<UInt64>.allocate(capacity: 2)
                unsafe words[0] = value
                unsafe words[1] = value
                return UInt(bitPattern: words)
            }
        }
        let cell = Cell()
        let replacements = 20_000
        onThreads(4) { index in
            if index == 0 {
                for value in 1...UInt64(replacements) {
                    let old = cell.address.exchange(Cell.make(value), ordering: .acquiringAndReleasing)
                    EpochDomain.retire(bytes: 16) {
                        let words = unsafe UnsafeMutablePointer<UInt64>(bitPattern: old)!
                        unsafe words[0] = .max
                        unsafe words[1] = 0
                        unsafe words.deallocate()
                        cell.freed.add(1, ordering: .relaxed)
                    }
                }
                cell.stop.store(true, ordering: .releasing)
            } else {
                while !cell.stop.load(ordering: .acquiring) {
                    EpochDomain.read {
                        let address = cell.address.load(ordering: .acquiring)
                        let words = unsafe UnsafeMutablePointer<UInt64>(bitPattern: address)!
                        if unsafe words[0] != words[1] { cell.torn.add(1, ordering: .relaxed) }
                    }
                }
            }
        }
        #expect(collectRetired { cell.freed.load(ordering: .relaxed) == replacements })
        #expect(cell.torn.load(ordering: .relaxed) == 0)
        unsafe UnsafeMutablePointer<UInt64>(bitPattern: cell.address.load(ordering: .relaxed))!.deallocate()
    }
}
