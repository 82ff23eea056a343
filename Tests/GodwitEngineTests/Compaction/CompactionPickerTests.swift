import GodwitSimulation
import Testing

@testable import GodwitEngine

@Suite struct CompactionPickerTests {
    private func options() -> CompactionOptions {
        var options = CompactionOptions()
        options.baseBytes = 4000
        options.tableBytes = 1000
        options.inputBytes = 60_000
        options.grandparentBytes = 10_000
        return options
    }

    private func key(_ number: Int) -> [UInt8] { [UInt8(number >> 8), UInt8(number & 0xFF)] }

    private func table(_ number: UInt64, _ low: Int, _ high: Int, size: UInt64) -> TableMeta {
        var table = Sample.table(number, "", "", size: size)
        table.smallestKey = key(low)
        table.largestKey = key(high)
        return table
    }

    private func randomVersion(_ random: SeededRandom) throws -> Version {
        var version = Version()
        var number: UInt64 = 1
        for level in 0..<Version.levelCount {
            var tables: [TableMeta] = []
            if level == 0 {
                for index in 0..<random.below(10) {
                    let low = random.below(500)
                    var made = table(number, low, low + random.below(500), size: UInt64(random.within(1...1500)))
                    (made.minSequence, made.maxSequence) = (UInt64(index * 10 + 500), UInt64(index * 10 + 509))
                    tables.append(made)
                    number += 1
                }
            } else if random.chance(2, in: 3) {
                var low = random.below(100)
                while low < 900, tables.count < 4 * level * level {
                    let high = low + random.below(60)
                    var made = table(number, low, high, size: UInt64(random.within(1...1500)))
                    if random.chance(1, in: 6) { made.tombstones = UInt64(random.below(101)) }
                    if random.chance(1, in: 12) { made.rangeTombstones = 1 }
                    if random.chance(1, in: 6) {
                        made.expiring = UInt64(random.below(101))
                        (made.minDeadline, made.maxDeadline) = (10, 10 + UInt64(random.below(900_000)))
                    }
                    tables.append(made)
                    number += 1
                    low = high + 1 + random.below(40)
                }
            }
            version = try version.replacing(level, with: tables)
        }
        return version
    }

