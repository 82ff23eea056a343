internal import Synchronization

/// How large segments are.
struct LogSegmentOptions: Sendable {
    /// The size of the first segment after an open: a store that is opened for a moment lays out little.
    var firstSize: UInt64 = 1 << 20
    /// The size that segments grow to, by four from one to the next.
    var fullSize: UInt64 = 64 << 20
    /// How many segments that are no longer needed are kept to be used again.
    var spares = 2
}

/// A segment that is laid out, synced and ready to be written, but for its header.
struct PreparedSegment: Sendable {
    let number: UInt64
    let file: any File
    let size: UInt64
}

/// The files of the log that is being written: lays segments out ahead of the writer, takes back those below the
/// retention floor, uses them again or removes them. All of that is slow and happens in `step`, which a background job
/// runs; the writer only takes what is ready, and waits for the disk only when it has outrun the job.
///
/// A segment's file is overwritten when it is used again: it may be copied into a checkpoint, never linked.
final class LogSegments: Sendable {
    private static let chunk = 1 << 20

    private struct Ready {
        var prepared: PreparedSegment?
        /// Numbers and sizes of segments in use, ascending.
        var live: [(number: UInt64, size: UInt64)]
        /// Segments given back and not yet looked at.
        var returned: [UInt64]
    }

    private struct Work {
        /// A segment being laid out and how far it is.
        var growing: PreparedSegment?
        var written: UInt64 = 0
        var nextSize: UInt64
        /// Files of known size that wait to be used again, ascending.
        var spares: [(number: UInt64, size: UInt64)] = []
    }

    private let directory: LogDirectory
    private let options: LogSegmentOptions
    private let nextFileNumber: @Sendable () throws(EngineError) -> UInt64
    private let wake: @Sendable () -> Void
    /// What the writer looks at: never held over a file operation.
    private let ready: Locked<Ready>
    /// Held while a file is worked on. Taken before `ready` where both are.
    private let work: Locked<Work>

    /// Manages the log in `directory`. `live` are the segments found that still count, `unused` those that do not.
    /// `nextFileNumber` gives the numbers of new segments, ascending; `wake` is called when `step` has something to do.
    init(
        _ directory: LogDirectory, options: LogSegmentOptions = LogSegmentOptions(), live: [UInt64] = [],
        unused: [UInt64] = [], nextFileNumber: @escaping @Sendable () throws(EngineError) -> UInt64,
        wake: @escaping @Sendable () -> Void = {}
    ) throws(EngineError) {
        self.directory = directory
        self.options = options
        self.nextFileNumber = nextFileNumber
        self.wake = wake
        var sized: [(number: UInt64, size: UInt64)] = []
        for segment in live.sorted() {
            let file = try directory.fileSystem.open(directory.path(of: segment), .read)
            sized.append((segment, try file.size()))
        }
        ready = Locked(Ready(prepared: nil, live: sized, returned: unused))
        work = Locked(Work(nextSize: options.firstSize))
    }

    /// The numbers of the segments in use, ascending.
    var live: [UInt64] { ready.withLock { $0.live.map(\.number) } }

    /// The numbers and sizes of the segments in use, ascending.
    var liveSizes: [(number: UInt64, size: UInt64)] { ready.withLock { $0.live } }

    /// The bytes on disk of the segments in use.
    var liveBytes: UInt64 { ready.withLock { $0.live.reduce(0) { $0 + $1.size } } }

    /// Gives back the segments below `floor`; `step` uses them again or removes them.
    func release(below floor: UInt64) {
        let any = ready.withLock { state in
            let freed = state.live.prefix { $0.number < floor }
            state.returned += freed.map(\.number)
            state.live.removeFirst(freed.count)
            return !freed.isEmpty
        }
        if any { wake() }
    }

    /// Gives back given segments, which a cut has made dead.
    func release(_ segments: [UInt64]) {
        ready.withLock { state in
            state.live.removeAll { segments.contains($0.number) }
            state.returned += segments
        }
        wake()
    }

    /// One step of the background job: lays out 1 MiB of the next segment, or disposes of one that was given back. A
    /// step that throws (the disk is full) has undone what it did; the next tries again.
    func step() throws(EngineError) -> StepResult {
        try Self.locked(work) { (state) throws(EngineError) in
            if let segment = ready.withLock({ $0.returned.isEmpty ? nil : $0.returned.removeFirst() }) {
                do throws(EngineError) {
                    try dispose(of: segment, &state)
                } catch {
                    if error.code == .notFound { return .more }
                    ready.withLock { $0.returned.append(segment) }
                    throw error
                }
                return .more
            }
            if ready.withLock({ $0.prepared != nil }) { return .waiting(until: nil) }
            if let done = try grow(&state, durably: true) {
                ready.withLock { $0.prepared = done }
                return .waiting(until: nil)
            }
            return .more
        }
    }

