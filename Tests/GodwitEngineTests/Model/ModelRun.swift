import Foundation
import GodwitSimulation

@testable import GodwitEngine

/// What went wrong in a random run.
struct Mismatch: Error, CustomStringConvertible {
    let description: String
    init(_ text: String) { description = text }
}

/// Takes the steps of a random run on an engine and on a model, and throws at the first difference.
final class ModelRun {
    /// A moment between two batches, at which a crash may leave the store.
    private struct Boundary {
        let sequence: SequenceNumber
        let model: StoreModel
    }

    /// What a write that the power cut off was to make; `isExact`: where its only record ends.
    private struct Unfinished {
        let sequence: SequenceNumber
        let isExact: Bool
        let model: StoreModel
    }

    private struct PowerLoss: Error {}

    /// A value that was lent, copied.
    private final class Taken {
        var value: [UInt8]?
        var entries: [(key: [UInt8], value: [UInt8])] = []
    }

    let world: World
    private let chooseOptions: () -> EngineOptions
    private var engine: Engine
    private var model = StoreModel()
    private var snapshots: [(snapshot: Snapshot, model: StoreModel)] = []
    private var boundaries: [Boundary] = []
    private var unfinished: Unfinished?
    private var synced: SequenceNumber = 0
    private var epoch: Epoch
    private var pausedSteps: Int?
    private var lives = 0
    /// What every read answered, for comparing runs.
    private(set) var answers: [[UInt8]] = []
    private let keepsAnswers: Bool
    private let isVerbose = ProcessInfo.processInfo.environment["GODWIT_TRACE"] != nil
    private(set) var stepsTaken = 0
    private(set) var crashes = 0

    init(seed: UInt64, keepsAnswers: Bool = false, options: @escaping () -> EngineOptions) throws {
        world = World(seed: seed)
        chooseOptions = options
        self.keepsAnswers = keepsAnswers
        engine = try world.open(options())
        epoch = engine.position.epoch
        acknowledgeAll()
    }

    // MARK: Steps

    func take(_ step: Step) throws {
        stepsTaken += 1
        if isVerbose { print(stepsTaken, step, engine.position, "synced", synced) }
        if let left = pausedSteps {
            pausedSteps = left - 1
            if left <= 0 { try resume() }
        }
        do {
            try perform(step)
        } catch is PowerLoss {
            try recover(.random)
        } catch let error as EngineError {
            guard world.disk.isPowerOff else { throw Mismatch("step \(stepsTaken), \(step.name): \(error)") }
            try recover(.random)
        } catch let error as Mismatch {
            throw Mismatch("step \(stepsTaken), \(step.name): \(error)")
        }
    }

    /// Compares everything, closes, opens again, compares once more.
    func finish() throws {
        var phase = "at the end"
        do {
            try resume()
            try compareAll()
            phase = "after the last reopen"
            try reopen()
            phase = "after the last compaction"
            try engine.compact()
            try compareAll()
            try engine.close()
        } catch let error as EngineError {
            guard world.disk.isPowerOff else { throw Mismatch("\(phase): \(error)") }
            try recover(.random)
            try compareAll()
            try engine.close()
        } catch let error as Mismatch {
            throw Mismatch("\(phase): \(error)")
        }
    }

    private func perform(_ step: Step) throws {
        switch step {
        case .write(let index, let change, let synced): try write(index, change, synced ? .synced : .buffered)
        case .batch(let changes, let synced): try batch(changes, [], synced ? .synced : .buffered)
        case .conditional(let changes, let unchanged): try batch(changes, unchanged, .buffered)
        case .update(let index, let key, let value): try update(index, key, value)
        case .ingest(let index, let entries): try ingest(index, entries)
        case .sync:
            let position = try engine.sync()
            acknowledge(position.sequence)
        case .get(let index, let keys, let inSnapshot): try get(index, keys, inSnapshot)
        case .scan(let index, let range, let reverse, let limit, let inSnapshot):
            try scan(index, range, reverse: reverse, limit: limit, inSnapshot)
        case .takeSnapshot:
            if snapshots.count < 6 { snapshots.append((try engine.snapshot(), model)) }
        case .releaseSnapshot(let index):
            if index < snapshots.count { snapshots.remove(at: index) }
        case .create(let index, let settings): try create(index, settings)
        case .alter(let index, let settings): try alter(index, settings)
        case .drop(let index): try drop(index)
        case .flush: try refusedWhilePaused { () throws(EngineError) in try engine.flush() }
        case .compact(let index, let range):
            guard let space = keyspace(index) else { return }
            try refusedWhilePaused { () throws(EngineError) in try engine.compact(range, in: space) }
        case .pause:
            if pausedSteps == nil {
                try engine.pauseBackgroundWork()
                pausedSteps = 8
            }
        case .resume: try resume()
        case .background(let steps): world.executor.runSome(steps)
        case .advance(let milliseconds): world.clock.advance(milliseconds: milliseconds)
        case .reopen: try reopen()
        case .crash(let outcome): try recover(outcome)
        case .powerOff(let calls): world.disk.powerOff(afterCalls: calls)
        }
    }

