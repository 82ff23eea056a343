#if !DEBUG
    import Glibc
    import Testing

    @testable import GodwitEngine

    /// Prints what operations cost; release builds only. A million keys of 16 bytes with values of 100.
    @Suite(.serialized) struct MemtableMeasurements {
        private let count = 1_000_000

        /// Prints nanoseconds an operation, of `operations` that `body` does: of processor time, as others want it too.
        private func measure(_ name: String, _ operations: Int, _ body: () -> Void) {
            func now() -> Double {
                var time = timespec()
                unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
                return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
            }
            let start = now()
            body()
            let nanoseconds = now() - start
            let tenths = Int(nanoseconds / Double(operations) * 10)
            print("memtable \(name): \(tenths / 10).\(tenths % 10) ns")
        }

        /// Sixteen bytes that look random and come back for the same number.
        private func fill(_ words: UnsafeMutablePointer<UInt64>, _ number: Int) {
            var mixed = UInt64(number) &* 0x9E37_79B9_7F4A_7C15
            mixed ^= mixed >> 29
            unsafe words[0] = mixed &* 0xBF58_476D_1CE4_E5B9
            unsafe words[1] = UInt64(number)
        }

        @Test("insert, find and iterate a million entries") func million() throws {
            let pool = ArenaPool(limit: 512 << 20)
            try million("first memory: ", pool)
            try million("", pool)
        }

        private func million(_ prefix: String, _ pool: ArenaPool) throws {
            let seed: UInt64 = 42
            let memtable = Memtable(capacity: 256 << 20, hashSeed: seed, pool: pool)
            let words = UnsafeMutablePointer<UInt64>.allocate(capacity: 2)
            defer { unsafe words.deallocate() }
            let key = unsafe ByteView(words, count: 16)
            let value = [UInt8](repeating: 7, count: 100)
            value.withView { value in
                measure("\(prefix)insert", count) {
                    for number in 0..<count {
                        unsafe fill(words, number)
                        memtable.insert(
                            key: key, hash: key.hash(seed: seed), sequence: UInt64(number + 1), kind: .put,
                            deadline: 0, value: value)
                    }
                }
            }
            var random = TestRandom(seed: 1)
            var found = 0
            measure("\(prefix)find, random", count) {
                for _ in 0..<count {
                    unsafe fill(words, random.below(count))
                    if let entry = memtable.find(key, hash: key.hash(seed: seed), at: .max) {
                        found += Int(entry.value[99])
                    }
                }
            }
            #expect(found == 7 * count)
            // Each key depends on the value found before, so that nothing overlaps.
            measure("\(prefix)find, each after the other", count) {
                var last = 0
                for _ in 0..<count {
                    unsafe fill(words, (random.below(count) &+ last) % count)
                    last = Int(memtable.find(key, hash: key.hash(seed: seed), at: .max)!.value[99]) - 7
                }
            }
            measure("\(prefix)find, absent", count) {
                for number in 0..<count {
                    unsafe fill(words, count + number)
                    if memtable.find(key, hash: key.hash(seed: seed), at: .max) != nil { found += 1 }
                }
            }
            var iterator: (any EntryIterator)?
            measure("\(prefix)sort for the first iterator", count) { iterator = memtable.iterator() }
            var rows = 0
            try walk("\(prefix)iterate", iterator!, count, &rows)
            #expect(rows == count)
            measure("\(prefix)overwrite", count) {
                for number in 0..<count {
                    unsafe fill(words, random.below(count))
                    value.withView {
                        memtable.insert(
                            key: key, hash: key.hash(seed: seed), sequence: UInt64(count + number + 1), kind: .put,
                            deadline: 0, value: $0)
                    }
                }
            }
            measure("\(prefix)sort and merge with the first run", 2 * count) { iterator = memtable.iterator() }
            print("memtable bytes: \(memtable.bytesUsed) used, \(memtable.orderedBytes) in runs")
        }

        @Test("the same with keys alike in their first 24 bytes") func sharedPrefix() throws {
            let memtable = Memtable(capacity: 256 << 20, hashSeed: 1)
            var bytes = Array("tenant/0001/table/users/".utf8) + Array(repeating: 0, count: 8)
            for number in 0..<count {
                // Two tenants, so that no prefix is common to all.
                bytes[10] = UInt8(48 + number & 1)
                let mixed = UInt64(number) &* 0x9E37_79B9_7F4A_7C15
                for index in 0..<8 { bytes[24 + index] = UInt8(truncatingIfNeeded: mixed >> UInt64(8 * index)) }
                bytes.withView { key in
                    memtable.insert(
                        key: key, hash: key.hash(seed: 1), sequence: UInt64(number + 1), kind: .put, deadline: 0,
                        value: key)
                }
            }
            var iterator: (any EntryIterator)?
            measure("sort, shared prefixes", count) { iterator = memtable.iterator() }
            var rows = 0
            try walk("iterate, shared prefixes", iterator!, count, &rows)
            #expect(rows == count)
        }

        @Test("merging ten runs") func merge() throws {
            let memtables = (0..<10).map { _ in Memtable(capacity: 32 << 20, hashSeed: 1) }
            let words = UnsafeMutablePointer<UInt64>.allocate(capacity: 2)
            defer { unsafe words.deallocate() }
            for number in 0..<count {
                unsafe fill(words, number)
                let key = unsafe ByteView(words, count: 16)
                memtables[number % 10].insert(
                    key: key, hash: key.hash(seed: 1), sequence: UInt64(number + 1), kind: .put, deadline: 0,
                    value: key)
            }
            for children in [1, 2, 4, 10] {
                let iterators = memtables[..<children].map { $0.iterator() }
                var rows = 0
                try walk("merge of \(children)", MergingIterator(iterators), children * count / 10, &rows)
                #expect(rows == children * count / 10)
            }
        }

        @Test("an epoch") func epoch() {
            var sum = 0
            measure("epoch enter and leave", count) {
                for number in 0..<count { EpochDomain.read { sum &+= number } }
            }
            #expect(sum != 0)
        }

        private func walk(_ name: String, _ iterator: any EntryIterator, _ total: Int, _ rows: inout Int) throws {
            var failure: (any Error)?
            var (count, sum) = (0, 0)
            measure(name, total) {
                do {
                    try iterator.seekToFirst()
                    while let entry = iterator.current {
                        count += 1
                        sum &+= entry.key.count
                        try iterator.next()
                    }
                } catch { failure = error }
            }
            if let failure { throw failure }
            #expect(sum > 0)
            rows = count
        }
    }
#endif
