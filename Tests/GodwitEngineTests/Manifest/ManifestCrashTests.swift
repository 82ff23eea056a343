import GodwitSimulation
import Testing

@testable import GodwitEngine

/// Crashes and failures at every call. The model: what was acknowledged is there; of one edit whose outcome is open
/// either all or nothing is there; once a later commit has succeeded, an edit that failed is not.
@Suite struct ManifestCrashTests {
    private let directory = "/store"

    /// The edits of a run: two for each number, so that the manifest rotates now and then.
    private func edit(_ number: Int) -> VersionEdit {
        let id = UInt32(number)
        return VersionEdit([
            .createKeyspace(Sample.keyspace(id, "keyspace-\(number)")),
            .addTable(keyspace: id, level: number % 7, Sample.table(UInt64(1000 + number), "a", "k")),
            .end(Sample.point(1, UInt64(number))),
        ])
    }

    private func facts(_ disk: SimulatedFileSystem) throws(EngineError) -> VersionEdit {
        Sample.facts(try ManifestStore.recover(disk, directory).state)
    }

    @Test("a crash at any call of creation, commits, rotation and clean close", arguments: CrashOutcome.allCases)
    func crashAtEveryCall(outcome: CrashOutcome) throws {
        let seed = testSeed("manifest crash")
        var call = 0
        while true {
            call += 1
            let disk = SimulatedFileSystem(seed: seed &+ UInt64(call))
            disk.powerOff(afterCalls: call)
            /// The states that may be found: acknowledged, then attempted. Nil: no store.
            var acknowledged: ManifestState?
            var attempted: ManifestState? = Sample.emptyState
            do throws(EngineError) {
                let store = try ManifestStore.create(
                    disk, directory, state: Sample.emptyState, rotationFloor: 500)
                for number in 1...24 {
                    acknowledged = store.state
                    attempted = store.state
                    try attempted!.apply(edit(number))
                    try store.commit(edit(number))
                }
                acknowledged = store.state
                try attempted!.apply(VersionEdit([.clean]))
                try store.markClean()
                acknowledged = store.state
            } catch {
                #expect(disk.isPowerOff)
            }
            let isOver = !disk.isPowerOff
            disk.crash(outcome)
            disk.clearFaults()
            let possible = [acknowledged, attempted].map { $0.map(Sample.facts) }
            // A second crash right after recovery must find the same.
            for round in 0..<2 {
                do throws(EngineError) {
                    let found = try facts(disk)
                    #expect(possible.contains(found), "seed \(seed), call \(call), round \(round)")
                } catch {
                    #expect(error.code == .notFound && acknowledged == nil, "\(error), seed \(seed), call \(call)")
                }
                disk.crash(outcome)
            }
            // The store, or the directory where its creation failed, can be used.
            let store =
                try disk.exists("\(directory)/CURRENT")
                ? ManifestStore.recover(disk, directory)
                : ManifestStore.create(disk, directory, state: Sample.emptyState)
            let next = try store.commit(edit(100))
            #expect(try disk.list(directory).count == 2, "litter: seed \(seed), call \(call)")
            disk.crash(outcome)
            #expect(try facts(disk) == Sample.facts(next), "seed \(seed), call \(call)")
            if isOver { break }
        }
        #expect(call > 70)
    }

    @Test("any call that fails leaves a store that goes on, and failed edits never come back")
    func failureAtEveryCall() throws {
        let seed = testSeed("manifest failures")
        for times in [1, 3] {
            for kind in [CallKind.open, .write, .sync, .rename, .syncDirectory, .remove, .exists] {
                for call in 1...30 {
                    let disk = SimulatedFileSystem(seed: seed &+ UInt64(call))
                    let store = try ManifestStore.create(
                        disk, directory, state: Sample.emptyState, rotationFloor: 500)
                    disk.inject(Fault(.error(ioError), on: kind, atCall: call, times: times))
                    var open: [VersionEdit] = []
                    for number in 1...16 {
                        let before = Sample.facts(store.state)
                        var attempted = store.state
                        try attempted.apply(edit(number))
                        var possible = [Sample.facts(attempted)]
                        do throws(EngineError) {
                            try store.commit(edit(number))
                        } catch {
                            #expect(error.code == .io)
                            #expect(Sample.facts(store.state) == before)
                            // As long as no commit succeeds, any that failed may be what a crash leaves.
                            possible = [before] + open + (store.isUnsettled ? possible : [])
                        }
                        open = store.isUnsettled ? possible : []
                        let copy = disk.clone(seed: UInt64(number))
                        copy.crash()
                        #expect(try possible.contains(facts(copy)), "seed \(seed), \(kind) \(call), edit \(number)")
                    }
                }
            }
        }
    }

    @Test("a process that is killed and restarted over and over loses nothing when the power goes at last")
    func killsThenPowerLoss() throws {
        let seed = testSeed("manifest kills")
        let random = SeededRandom(seed: seed)
        let disk = SimulatedFileSystem(seed: seed)
        var acknowledged = try ManifestStore.create(disk, directory, state: Sample.emptyState).state
        var number = 0
        for round in 0..<150 {
            // A kill: handles are just dropped, the page cache stays. Now and then one commit fails before it.
            let store = try ManifestStore.recover(disk, directory, rotationFloor: 800)
            for _ in 0...random.below(4) {
                number += 1
                acknowledged = try store.commit(edit(number))
            }
            if random.chance(1, in: 3) {
                disk.inject(Fault(.error(ioError), on: .sync, .rename, .syncDirectory, atCall: 1))
                number += 1
                if (try? store.commit(edit(number))) != nil { acknowledged = store.state }
                disk.clearFaults()
                disk.evictDroppedPages()
                let open = Sample.facts(try ManifestStore.recover(disk, directory, readOnly: true).state)
                let store = try ManifestStore.recover(disk, directory)
                acknowledged = try store.commit(VersionEdit([.lastStamp(UInt64(round))]))
                #expect(Sample.facts(acknowledged).changes.count >= open.changes.count)
            }
            if random.chance(1, in: 4) { try closeClean(&acknowledged, disk) }
            if random.chance(1, in: 3) { disk.crash() }
            #expect(try facts(disk) == Sample.facts(acknowledged), "seed \(seed), round \(round)")
        }
    }

    private func closeClean(_ acknowledged: inout ManifestState, _ disk: SimulatedFileSystem) throws {
        let store = try ManifestStore.recover(disk, directory)
        try store.markClean()
        acknowledged = store.state
    }
}