    /// What waits for background work is refused while that is paused, and only then.
    private func refusedWhilePaused(_ body: () throws(EngineError) -> Void) throws {
        guard let error = refusal(body) else {
            if pausedSteps != nil { throw Mismatch("what waits for paused work was not refused") }
            return
        }
        guard pausedSteps != nil, error.code == .unavailable else { throw error }
    }

    /// Whether a write must be refused: it would wait for flushes or compactions, which are paused.
    private var isHeldByPause: Bool {
        pausedSteps != nil
            && engine.store.allTrees.contains {
                $0.view.memtables.count >= WriteThrottle.memtableLimit || $0.view.levels[0].count >= WriteThrottle.stopTables
            }
    }

    private func resume() throws {
        guard pausedSteps != nil else { return }
        pausedSteps = nil
        try engine.resumeBackgroundWork()
    }

    // MARK: Keyspaces

    private func name(_ index: Int) -> String { index == 0 ? "default" : "space \(index)" }

    /// The handle of a keyspace that the model has; nil for one that it lacks.
    private func keyspace(_ index: Int) -> Keyspace? {
        model.spaces[name(index)] == nil ? nil : engine.keyspace(name(index))
    }

    private func create(_ index: Int, _ settings: KeyspaceSettings) throws {
        guard model.spaces[name(index)] == nil else {
            let refusal = refusal { () throws(EngineError) in
                try engine.createKeyspace(name(index), settings: settings)
            }
            if refusal?.code == .invalidArgument { return }
            if world.disk.isPowerOff { throw PowerLoss() }
            throw Mismatch("\(name(index)) was made twice")
        }
        var next = model
        lives += 1
        next.spaces[name(index)] = StoreModel.Space(life: lives, settings: settings)
        try control(next) { try engine.createKeyspace(name(index), settings: settings) }
    }

    private func alter(_ index: Int, _ settings: KeyspaceSettings) throws {
        guard let space = keyspace(index) else { return }
        var next = model
        next.spaces[name(index)]?.settings = settings
        try control(next) { try engine.alterKeyspace(space, settings: settings) }
    }

    private func drop(_ index: Int) throws {
        guard index > 0, let space = keyspace(index) else { return }
        var next = model
        next.spaces[name(index)] = nil
        try control(next) { try engine.dropKeyspace(space) }
        let refusal = refusal { () throws(EngineError) in _ = try engine.get("any", in: space) }
        if refusal?.code != .notFound { throw Mismatch("\(name(index)) is still there after its drop") }
    }

    private func refusal(_ body: () throws(EngineError) -> Void) -> EngineError? {
        do throws(EngineError) {
            try body()
            return nil
        } catch {
            return error
        }
    }

    /// A change of keyspaces: one record, durable when it returns.
    private func control(_ next: StoreModel, _ body: () throws -> Void) throws {
        try commit(next, records: 1, .synced, isThrottled: false) {
            try body()
            return engine.position
        }
    }

    // MARK: Writes

    /// Runs a write and notes what it made of the store. `records`: how many sequence numbers it takes; nil for unknown.
    private func commit(
        _ next: StoreModel, records: Int?, _ durability: Durability, isThrottled: Bool = true,
        _ body: () throws -> Position
    ) throws {
        let before = engine.position.sequence
        let end = before + UInt64(records ?? 1)
        let position: Position
        do {
            if isThrottled, isHeldByPause {
                if refusal({ () throws(EngineError) in try engine.put("refused", "") })?.code != .unavailable {
                    throw Mismatch("a write that waits for paused work was not refused")
                }
                try resume()
            }
            position = try body()
        } catch {
            if world.disk.isPowerOff {
                unfinished = Unfinished(sequence: end, isExact: records != nil, model: next)
                throw PowerLoss()
            }
            throw error
        }
        if records != nil, position.sequence != end {
            throw Mismatch("a write of \(records ?? 0) operations after \(before) ends at \(position)")
        }
        model = next
        boundaries.append(Boundary(sequence: position.sequence, model: next))
        // An empty batch promises nothing about what came before it.
        if durability == .synced, position.sequence > before { acknowledge(position.sequence) }
    }

