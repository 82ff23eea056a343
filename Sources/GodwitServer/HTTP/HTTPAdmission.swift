internal import GodwitReplication
internal import Hummingbird

/// What the HTTP interface refuses when there is too much to do: reads that the disk is late with, and writes whose sync
/// is. Who is refused is told when to come again; whoever was let in keeps its latency.
final class HTTPAdmission: Sendable {
    let reads: Admission
    let writes: Admission

    init(
        reads: Admission = Admission(target: 50_000_000, limit: 1024),
        writes: Admission = Admission(target: 500_000_000, limit: 1024)
    ) {
        self.reads = reads
        self.writes = writes
    }

    /// Does work that may wait for the disk, or refuses it.
    func read<Result>(_ work: () async throws -> Result) async throws -> Result {
        try await Self.pass(reads, work)
    }

    /// The same for a write. One that other nodes must confirm may wait for them, which says nothing of this one's disk.
    func write<Result>(_ level: WriteLevel?, _ work: () async throws -> Result) async throws -> Result {
        if let level, level != .local {
            if !writes.admits() { throw Self.refusal }
            return try await work()
        }
        return try await Self.pass(writes, work)
    }

    private static func pass<Result>(
        _ admission: Admission, _ work: () async throws -> Result
    ) async throws -> Result {
        if !admission.admits() { throw refusal }
        let ticket = admission.enter()
        defer { admission.begin(ticket) }
        return try await work()
    }

    private static var refusal: Failure {
        var failure = Failure(.tooManyRequests, "overloaded", "the node has too much to do: try again")
        failure.headers[.retryAfter] = "1"
        return failure
    }
}
