import Glibc
import GodwitSimulation
import Testing

@testable import GodwitEngine

@Suite("A disk that fails, fills up or runs out of files")
struct FaultTests {
    /// Writes, flushes and compacts; errors of the disk are let pass. Returns the errors that writers got.
    private func work(_ ledger: Ledger, _ engine: Engine, rounds: Int = 4) -> [EngineError] {
        var errors: [EngineError] = []
        for round in 0..<rounds {
            for index in 0..<5 {
                if let error = failure({ () throws(EngineError) in try ledger.put(engine, "k\(index)", "v\(round)-\(index)") }) {
                    errors.append(error)
                    // Refused: nothing was written. Anything else leaves it open what was.
                    if error.code != .diskFull { return errors }
                    ledger.forgetOpen()
                }
            }
            if let error = failure({ () throws(EngineError) in try engine.flush() }) { errors.append(error) }
            if let error = failure({ () throws(EngineError) in try engine.compact() }) { errors.append(error) }
            if let error = failure({ () throws(EngineError) in
                try ledger.put(engine, "big", String(repeating: "\(round)", count: 60_000))
            }) {
                errors.append(error)
                if error.code != .diskFull { return errors }
                ledger.forgetOpen()
            }
        }
        return errors
    }

    @Test("a disk that is full at any write refuses with a clear error, keeps reads, and goes on when space returns")
    func diskFullAtEveryNthWriteThenSpaceReturns() throws {
        for kind in [CallKind.write, .open] {
            var call = 1
            while true {
                let world = World(seed: UInt64(call))
                let engine = try world.open()
                let ledger = Ledger()
                try ledger.put(engine, "first", "kept")
                let before = world.disk.callCount(of: kind)
                world.disk.inject(Fault(.error(ENOSPC), on: kind, atCall: call, times: 12))
                let errors = work(ledger, engine)
                #expect(errors.allSatisfy { $0.code == .diskFull }, "\(kind) \(call): \(errors)")
                // A read opens a file too.
                if kind == .write { #expect(try engine.text("first") == "kept") }
                let isPast = world.disk.callCount(of: kind) - before < call
                world.disk.clearFaults()
                world.settle()
                let refusal = failure { () throws(EngineError) in try ledger.put(engine, "after", "space") }
                #expect(refusal?.message == nil, "\(kind) \(call): \(errors)")
                #expect(failure { () throws(EngineError) in try engine.flush() } == nil, "flush after \(kind) \(call)")
                #expect(failure { () throws(EngineError) in try engine.compact() } == nil, "compact after \(kind) \(call)")
                try ledger.check(engine, "\(kind) \(call)")
                world.settle()
                #expect(world.orphans(engine) == [], "\(kind) \(call)")
                if call % 2 == 0 { try engine.close() }
                world.crash()
                try ledger.check(try world.open(), "\(kind) \(call), opened again")
                if isPast { break }
                call += call < 30 ? 1 : 5
            }
            #expect(call > 10)
        }
    }

    @Test("a disk that is really full holds writers back with an error and lets them go on when it grows")
    func diskFull() throws {
        let world = World(seed: 3)
        var options = EngineOptions.small
        options.diskReserve = 64 << 10
        let engine = try world.open(options)
        let ledger = Ledger()
        try ledger.put(engine, "first", "kept")
        world.disk.capacity = world.disk.usedSpace + 600_000
        let random = SeededRandom(seed: 3)
        var refused = 0
        for index in 0..<400 {
            if let error = failure({ () throws(EngineError) in
                try ledger.put(engine, "k\(index)", random.bytes(2500).map { String($0, radix: 16) }.joined())
            }) {
                #expect(error.code == .diskFull, "\(error)")
                ledger.forgetOpen()
                refused += 1
            }
        }
        #expect(refused > 0)
        try ledger.check(engine, "full")
        world.disk.capacity = nil
        world.settle()
        for index in 0..<400 { try ledger.put(engine, "k\(index)", "w") }
        try engine.compact()
        try ledger.check(engine, "with space")
        world.crash()
        try ledger.check(try world.open(options), "opened again")
    }

    @Test("a full disk met by the manifest loses nothing, then or after a crash")
    func diskFullOnManifest() throws {
        for kind in [CallKind.write, .sync, .open, .rename, .syncDirectory] {
            for number in [ENOSPC, EIO] {
                for call in 1...4 {
                    for crashes in [false, true] {
                        let world = World(seed: UInt64(call))
                        var engine = try world.open()
                        let ledger = Ledger()
                        for index in 0..<50 { try ledger.put(engine, "k\(index)", "v") }
                        for path in ["MANIFEST-", ".tmp", "CURRENT", "/store"] {
                            let suffix = path == "MANIFEST-" ? world.manifest : path
                            world.disk.inject(Fault(.error(number), on: kind, path: suffix, atCall: call, times: 2))
                        }
                        let context = "\(kind) \(call), error \(number), \(crashes ? "crash" : "no crash")"
                        _ = failure { () throws(EngineError) in try engine.flush() }
                        _ = failure { () throws(EngineError) in try engine.compact() }
                        world.executor.runSome(200)
                        world.disk.clearFaults()
                        if !crashes {
                            world.settle()
                            try ledger.put(engine, "after", "space")
                            try engine.flush()
                            try engine.compact()
                            try ledger.check(engine, context)
                        }
                        world.crash(.keepEverything)
                        engine = try world.open()
                        try ledger.check(engine, context + ", opened again")
                        world.crash(.loseUnsynced)
                        engine = try world.open()
                        try ledger.check(engine, context + ", opened twice")
                        try engine.compact()
                        try ledger.check(engine, context + ", compacted")
                    }
                }
            }
        }
    }

    @Test("a keyspace or an ingest that the disk refuses does not come back after a reopen that was told otherwise")
    func controlRecordsOnAFailingDisk() throws {
        for call in 1...12 {
            for number in [ENOSPC, EIO] {
                let world = World(seed: UInt64(call))
                var engine = try world.open()
                let ledger = Ledger()
                try ledger.put(engine, "a", "old")
                world.disk.inject(Fault(.error(number), on: .write, .sync, .open, atCall: call, times: 3))
                let made = failure { () throws(EngineError) in _ = try engine.createKeyspace("space") }
                let ingested = failure { () throws(EngineError) in
                    try engine.ingest { (writer) throws(EngineError) in try writer.add("a", "new") }
                }
                world.disk.clearFaults()
                let context = "call \(call), error \(number)"
                // A refusal that leaves it open poisons: only a reopen tells.
                let isPoisoned = engine.store.poison.isPoisoned
                if !isPoisoned {
                    #expect((engine.keyspace("space") == nil) == (made != nil), "\(context)")
                    #expect(try engine.text("a") == (ingested == nil ? "new" : "old"), "\(context)")
                    world.settle()
                    try engine.put("b", "later")
                }
                for outcome in [CrashOutcome.keepEverything, .loseUnsynced] {
                    world.crash(outcome)
                    engine = try world.open()
                    let value = try engine.text("a")
                    #expect(value == "new" || value == "old", "\(context)")
                    if !isPoisoned || (made == nil && ingested == nil) {
                        #expect((engine.keyspace("space") == nil) == (made != nil), "\(context), \(outcome)")
                        #expect(value == (ingested == nil ? "new" : "old"), "\(context), \(outcome)")
                    }
                    if !isPoisoned { #expect(try engine.text("b") == "later", "\(context)") }
                    world.settle()
                    #expect(world.orphans(engine) == [], "\(context)")
                }
            }
        }
    }

    @Test("a read that the disk fails is an error at every call, never absent, and right once the disk is back")
    func eioAtEveryNthRead() throws {
        let world = World(seed: 4)
        do {
            let engine = try world.open()
            for index in 0..<300 { try engine.put("k\(1000 + index)", "v\(index)", durability: .buffered) }
            try engine.compact()
            try engine.put("k1000", "newer")
            try engine.close()
        }
        for kind in [CallKind.read, .open] {
            var call = 1
            while true {
                let engine = try world.open()
                let before = world.disk.callCount(of: kind)
                world.disk.inject(Fault(.error(EIO), on: kind, path: ".sst", atCall: call, times: 1))
                var errors = 0
                for index in 0..<300 {
                    do throws(EngineError) {
                        #expect(try engine.text("k\(1000 + index)") == (index == 0 ? "newer" : "v\(index)"))
                    } catch {
                        #expect(error.code == .io && error.errno == EIO, "\(error)")
                        errors += 1
                    }
                }
                do {
                    #expect(try engine.keys().count == 300)
                } catch let error as EngineError {
                    #expect(error.code == .io)
                    errors += 1
                }
                let isPast = world.disk.callCount(of: kind) - before < call
                world.disk.clearFaults()
                #expect(errors == (isPast ? 0 : 1), "\(kind) \(call)")
                #expect(try engine.keys().count == 300)
                for index in 1..<300 { #expect(try engine.text("k\(1000 + index)") == "v\(index)") }
                try engine.close()
                if isPast { break }
                call += 1
            }
            #expect(call > 1)
        }
    }

    @Test("too many open files are an error for reads that need one more, and nothing is lost")
    func tooManyOpenFiles() throws {
        let world = World(seed: 5)
        var engine = try world.open()
        let ledger = Ledger()
        for index in 0..<100 { try ledger.put(engine, "k\(index)", "v") }
        try engine.flush()
        try engine.close()
        engine = try world.open()
        world.settle()
        try ledger.put(engine, "memory", "v")
        world.disk.openFilesLimit = world.disk.openFiles
        #expect(try engine.text("memory") == "v")
        let error = failure { () throws(EngineError) in _ = try engine.text("k1") }
        #expect(error?.errno == EMFILE, "\(String(describing: error))")
        try ledger.put(engine, "more", "v")
        _ = failure { () throws(EngineError) in try engine.flush() }
        _ = failure { () throws(EngineError) in try engine.compact() }
        #expect(try engine.text("more") == "v")
        world.disk.openFilesLimit = .max
        world.settle()
        try ledger.put(engine, "again", "v")
        try engine.compact()
        try ledger.check(engine, "with files")
        world.crash()
        try ledger.check(try world.open(), "opened again")
    }

    @Test("a compaction that fails at any call leaves the data, and succeeds when the disk does")
    func compactionAbortedAtEachStep() throws {
        var call = 1
        while true {
            let world = World(seed: UInt64(call))
            let engine = try world.open()
            let ledger = Ledger()
            for round in 0..<3 {
                for index in 0..<20 { try ledger.put(engine, "k\(index)", "v\(round)", durability: .buffered) }
                try ledger.delete(engine, "k\(round)")
                try engine.flush()
            }
            world.settle()
            let before = world.disk.callCount
            world.disk.inject(Fault(.error(EIO), on: .write, .sync, .open, .read, .syncDirectory, .rename, atCall: call))
            let error = failure { () throws(EngineError) in try engine.compact() }
            world.disk.clearFaults()
            if !engine.store.poison.isPoisoned {
                try ledger.check(engine, "call \(call)")
                world.settle()
                try engine.compact()
                try ledger.check(engine, "call \(call), again")
                world.settle()
                #expect(world.orphans(engine) == [], "call \(call)")
            }
            world.crash(call % 2 == 0 ? .keepEverything : .loseUnsynced)
            let again = try world.open()
            try ledger.check(again, "call \(call), opened again")
            world.settle()
            #expect(world.orphans(again) == [], "call \(call), opened again")
            if error == nil, world.disk.callCount - before > call { break }
            call += 1
            if call > 200 { break }
        }
        #expect(call > 5)
    }

    @Test("after a failed sync of the log nothing is acknowledged until the store is opened again")
    func fsyncFailsThenSucceeds() throws {
        for evicts in [false, true] {
            let world = World(seed: 6)
            var engine = try world.open()
            let ledger = Ledger()
            for index in 0..<20 { try ledger.put(engine, "k\(index)", "v") }
            world.settle()
            world.disk.inject(Fault(.error(EIO), on: .sync, path: ".log"))
            #expect(failure { () throws(EngineError) in try ledger.put(engine, "open", "v") }?.code == .poisoned)
            for durability in [Durability.synced, .buffered] {
                #expect(failure { () throws(EngineError) in try engine.put("no", "v", durability: durability) }?.code == .poisoned)
            }
            #expect(failure { () throws(EngineError) in try engine.sync() }?.code == .poisoned)
            #expect(failure { () throws(EngineError) in try engine.flush() }?.code == .poisoned)
            #expect(try engine.text("k1") == "v")
            #expect(failure { () throws(EngineError) in try engine.close() }?.code == .poisoned)
            if evicts { world.disk.evictDroppedPages() }
            engine = try world.open()
            try ledger.check(engine, "opened again")
            try ledger.put(engine, "after", "v")
            #expect(try engine.text("no") == nil)
            world.crash(.loseUnsynced)
            engine = try world.open()
            try ledger.check(engine, "after a crash")
        }
    }

    @Test("a table that is missing is an error naming it, and other tables are read")
    func missingTable() throws {
        let world = World(seed: 7)
        var engine = try world.open()
        for index in 0..<200 { try engine.put("a\(index)", "v", durability: .buffered) }
        try engine.compact()
        world.settle()
        let first = world.disk.paths.filter { $0.hasSuffix(".sst") }
        for index in 0..<200 { try engine.put("b\(index)", "v", durability: .buffered) }
        try engine.flush()
        try engine.close()
        try world.disk.remove(#require(first.first))
        engine = try world.open()
        #expect(try engine.text("b7") == "v")
        let error = failure { () throws(EngineError) in _ = try engine.text("a7") }
        #expect(error != nil && error?.file == first.first, "\(String(describing: error))")
        #expect(failure { () throws(EngineError) in try engine.scan { _, _ in true } } != nil)
        #expect(try engine.text("b7") == "v")
    }

    @Test("a store that is open is not opened a second time")
    func twoProcessesOpen() throws {
        let world = World(seed: 8)
        let engine = try world.open()
        #expect(failure { () throws(EngineError) in
            _ = try Engine.open(at: "/store", options: .small, environment: world.environment)
        }?.code == .locked)
        try engine.put("k", "v")
        try engine.close()
        let again = try world.open()
        #expect(try again.text("k") == "v")
        try again.close()

        let directory = TemporaryDirectory()
        let real = try Engine.open(at: directory.path, options: .small)
        let error = failure { () throws(EngineError) in _ = try Engine.open(at: directory.path, options: .small) }
        #expect(error?.code == .locked && error?.message.contains("\(getpid())") == true, "\(String(describing: error))")
        try real.close()
        try Engine.open(at: directory.path, options: .small).close()
    }
}

extension World {
    /// The name of the manifest in use.
    var manifest: String { disk.paths.last { $0.contains("MANIFEST-") } ?? "MANIFEST" }
}