    private func acknowledge(_ sequence: SequenceNumber) {
        synced = max(synced, sequence)
        if let last = boundaries.lastIndex(where: { $0.sequence <= synced }) { boundaries.removeFirst(last) }
    }

    private func acknowledgeAll() {
        boundaries = [Boundary(sequence: engine.position.sequence, model: model)]
        synced = engine.position.sequence
    }

    private func deadline(_ ttl: UInt64?, _ space: StoreModel.Space) -> UInt64 {
        let lifetime = ttl ?? (space.settings.defaultTTL == 0 ? nil : space.settings.defaultTTL)
        return lifetime.map { engine.store.clock.now() + $0 } ?? 0
    }

    private func apply(_ change: Step.Change, to index: Int, of next: inout StoreModel, at sequence: SequenceNumber) {
        guard var space = next.spaces.removeValue(forKey: name(index)) else { return }
        switch change {
        case .put(let key, let value, let ttl): space.put(key, value, deadline: deadline(ttl, space), at: sequence)
        case .delete(let key): space.delete(key, at: sequence)
        case .deleteRange(let start, let end): space.deleteRange(start, end, at: sequence)
        }
        next.spaces[name(index)] = space
    }

    private func write(_ index: Int, _ change: Step.Change, _ durability: Durability) throws {
        guard let space = keyspace(index) else { return }
        var next = model
        apply(change, to: index, of: &next, at: engine.position.sequence + 1)
        try commit(next, records: 1, durability) {
            switch change {
            case .put(let key, let value, let ttl):
                try engine.put(
                    key, value, in: space, ttl: ttl.map { .milliseconds($0) }, durability: durability)
            case .delete(let key): try engine.delete(key, in: space, durability: durability)
            case .deleteRange(let start, let end):
                try engine.deleteRange(from: start, to: end, in: space, durability: durability)
            }
        }
    }

    private func batch(
        _ changes: [(space: Int, change: Step.Change)], _ unchanged: [(space: Int, key: [UInt8])],
        _ durability: Durability
    ) throws {
        let changes = changes.filter { keyspace($0.space) != nil }
        let oldest = snapshots.first
        let conditions = try oldest.map { oldest in
            try unchanged.compactMap { which in
                try keyspace(which.space).map { try Condition(unchanged: which.key, in: $0, since: oldest.snapshot) }
            }
        } ?? []
        let batch = try engine.makeBatch()
        // A record orders its operations by keyspace, and within one as they were added.
        let ordered = changes.enumerated().sorted {
            let (left, right) = (keyspace($0.element.space)?.id ?? 0, keyspace($1.element.space)?.id ?? 0)
            return (left, $0.offset) < (right, $1.offset)
        }
        var next = model
        for (place, item) in ordered.enumerated() {
            apply(
                item.element.change, to: item.element.space, of: &next,
                at: engine.position.sequence + 1 + UInt64(place))
        }
        for (index, change) in changes {
            let space = keyspace(index)
            switch change {
            case .put(let key, let value, let ttl):
                try batch.put(key, value, in: space, ttl: ttl.map { .milliseconds($0) })
            case .delete(let key): try batch.delete(key, in: space)
            case .deleteRange(let start, let end): try batch.deleteRange(from: start, to: end, in: space)
            }
        }
        let changed = oldest.map { oldest in
            unchanged.contains { which in
                (model.spaces[name(which.space)]?.lastChange(of: which.key) ?? 0) > oldest.snapshot.position.sequence
            }
        } ?? false
        do {
            try commit(next, records: changes.count, durability) {
                try engine.write(batch, if: conditions, durability: durability)
            }
            if changed, !changes.isEmpty { throw Mismatch("a condition that did not hold let a batch pass") }
        } catch let error as EngineError {
            switch error.code {
            case .conflict where changed: return
            case .conflictTooOld where !conditions.isEmpty: return
            default: throw error
            }
        }
    }