    /// What must be true of any plan.
    private func check(_ plan: CompactionPlan, _ version: Version, _ context: CompactionContext) {
        #expect(!plan.tables.isEmpty)
        #expect(!plan.tables.contains(where: context.isBusy))
        let numbers = Set(plan.tables.map(\.number))
        for input in plan.inputs {
            #expect(input.tables.allSatisfy(version.levels[input.level].tables.contains))
            #expect(input.level <= plan.outputLevel)
        }
        if plan.action == .drop { return }
        if plan.outputLevel > 0 {
            // Everything in the way at the output level is taken, and levels that are passed by are empty there.
            let first = plan.inputs[0].level
            for level in (first + 1)...max(first + 1, plan.outputLevel) where level <= plan.outputLevel {
                let spans = plan.action == .move ? plan.tables.map(\.span) : [plan.span]
                for span in spans {
                    #expect(version.levels[level].overlapping(span).allSatisfy { numbers.contains($0.number) })
                }
            }
        }
        if let level0 = plan.inputs.first, level0.level == 0 {
            let tables = version.levels[0].tables
            let places = level0.tables.map { table in tables.firstIndex(of: table)! }
            if plan.outputLevel == 0 {
                #expect(places == Array(places[0]..<places[0] + places.count), "neighbours only")
            } else {
                // No table that stays is older than, and overlaps, one that goes.
                for place in places {
                    for older in tables[(place + 1)...] where !numbers.contains(older.number) {
                        #expect(!older.span.overlaps(tables[place].span))
                    }
                }
            }
        }
        // What may hold older versions: all that is lower, and in level 0 all that is older.
        let known = Set(plan.older.flatMap { $0.map(\.number) })
        for level in version.levels[(plan.outputLevel + 1)...] {
            for table in level.overlapping(plan.span) { #expect(known.contains(table.number)) }
        }
        #expect(known.isDisjoint(with: numbers))
    }

    @Test("any plan for any tables is a right one, and carrying plans out comes to an end")
    func randomVersions() throws {
        let seed = testSeed("picker")
        let random = SeededRandom(seed: seed)
        for round in 0..<300 {
            var version = try randomVersion(random)
            var context = CompactionContext()
            context.now = UInt64(random.below(2_000_000))
            if random.chance(1, in: 3) { context.oldestBarrier = UInt64(random.below(600)) }
            var options = options()
            if random.chance(1, in: 4) { options.inputBytes = 3000 }
            // With tables taken by others: any number of plans side by side never share a table.
            var parallel = context
            var running: [CompactionPlan] = []
            while let plan = CompactionPicker(version, options, parallel).pick() {
                check(plan, version, parallel)
                running.append(plan)
                parallel = CompactionContext(
                    now: context.now, oldestBarrier: context.oldestBarrier, running: running)
            }
            var nextNumber: UInt64 = 10_000
            var steps = 0
            while let plan = CompactionPicker(version, options, context).pick() {
                check(plan, version, context)
                version = try CompactionScript.apply(plan, to: version, nextNumber: &nextNumber)
                steps += 1
                if steps > 2000 {
                    Issue.record(
                        "no end: seed \(seed), round \(round), \(plan.reason) \(plan.action) L\(plan.outputLevel)")
                    break
                }
            }
            #expect(version.levels[0].tables.count < options.level0Limit)
            let pressure = CompactionPressure(version, options)
            #expect(pressure.level0Tables == version.levels[0].tables.count)
        }
    }

    @Test("plans that run side by side can be carried out in any order")
    func parallelPlans() throws {
        let seed = testSeed("parallel plans")
        let random = SeededRandom(seed: seed)
        for _ in 0..<300 {
            var version = try randomVersion(random)
            let options = options()
            let manual = ManualCompaction(
                range: KeyRange(from: key(random.below(900))), through: .max, firstNumber: 10_000)
            var running: [CompactionPlan] = []
            var nextNumber: UInt64 = 10_000
            for _ in 0..<60 {
                let picker = CompactionPicker(version, options, CompactionContext(running: running))
                if running.count < 4, let plan = random.chance(1, in: 3) ? picker.pick(manual) : picker.pick() {
                    check(plan, version, picker.context)
                    running.append(plan)
                } else if !running.isEmpty {
                    let plan = running.remove(at: random.below(running.count))
                    version = try CompactionScript.apply(plan, to: version, nextNumber: &nextNumber)
                }
            }
        }
    }

    @Test("a manual compaction ends with its range in one level, and every step is a right one")
    func manualEnds() throws {
        let seed = testSeed("manual")
        let random = SeededRandom(seed: seed)
        for _ in 0..<200 {
            var version = try randomVersion(random)
            let low = random.below(900)
            let manual = ManualCompaction(
                range: KeyRange(from: key(low), to: key(low + random.below(500))), through: .max, firstNumber: 10_000)
            var nextNumber: UInt64 = 10_000
            var steps = 0
            while let plan = CompactionPicker(version, options(), CompactionContext()).pick(manual), steps < 1000 {
                check(plan, version, CompactionContext())
                version = try CompactionScript.apply(plan, to: version, nextNumber: &nextNumber)
                steps += 1
            }
            #expect(steps < 1000, "seed \(seed)")
            #expect(CompactionPicker(version, options(), CompactionContext()).isManualDone(manual))
            #expect(version.levels.filter { !$0.overlapping(manual.range).isEmpty }.count <= 1, "seed \(seed)")
        }
    }

    @Test("pressure grows with every table of level 0, by no more than a compaction of it costs")
    func pressureIsSmooth() throws {
        var version = Version()
        version = try version.replacing(6, with: [table(1, 0, 900, size: 3000)])
        var last: UInt64 = 0
        for count in 0..<16 {
            let tables = (0..<count).map { index in
                var made = table(UInt64(index + 2), 0, 900, size: 1000)
                (made.minSequence, made.maxSequence) = (UInt64(index), UInt64(index))
                return made
            }
            version = try version.replacing(0, with: tables)
            let debt = CompactionPressure(version, options()).debtBytes
            #expect(count == 0 ? debt == 0 : debt > last && debt - last <= 4000)
            last = debt
        }
    }

    @Test("older versions are told key by key, as a look at every table would")
    func olderKeys() throws {
        let random = SeededRandom(seed: testSeed("older keys"))
        for _ in 0..<200 {
            let version = try randomVersion(random)
            guard let plan = CompactionPicker(version, options(), CompactionContext()).pick() else { continue }
            var older = OlderKeys(plan)
            for number in 0..<1000 {
                let key = key(number)
                let span = KeySpan(smallest: key, largest: key)
                let expected = plan.older.contains { $0.contains { $0.span.overlaps(span) } }
                #expect(key.withView { older.mayHold($0) } == expected)
                #expect(older.mayHold(from: key, to: key + [0]) == expected)
            }
        }
    }

    @Test("outputs are cut where they would overlap too much of the level below")
    func outputCutter() {
        let grandparents = (0..<20).map { table(UInt64($0 + 1), $0 * 10, $0 * 10 + 5, size: 100) }
        let plan = CompactionPlan(
            reason: .levelSize, action: .merge, inputs: [], outputLevel: 4, grandparents: grandparents, older: [],
            outputTableBytes: 1000, grandparentBytes: 400)
        var cutter = OutputCutter(plan)
        let cuts = (0..<200).filter { number in key(number).withView { cutter.shouldCut(before: $0) } }
        #expect(cuts == [46, 96, 146, 196])
    }
}
