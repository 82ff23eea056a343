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
    private var views: [TreeView] = []
    private var files: [(path: String, reader: TableReader?)] = []
    private var job: (any JobHandle)?
    private var holds = 0

    init(_ environment: EngineEnvironment, directory: String, manifest: ManifestStore, events: EventHub) {
        fileSystem = environment.fileSystem
        clock = environment.clock
        self.directory = directory
        self.manifest = manifest
        self.events = events
    }

    /// Names the job to wake when there is something to do.
    func attach(_ job: any JobHandle) {
        lock.withLock { self.job = job }
        job.wake()
    }

    /// Lets go of the job, and of the views: nobody reads any more.
    func detach() {
        let held = lock.withLock {
            defer {
                job = nil
                views = []
            }
            return views
        }
        // Freed after the lock: their tables may come here. An unused copy the compiler would drop within it.
        withExtendedLifetime(held) {}
    }

    /// Hands over a view that was replaced, and may still be read.
    func add(_ view: TreeView) {
        wake(after: { views.append(view) })
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

    /// Lets go of the views, or deletes one file. A file that cannot be deleted now is found again by the next open.
    func step() -> StepResult {
        EpochDomain.collect()
        let replaced = lock.withLock { views }
        if !replaced.isEmpty {
            guard EpochDomain.waitForReaders() else {
                return .waiting(until: clock.monotonicNanoseconds() + 2_000_000)
            }
            lock.withLock { views.removeFirst(replaced.count) }
            withExtendedLifetime(replaced) {}
            return .more
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