    private func update(_ index: Int, _ key: [UInt8], _ value: [UInt8]?) throws {
        guard let space = keyspace(index) else { return }
        var next = model
        let change = value.map { Step.Change.put(key: key, value: $0, ttl: nil) } ?? .delete(key: key)
        apply(change, to: index, of: &next, at: engine.position.sequence + 1)
        let expected = model.spaces[name(index)]?.value(key, now: engine.store.clock.now())
        let seen = Taken()
        try commit(next, records: 1, .buffered) {
            try engine.update(key, in: space, durability: .buffered) { old in
                if let old { seen.value = old.withView { $0.array } }
                return value.map { .put($0) } ?? .delete
            } ?? engine.position
        }
        if seen.value != expected { throw Mismatch("an update of \(key.shown) saw \(shown(seen.value)), not \(shown(expected))") }
    }

    private func ingest(_ index: Int, _ entries: [(key: [UInt8], value: [UInt8])]) throws {
        guard let space = keyspace(index) else { return }
        try resume()
        var next = model
        for (key, value) in entries { apply(.put(key: key, value: value, ttl: nil), to: index, of: &next, at: 0) }
        try commit(next, records: nil, .synced) {
            try engine.ingest(into: space) { (writer) throws(EngineError) in
                for (key, value) in entries { try writer.add(key, value) }
            }
        }
        for (key, _) in entries { model.spaces[name(index)]?.written[key] = engine.position.sequence }
    }

    // MARK: Reads

    private func view(_ inSnapshot: Bool) -> (snapshot: Snapshot?, model: StoreModel) {
        guard inSnapshot, let held = snapshots.last else { return (nil, model) }
        return (held.snapshot, held.model)
    }

    private func get(_ index: Int, _ keys: [[UInt8]], _ inSnapshot: Bool) throws {
        guard let space = keyspace(index) else { return }
        let (snapshot, model) = view(inSnapshot)
        guard let expected = model.spaces[name(index)], expected.life == self.model.spaces[name(index)]?.life else {
            return
        }
        let now = engine.store.clock.now()
        let many = keys.map { _ in Taken() }
        try engine.multiGet(keys, in: space, at: snapshot) { many[$0].value = $1.withView { $0.array } }
        for (place, key) in keys.enumerated() {
            let wanted = expected.value(key, now: now)
            let one = try engine.get(key, in: space, at: snapshot)
            if one != wanted { throw Mismatch("get \(key.shown): \(shown(one)), not \(shown(wanted))") }
            if many[place].value != wanted { throw Mismatch("multiGet \(key.shown): \(shown(many[place].value)), not \(shown(wanted))") }
            let resident = Taken()
            let residence = try engine.getIfResident(key, in: space, at: snapshot) { resident.value = $0.withView { $0.array } }
            if residence != .needsIO, resident.value != wanted {
                throw Mismatch("getIfResident \(key.shown): \(shown(resident.value)), not \(shown(wanted))")
            }
            answer(one ?? [])
        }
    }

    private func scan(
        _ index: Int, _ range: KeyRange, reverse: Bool, limit: Int, _ inSnapshot: Bool
    ) throws {
        guard let space = keyspace(index) else { return }
        let (snapshot, model) = view(inSnapshot)
        guard let expected = model.spaces[name(index)], expected.life == self.model.spaces[name(index)]?.life else {
            return
        }
        try compare(space, expected, range, reverse: reverse, limit: limit, snapshot)
    }

    private func compare(
        _ space: Keyspace, _ expected: StoreModel.Space, _ range: KeyRange, reverse: Bool, limit: Int = .max,
        _ snapshot: Snapshot?
    ) throws {
        var wanted = expected.entries(range, now: engine.store.clock.now())
        if reverse { wanted.reverse() }
        wanted = Array(wanted.prefix(limit))
        let found = try entries(space, range, reverse: reverse, limit: limit, snapshot)
        for (entry, place) in zip(found, wanted.indices) where entry != wanted[place] {
            throw Mismatch(
                "scan of \(space.name)\(reverse ? " in reverse" : ""), entry \(place): \(entry.key.shown) = \(entry.value.shown), not "
                    + "\(wanted[place].key.shown) = \(wanted[place].value.shown)")
        }
        if found.count != wanted.count {
            let more = found.count > wanted.count ? found[wanted.count].key : wanted[found.count].key
            throw Mismatch(
                "scan of \(space.name)\(reverse ? " in reverse" : ""): \(found.count) entries, not \(wanted.count); first \(more.shown)")
        }
        for entry in found {
            answer(entry.key)
            answer(entry.value)
        }
    }

