/// Files that nothing needs any more, deleted by a background job: unlinking a large file takes milliseconds, which no
/// caller should pay.
final class Garbage: @unchecked Sendable {
    private let fileSystem: any FileSystem
    private let directory: String
    private let manifest: ManifestStore
    private let events: EventHub
    private let clock: any Clock
    private let lock = Lock()
    private var readers: [(path: String, reader: TableReader?)] = []
    private var job: (any JobHandle)?

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

    /// Hands over a table that the manifest does not name and nobody reads.
    func add(table number: UInt64, _ reader: TableReader?) {
        add(FileName.table(number), reader)
    }

    /// Hands over a file that nothing refers to.
    func add(_ name: FileName, _ reader: TableReader? = nil) {
        let job = lock.withLock {
            readers.append((name.path(in: directory), reader))
            return self.job
        }
        job?.wake()
    }

    /// Says that memory was retired, which is freed once its last readers are gone.
    func wake() { lock.withLock { job }?.wake() }

    /// Deletes one file, and frees retired memory. A file that cannot be deleted now is found again by the next open.
    func step() -> StepResult {
        EpochDomain.collect()
        guard let next = lock.withLock({ readers.first }) else {
            if EpochDomain.deferredBytes == 0 { return .waiting(until: nil) }
            return .waiting(until: clock.monotonicNanoseconds() + 2_000_000)
        }
        do throws(EngineError) {
            // An edit that failed could come back after a crash, and name the file.
            try manifest.settle()
        } catch {
            events.tell(.backgroundError(error))
            return .waiting(until: clock.monotonicNanoseconds() + 500_000_000)
        }
        lock.withLock { _ = readers.removeFirst() }
        next.reader?.retire()
        do throws(EngineError) {
            try fileSystem.remove(next.path)
        } catch {
            if error.code != .notFound { events.tell(.backgroundError(error)) }
        }
        return .more
    }
}