    /// A segment that can hold `length` bytes, the header included: the prepared one, or, when there is none or it is
    /// too small, one made now. Throws `.diskFull` when that does not fit on the disk; the next call tries again.
    func take(atLeast length: UInt64) throws(EngineError) -> PreparedSegment {
        let prepared = ready.withLock { state in
            guard let prepared = state.prepared, prepared.size >= length else { return nil as PreparedSegment? }
            state.prepared = nil
            state.live.append((prepared.number, prepared.size))
            return prepared
        }
        if let prepared {
            wake()
            prepared.file.beginWritingInPlace()
            return prepared
        }
        let made = try Self.locked(work) { (state) throws(EngineError) in try makeNow(atLeast: length, &state) }
        ready.withLock { $0.live.append((made.number, made.size)) }
        wake()
        made.file.beginWritingInPlace()
        return made
    }

    /// Lays a segment out while the writer waits: as little of it as will do.
    private func makeNow(atLeast length: UInt64, _ state: inout Work) throws(EngineError) -> PreparedSegment {
        if let prepared = ready.withLock({ $0.prepared.take() }) {
            if prepared.size >= length { return prepared }
            // Segments are used in the order of their numbers, so this one cannot come after the larger one.
            state.spares.append((prepared.number, prepared.size))
        }
        if let growing = state.growing, growing.size < length {
            state.growing = nil
            try directory.fileSystem.remove(growing.file.path)
        }
        let usual = state.nextSize
        if state.growing == nil, length > usual { state.nextSize = (length + 4095) & ~4095 }
        defer { if state.nextSize > options.fullSize { state.nextSize = usual } }
        while true {
            if state.growing != nil, state.written >= min(4 * length, state.growing?.size ?? 0), state.written >= length
            {
                return try finish(&state)
            }
            if let done = try grow(&state, durably: false) { return done }
        }
    }

    /// Makes the segment being laid out ready for use, as far as it has come.
    private func finish(_ state: inout Work) throws(EngineError) -> PreparedSegment {
        guard let growing = state.growing else { preconditionFailure("log: no segment is being laid out") }
        do throws(EngineError) {
            try growing.file.sync()
            try directory.fileSystem.syncDirectory(directory.path)
        } catch {
            state.growing = nil
            try? directory.fileSystem.remove(growing.file.path)
            throw error
        }
        state.growing = nil
        state.nextSize = max(state.nextSize, min(growing.size * 4, options.fullSize))
        return PreparedSegment(number: growing.number, file: growing.file, size: state.written)
    }

    /// Does the next piece of work on the segment being laid out; returns it when it is complete.
    private func grow(_ state: inout Work, durably: Bool) throws(EngineError) -> PreparedSegment? {
        do throws(EngineError) {
            if state.growing == nil, let reused = try reuse(&state) { return reused }
            let segment: PreparedSegment
            if let growing = state.growing {
                segment = growing
            } else {
                let number = try nextFileNumber()
                let file = try directory.fileSystem.open(directory.path(of: number), .create)
                segment = PreparedSegment(number: number, file: file, size: state.nextSize)
                state.growing = segment
                state.written = 0
            }
            let count = Int(min(UInt64(Self.chunk), segment.size - state.written))
            try segment.file.layOut(count, at: state.written)
            state.written += UInt64(count)
            let complete = state.written == segment.size
            if complete { return try finish(&state) }
            // Synced piece by piece, so that no sync of the log waits behind that of a whole segment.
            if durably { try segment.file.sync() }
            return nil
        } catch {
            if let growing = state.growing {
                state.growing = nil
                try? directory.fileSystem.remove(growing.file.path)
            }
            throw error
        }
    }

    /// Gives a spare file that is large enough a new number.
    private func reuse(_ state: inout Work) throws(EngineError) -> PreparedSegment? {
        guard let index = state.spares.firstIndex(where: { $0.size >= state.nextSize }) else { return nil }
        let spare = state.spares[index]
        let number = try nextFileNumber()
        let path = directory.path(of: number)
        try directory.fileSystem.rename(directory.path(of: spare.number), to: path)
        // Under its new name it stays a spare until it is ready for use.
        state.spares[index].number = number
        let file = try directory.fileSystem.open(path, .readWrite)
        try file.sync()
        try directory.fileSystem.syncDirectory(directory.path)
        state.spares.remove(at: index)
        state.nextSize = max(state.nextSize, min(spare.size * 4, options.fullSize))
        return PreparedSegment(number: number, file: file, size: spare.size)
    }

    /// Keeps a segment that was given back as a spare, or removes it.
    private func dispose(of segment: UInt64, _ state: inout Work) throws(EngineError) {
        let path = directory.path(of: segment)
        let size = try directory.fileSystem.open(path, .read).size()
        // Short files are not worth keeping once segments have grown past them.
        let isUseful = size >= state.nextSize && size <= options.fullSize
        if isUseful, state.spares.count < options.spares {
            state.spares.append((segment, size))
        } else {
            try directory.fileSystem.remove(path)
        }
    }

    /// `Locked.withLock` for bodies that throw an engine's error.
    private static func locked<R: Sendable>(
        _ mutex: Locked<Work>, _ body: (inout Work) throws(EngineError) -> R
    ) throws(EngineError) -> R {
        try mutex.withLock { (state) throws(EngineError) in try body(&state) }
    }
}
