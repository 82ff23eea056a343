internal import Synchronization

/// What nothing needs any more: views that were replaced, and files. A background job lets go of the first once their
/// readers are done, and deletes the second: unlinking a large file or unmapping a memtable takes milliseconds, which
/// no caller should pay.
final class Garbage: @unchecked Sendable {
    private let fileSystem: any FileSystem
    private let directory: String
    private let manifest: ManifestStore
    private let events: EventHub
    private let clock: any Clock
    private let lock = Lock()
    private var views: [Replaced] = []
    private let held = Atomic<Int>(0)
    private var files: [(path: String, reader: TableReader?)] = []
    private var job: (any JobHandle)?
    private var holds = 0
    /// Called when what readers hold back becomes more, or is gone.
    private var onHeld: () -> Void = {}
    /// Frees other memory that is not needed any more; called before each step.
    private var fit: () -> Void = {}

    /// A view that was replaced, and the bytes of its memtables that no later view has.
    private struct Replaced {
        let view: TreeView
        let bytes: Int
    }

    init(_ environment: EngineEnvironment, directory: String, manifest: ManifestStore, events: EventHub) {
        fileSystem = environment.fileSystem
        clock = environment.clock
        self.directory = directory
        self.manifest = manifest
        self.events = events
    }

    /// Names the job to wake when there is something to do, what to call when readers hold more back, or no more, and
    /// what frees memory that lies elsewhere.
    func attach(_ job: any JobHandle, onHeld: @escaping () -> Void, fit: @escaping () -> Void) {
        lock.withLock {
            self.job = job
            self.onHeld = onHeld
            self.fit = fit
        }
        job.wake()
    }

    /// Bytes of flushed memtables that cannot be freed because reads that began before have not returned.
    var heldBytes: Int { held.load(ordering: .relaxed) }

    /// Lets go of the job, and of the views: nobody reads any more.
    func detach() {
        let held = lock.withLock {
            job = nil
            onHeld = {}
            fit = {}
            return take()
        }
        // A view that goes may hand its tables over, for which it needs the lock: it must outlive it here.
        withExtendedLifetime(held) {}
    }

    /// The views that wait; under the lock.
    private func take() -> [Replaced] {
        var taken: [Replaced] = []
        swap(&taken, &views)
        return taken
    }

    /// Hands over a view that was replaced, and may still be read; `bytes` are those of its memtables that go with it.
    func add(_ view: TreeView, bytes: Int) {
        wake(after: { views.append(Replaced(view: view, bytes: bytes)) })
    }

    /// Hands over a table that the manifest does not name and no view holds.
    func add(table number: UInt64, _ reader: TableReader?) {
        let path = FileName.table(number).path(in: directory)
        wake(after: { files.append((path, reader)) })
    }

    private func wake(after change: () -> Void) {
        let job = lock.withLock {
            change()
            return self.job
        }
        job?.wake()
    }

    /// Deletes nothing while `body` runs: what the manifest names when it begins stays on the disk.
    func holding<R>(_ body: () throws(EngineError) -> R) throws(EngineError) -> R {
        lock.withLock { holds += 1 }
        defer { wake(after: { holds -= 1 }) }
        return try body()
    }

    /// Does all that can be done now; for a close, once the job is stopped: a short-lived process deletes its files too.
    func finish() {
        while case .more = step() {}
    }

    private func note(held bytes: Int) {
        guard held.exchange(bytes, ordering: .relaxed) != bytes else { return }
        lock.withLock { onHeld }()
    }

    /// Lets go of the views, or deletes one file. A file that cannot be deleted now is found again by the next open.
    func step() -> StepResult {
        lock.withLock { fit }()
        EpochDomain.collect()
        let replaced = lock.withLock { take() }
        if !replaced.isEmpty {
            // Released outside of the lock, which the tables of a view may need.
            defer { withExtendedLifetime(replaced) {} }
            if EpochDomain.waitForReaders() {
                note(held: 0)
                return .more
            }
            lock.withLock { views = replaced + views }
            note(held: replaced.reduce(0) { $0 + $1.bytes })
            return .waiting(until: clock.monotonicNanoseconds() + 2_000_000)
        }
        guard lock.withLock({ !files.isEmpty && holds == 0 }) else { return .waiting(until: nil) }
        do throws(EngineError) {
            // After a failed commit the disk may hold either manifest: until that is settled every file may be named.
            if manifest.isUnsettled { try manifest.settle() }
        } catch {
            return .waiting(until: clock.monotonicNanoseconds() + 100_000_000)
        }
        guard let next = lock.withLock({ holds > 0 ? nil : files.removeFirst() }) else { return .waiting(until: nil) }
        next.reader?.retire()
        do throws(EngineError) {
            try fileSystem.remove(next.path)
        } catch {
            if error.code != .notFound { events.tell(.backgroundError(error)) }
        }
        return .more
    }
}