    private func entries(
        _ space: Keyspace, _ range: KeyRange, reverse: Bool, limit: Int, _ snapshot: Snapshot?
    ) throws -> [(key: [UInt8], value: [UInt8])] {
        let taken = Taken()
        try engine.scan(range, in: space, reverse: reverse, limit: limit, at: snapshot) { key, value in
            taken.entries.append((key.withView { $0.array }, value.withView { $0.array }))
            return true
        }
        return taken.entries
    }

    private func answer(_ bytes: [UInt8]) { if keepsAnswers { answers.append(bytes) } }

    private func shown(_ value: [UInt8]?) -> String { value.map(\.shown) ?? "absent" }

    /// Compares all that readers can see.
    private func compareAll() throws {
        let names = engine.keyspaces.map(\.name).sorted()
        guard names == model.spaces.keys.sorted() else {
            throw Mismatch("the keyspaces are \(names), not \(model.spaces.keys.sorted())")
        }
        for space in engine.keyspaces {
            guard let expected = model.spaces[space.name] else { continue }
            guard space.settings == expected.settings else {
                throw Mismatch("\(space.name) has \(space.settings), not \(expected.settings)")
            }
            try compare(space, expected, .all, reverse: false, nil)
            try compare(space, expected, .all, reverse: true, nil)
            let now = engine.store.clock.now()
            for key in expected.values.keys.sorted(by: { $0.precedes($1) }) {
                let (found, wanted) = (try engine.get(key, in: space), expected.value(key, now: now))
                if found != wanted { throw Mismatch("get \(key.shown) of \(space.name): \(shown(found)), not \(shown(wanted))") }
            }
            for (snapshot, model) in snapshots {
                guard let held = model.spaces[space.name], held.life == expected.life else { continue }
                try compare(space, held, .all, reverse: false, snapshot)
            }
        }
    }

    // MARK: Ends and beginnings

    private func reopen() throws {
        snapshots = []
        try engine.close()
        let position = engine.position
        engine = try world.open(chooseOptions())
        pausedSteps = nil
        if engine.position != position { throw Mismatch("closed at \(position), opened at \(engine.position)") }
        model.forgetChanges()
        acknowledgeAll()
        try compareAll()
    }

    /// Loses power, opens the store again, finds out which boundary it is at, and goes on from there.
    private func recover(_ outcome: CrashOutcome) throws {
        snapshots = []
        pausedSteps = nil
        crashes += 1
        world.crash(outcome)
        // Now and then the power is lost again while the store recovers.
        while world.random.chance(1, in: 4) {
            world.disk.powerOff(afterCalls: world.random.within(1...80))
            do {
                engine = try world.open(chooseOptions())
                if !world.disk.isPowerOff { world.disk.clearFaults() }
            } catch {
                guard world.disk.isPowerOff else { throw Mismatch("recovery: \(error)") }
            }
            world.crash(.random)
        }
        do {
            engine = try world.open(chooseOptions())
        } catch {
            throw Mismatch("recovery: \(error)")
        }
        // Where power was lost around a clean close no epoch is begun.
        let begun = engine.epochHistory.first { $0.epoch > epoch }
        let recovered = begun?.parent.position.sequence ?? engine.position.sequence
        guard recovered >= synced, let boundary = boundaries.last(where: { $0.sequence <= recovered }) else {
            throw Mismatch("recovered up to \(recovered), but \(synced) was acknowledged as synced")
        }
        model = boundary.model
        if let unfinished, unfinished.isExact ? recovered >= unfinished.sequence : recovered > boundary.sequence {
            if unfinished.isExact || (try? compareAll()) == nil { model = unfinished.model }
        } else if recovered != boundary.sequence, unfinished?.isExact ?? true {
            throw Mismatch("recovered up to \(recovered), which is within a batch after \(boundary.sequence)")
        }
        unfinished = nil
        epoch = engine.position.epoch
        model.forgetChanges()
        acknowledgeAll()
        try compareAll()
    }
}

extension Step {
    /// The step's kind, for messages.
    var name: String { String(describing: self).prefix { $0 != "(" }.description }
}
